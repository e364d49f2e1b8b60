"""tidemark backup, tidemark verify, tidemarkd restore."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from cli_support import BIN, PATIENCE_S, CliTest, Server, hr_events

BACKUPS = tempfile.mkdtemp(prefix="tidemark-cli-backups-")


def tearDownModule():
    shutil.rmtree(BACKUPS)


def restore(*arguments):
    return subprocess.run([BIN / "tidemarkd", "restore", *map(str, arguments)],
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False)


class Backup(CliTest):

    FLAGS = ("--backup-dir", BACKUPS)

    def test_in_five_commands(self):
        topic = self.new_topic(3)
        self.append(topic, hr_events(200))
        events = self.read(topic)
        self.assertRegex(self.ok("backup", "create"), r"made backup \d+ at position \d+: .* new\n")
        newest = json.loads(self.ok("backup", "list", "-o", "json"))[0]
        self.assertIn(newest["store_id"], self.ok("backup", "list"))
        self.assertIn("intact", self.ok("backup", "verify", newest["id"]))
        self.append(topic, hr_events(10))

        data = self.scratch / "restored"
        done = restore("--from", BACKUPS, "--data", data)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"restored backup {newest['id']} ", done.stdout)
        other = Server()
        self.addCleanup(other.stop)
        other.process.terminate()
        other.process.wait(PATIENCE_S)
        old = pathlib.Path(other.directory) / "data"
        shutil.rmtree(old)
        data.rename(old)
        other.start()
        done = self.run_cli("read", topic, "-o", "jsonl", "--server", other.address)
        self.assertEqual([json.loads(line) for line in done.out.splitlines()], events)

        self.assertEqual(self.ok("backup", "delete", newest["id"]),
                         f"deleted backup {newest['id']}\n")
        self.fails(3, "backup", "delete", newest["id"])

    def test_a_damaged_backup(self):
        self.append(self.new_topic(), hr_events(20))
        made = json.loads(self.ok("backup", "create", "--mib-per-second", 100, "-o", "json"))
        log = next((pathlib.Path(BACKUPS) / "private" / made["id"]).glob("*.log"))
        content = bytearray(log.read_bytes())
        content[len(content) // 2] ^= 1
        log.write_bytes(content)
        self.assertIn("Checksum mismatch", self.fails(4, "backup", "verify", made["id"]))
        done = restore("--from", BACKUPS, "--backup", made["id"], "--data", self.scratch / "new")
        self.assertEqual(done.returncode, 2)
        self.ok("backup", "delete", made["id"])

    def test_restore_refuses(self):
        (self.scratch / "full").mkdir()
        (self.scratch / "full" / "precious").write_text("x")
        self.append(self.new_topic(), hr_events(1))
        self.ok("backup", "create")
        for code, word, arguments in (
                (1, "--data", ["--from", BACKUPS]),
                (1, "--backup", ["--from", BACKUPS, "--data", self.scratch / "a", "--backup", "x"]),
                (2, "not empty", ["--from", BACKUPS, "--data", self.scratch / "full"]),
                (2, "no backups", ["--from", self.scratch, "--data", self.scratch / "a"])):
            with self.subTest(word):
                done = restore(*arguments)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(word, done.stderr)
        self.assertEqual(restore("--help").returncode, 0)

    def test_verify(self):
        topic = self.new_topic()
        self.append(topic, hr_events(30))
        self.assertIn("nothing is wrong", self.ok("verify"))
        report = json.loads(self.ok("verify", topic, "-o", "json"))
        self.assertEqual((report["complete"], report["events_checked"], report["findings"]),
                         (True, 30, []))
        self.fails(3, "verify", "no-such-topic")


if __name__ == "__main__":
    unittest.main()
