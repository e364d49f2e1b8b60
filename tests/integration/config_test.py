"""Settings from flags, environment and file: who wins, where GetConfig says it came from, and what
a wrong one gets."""

import pathlib
import subprocess
import tempfile
import unittest

import conformance_support  # noqa: F401

from support.server import PATIENCE_S, TIDEMARKD, Server, environment
from support.stubs import pb

FLAG = pb.CONFIG_SOURCE_FLAG
ENVIRONMENT = pb.CONFIG_SOURCE_ENVIRONMENT
FILE = pb.CONFIG_SOURCE_FILE
DEFAULT = pb.CONFIG_SOURCE_DEFAULT


class Config(unittest.TestCase):

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="tidemark-config-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.file = self.directory / "tidemark.toml"

    def settings(self, *flags, **env):
        """From name to (value, source), as a running server reports them."""
        server = Server(*flags, env=environment(**env))
        self.addCleanup(server.close)
        settings = server.operations.GetConfig(pb.GetConfigRequest()).settings
        self.limits = server.operations.GetServerInfo(pb.GetServerInfoRequest()).limits
        return {s.name: (s.value, s.source) for s in settings}

    def refused(self, *flags, data=True, **env):
        """The message of a server that must not start because of its settings."""
        where = ["--data", self.directory / "data"] if data else []
        done = subprocess.run([TIDEMARKD, *where, *flags], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False, env=environment(**env))
        self.assertEqual(done.returncode, 1, done.stderr + done.stdout)
        self.assertTrue(done.stderr.startswith("tidemarkd: "), done.stderr)
        self.assertFalse((self.directory / "data").exists(), "made before settings were checked")
        return done.stderr

    def test_flag_over_environment_over_file_over_default(self):
        self.file.write_text('heartbeat_interval = "4s"\nstreams_max = 400\nkey_bytes_max = 444\n'
                             'group_members_max = 44\n')
        found = self.settings("--config", self.file, "--heartbeat-interval", "2s",
                              TIDEMARK_HEARTBEAT_INTERVAL="3s", TIDEMARK_STREAMS_MAX="300",
                              TIDEMARK_KEY_BYTES_MAX="333")
        self.assertEqual(found["heartbeat_interval"], ("2s", FLAG))
        self.assertEqual(found["streams_max"], ("300", ENVIRONMENT))
        self.assertEqual(found["key_bytes_max"], ("333", ENVIRONMENT))
        self.assertEqual(found["group_members_max"], ("44", FILE))
        self.assertEqual(found["topic_partitions_max"], ("10000", DEFAULT))
        self.assertEqual(found["config"], (str(self.file), FLAG))
        self.assertEqual((self.limits.streams_max, self.limits.key_bytes_max,
                          self.limits.group_members_max, self.limits.topic_partitions_max),
                         (300, 333, 44, 10_000))

    def test_file_named_by_the_environment(self):
        self.file.write_text('log_level = "debug"\n')
        found = self.settings(TIDEMARK_CONFIG=str(self.file))
        self.assertEqual(found["config"], (str(self.file), ENVIRONMENT))
        self.assertEqual(found["log_level"], ("debug", FILE))

    def test_data_and_addresses_from_everywhere(self):
        self.file.write_text(f'data = "{self.directory / "file"}"\nhttp = "off"\n')
        environ = environment(TIDEMARK_LISTEN="127.0.0.1:0")
        ports = self.directory / "ports.json"
        process = subprocess.Popen([TIDEMARKD, "--config", self.file, "--ports-file", ports],
                                   env=environ, stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        deadline_polls = 30 * 100
        while not ports.exists() and deadline_polls and process.poll() is None:
            deadline_polls -= 1
            try:
                process.wait(0.01)
            except subprocess.TimeoutExpired:
                pass
        self.assertRegex(ports.read_text(), r'^\{"grpc":\d+,"http":0\}\n$')
        self.assertTrue((self.directory / "file").is_dir())

    def test_wrong_values_name_setting_value_and_place(self):
        for flag in ("soon", "-1s", "0s", "16s", "1"):
            said = self.refused("--heartbeat-interval", flag)
            for part in ("heartbeat_interval", flag, "--heartbeat-interval"):
                self.assertIn(part, said)
        said = self.refused(TIDEMARK_EVENT_BYTES_MAX="12 apples")
        for part in ("event_bytes_max", "12 apples", "TIDEMARK_EVENT_BYTES_MAX"):
            self.assertIn(part, said)
        self.file.write_text("# first line\nstreams_max = 0\n")
        said = self.refused("--config", self.file)
        for part in ("streams_max", '"0"', f"{self.file}:2"):
            self.assertIn(part, said)

    def test_unknown_settings(self):
        self.assertIn("--stream-max", self.refused("--stream-max", "3"))
        self.file.write_text("stream_max = 3\n")
        said = self.refused("--config", self.file)
        for part in ("stream_max", "streams_max", f"{self.file}:1"):
            self.assertIn(part, said)
        said = self.refused(TIDEMARK_STREAM_MAX="3")
        for part in ("TIDEMARK_STREAM_MAX", "TIDEMARK_STREAMS_MAX"):
            self.assertIn(part, said)

    def test_files_that_cannot_be_read(self):
        self.assertIn(str(self.file), self.refused("--config", self.file))
        self.file.write_text("streams_max = = 3\n")
        self.assertIn(str(self.file), self.refused("--config", self.file))
        self.file.write_text("streams_max = 3\nstreams_max = 4\n")
        self.assertIn("streams_max", self.refused("--config", self.file))

    def test_settings_that_do_not_go_together(self):
        said = self.refused("--event-bytes-max", "8MiB", TIDEMARK_REQUEST_BYTES_MAX="4MiB")
        for part in ("event_bytes_max", "request_bytes_max", "8MiB", "4MiB", "--event-bytes-max",
                     "TIDEMARK_REQUEST_BYTES_MAX"):
            self.assertIn(part, said)
        self.assertIn("data", self.refused(data=False))

    def test_memory_that_does_not_add_up(self):
        said = self.refused("--queue-bytes-max", "500MiB")
        for part in ("memory_limit", "512MiB", "500.0 MiB  queue", "sum", "Raise memory_limit"):
            self.assertIn(part, said)
        said = self.refused(TIDEMARK_MEMORY_LIMIT="100MiB")
        for part in ("memory_limit = 100MiB", "TIDEMARK_MEMORY_LIMIT", "3 x write_buffer_bytes"):
            self.assertIn(part, said)

    def test_open_networks_are_refused_unless_accepted(self):
        for address in ("0.0.0.0:0", "[::]:0"):
            said = self.refused("--listen", address)
            for part in ("listen", address, "--allow-insecure-network"):
                self.assertIn(part, said)
        self.assertIn("http", self.refused("--http", "0.0.0.0:0"))

    def test_help_and_version(self):
        for flag, expected in (("--help", "--heartbeat-interval"), ("--version", "0.")):
            done = subprocess.run([TIDEMARKD, flag], capture_output=True, text=True,
                                  timeout=PATIENCE_S, check=False, env=environment())
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(expected, done.stdout)

    def test_limits_are_in_force(self):
        server = Server("--event-bytes-max", "1KiB", "--request-events-max", "3",
                        "--topic-partitions-max", "4")
        self.addCleanup(server.close)
        server.topics.CreateTopic(pb.CreateTopicRequest(name="t"))
        for call in (
                lambda: server.events.Append(pb.AppendRequest(
                    topic="t", events=[pb.Event(type="t", data=b"x" * 1100)])),
                lambda: server.events.Append(pb.AppendRequest(
                    topic="t", events=[pb.Event(type="t")] * 4)),
                lambda: server.topics.CreateTopic(pb.CreateTopicRequest(
                    name="u", config=pb.TopicConfig(partitions=5)))):
            with self.assertRaises(Exception) as caught:
                call()
            self.assertEqual(caught.exception.code().name, "INVALID_ARGUMENT")


if __name__ == "__main__":
    unittest.main(verbosity=2)
