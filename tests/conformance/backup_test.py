"""Backups of a running server, the stores they become, and verifying a store."""

import subprocess
import tempfile
import threading

import grpc

from support.case import ServerCase, main
from support.events import event, hr_events, stored
from support.server import PATIENCE_S, TIDEMARKD, Server
from support.stubs import pb


class Backups(ServerCase):

    @classmethod
    def setUpClass(cls):
        backups = tempfile.TemporaryDirectory(prefix="tidemark-backups-")
        cls.addClassCleanup(backups.cleanup)
        cls.backups = backups.name
        cls.server = Server("--backup-dir", cls.backups, "--backup-bytes-per-second", "1GiB")
        cls.addClassCleanup(cls.server.close)

    @property
    def operations(self):
        return self.server.operations

    def create(self, **more):
        return self.operations.CreateBackup(pb.CreateBackupRequest(**more),
                                            timeout=PATIENCE_S).backup

    def ids(self):
        return [b.id for b in self.operations.ListBackups(pb.ListBackupsRequest()).backups]

    def restored(self, backup):
        """A server on what a backup became."""
        server = Server(ready=False)
        self.addCleanup(server.close)
        done = subprocess.run([TIDEMARKD, "restore", "--from", self.backups, "--backup", backup.id,
                               "--data", server.data], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return server.start()

    def commit_offset(self, server, topic, group, offset):
        server.groups.CommitOffsets(pb.CommitOffsetsRequest(
            group=group, offsets=[pb.OffsetToCommit(topic=topic, partition=0, offset=offset)]))

    def test_becomes_the_store_of_its_position(self):
        topic = self.new_topic(partitions=2)
        self.append(topic, hr_events(300))
        producer = pb.Producer(id=self.new_name("producer"), sequence=3)
        first = self.append(topic, [event(id="once")], partition=0, producer=producer)
        group = self.new_name("group")
        self.commit_offset(self.server, topic, group, 17)
        before = self.read(topic)
        backup = self.create()
        self.assertEqual(backup.position, first.position)
        self.append(topic, hr_events(50, seed=2))
        self.commit_offset(self.server, topic, group, 18)
        self.new_topic()

        server = self.restored(backup)
        after = stored(server.events.Read(pb.ReadRequest(topic=topic), timeout=PATIENCE_S))
        self.assertEqual(sorted((e.place, e.position, e.event.SerializeToString()) for e in after),
                         sorted((e.place, e.position, e.event.SerializeToString()) for e in before))
        offsets = server.groups.GetOffsets(pb.GetOffsetsRequest(group=group)).offsets
        self.assertEqual([(o.partition, o.offset) for o in offsets], [(0, 17)])
        again = server.events.Append(pb.AppendRequest(
            topic=topic, events=[event(id="once")], partition=0, producer=producer))
        self.assertTrue(again.duplicate)
        self.assertEqual(again.position, first.position)
        info = server.operations.GetServerInfo(pb.GetServerInfoRequest())
        self.assertNotEqual(info.store_id, backup.store_id)
        *_, last = server.operations.VerifyStore(pb.VerifyStoreRequest(), timeout=PATIENCE_S)
        self.assertTrue(last.complete)
        self.assertEqual(last.events_checked, last.events_total)
        self.assertEqual(server.events.Append(pb.AppendRequest(
            topic=topic, events=[event()])).position, backup.position + 1)

    def test_is_listed_verified_and_deleted(self):
        self.append(self.new_topic(), hr_events(20))
        first, second = self.create(), self.create(bytes_per_second=1 << 30)
        listed = self.operations.ListBackups(pb.ListBackupsRequest())
        self.assertEqual([b.id for b in listed.backups][:2], [second.id, first.id])
        self.assertEqual(listed.backups[0], second)
        self.assertFalse(listed.HasField("running"))
        self.assertGreater(first.bytes, 0)
        info = self.operations.GetServerInfo(pb.GetServerInfoRequest())
        self.assertEqual(first.store_id, info.store_id)
        self.assertLessEqual({"backup", "verify"}, set(info.features))
        verified = self.operations.VerifyBackup(pb.VerifyBackupRequest(id=first.id))
        self.assertEqual(verified.backup.position, first.position)
        self.operations.DeleteBackup(pb.DeleteBackupRequest(id=first.id))
        self.assertNotIn(first.id, self.ids())
        self.assert_refused(
            lambda: self.operations.DeleteBackup(pb.DeleteBackupRequest(id=first.id)),
            "NOT_FOUND", "BACKUP_NOT_FOUND", backup=first.id)
        self.operations.VerifyBackup(pb.VerifyBackupRequest(id=second.id))

    def test_one_that_is_cancelled_leaves_nothing_and_one_at_a_time_is_made(self):
        topic = self.new_topic()
        for _ in range(6):  # More than is copied in a moment at the slowest pace.
            self.append(topic, [event(data=bytes(900_000))])
        before = self.ids()
        call = self.operations.CreateBackup.future(pb.CreateBackupRequest(bytes_per_second=1 << 20))
        running = threading.Event()
        while not running.is_set():
            listed = self.operations.ListBackups(pb.ListBackupsRequest())
            if listed.HasField("running") and listed.running.bytes_total > 0:
                running.set()
            self.assertFalse(call.done(), "it was made before it could be cancelled")
        self.assertGreater(listed.running.bytes_total, 5_000_000)
        self.assert_refused(lambda: self.create(), "FAILED_PRECONDITION", "BACKUP_BUSY")
        call.cancel()
        while self.operations.ListBackups(pb.ListBackupsRequest()).HasField("running"):
            pass
        self.assertEqual(self.ids(), before)
        self.create()

    def test_wrong_requests(self):
        ask = self.operations
        self.assert_over_limit(lambda: self.create(bytes_per_second=1000), "bytes_per_second",
                               "bytes_per_second_min", 1 << 20, 1000)
        for id in ("", "x", "01", "-1", "99999999999", "../1"):
            with self.subTest(id=id):
                self.assert_refused(lambda: ask.VerifyBackup(pb.VerifyBackupRequest(id=id)),
                                    "INVALID_ARGUMENT", "INVALID_FIELD", "id")
        self.assert_refused(lambda: ask.VerifyBackup(pb.VerifyBackupRequest(id="4000000")),
                            "NOT_FOUND", "BACKUP_NOT_FOUND", backup="4000000")

    def test_verify_store_reports_counts_and_knows_topics(self):
        topic = self.new_topic(partitions=3)
        self.append(topic, hr_events(40))
        *_, last = self.operations.VerifyStore(pb.VerifyStoreRequest(topic=topic))
        self.assertTrue(last.complete)
        self.assertEqual((last.events_checked, last.events_total, last.partitions_checked),
                         (40, 40, 3))
        self.assertGreater(last.bytes_checked, 40)
        self.assert_refused(
            lambda: self.operations.VerifyStore(pb.VerifyStoreRequest(topic="no-such")),
            "NOT_FOUND", "TOPIC_NOT_FOUND", topic="no-such")


class Damage(ServerCase):

    def test_no_directory(self):
        for call in (lambda: self.server.operations.CreateBackup(pb.CreateBackupRequest()),
                     lambda: self.server.operations.ListBackups(pb.ListBackupsRequest())):
            details = self.assert_refused(call, "FAILED_PRECONDITION", "BACKUP_DIR_NOT_SET")
            self.assertIn("backup_dir", details.message)

    def test_promise_corruption_is_detected(self):
        topic = self.new_topic()
        for n in range(10):
            self.append(topic, [event(data=f"mark-{n}".encode())] * 3)
        self.server.stop()
        self.server.start()  # Recovery puts everything into files.
        self.server.stop()
        for path in self.server.data.glob("*.sst"):
            content = bytearray(path.read_bytes())
            at = content.find(b"mark-4")
            if at >= 0:
                content[at] ^= 1
                path.write_bytes(content)
        self.server.start()
        details = [d for r in self.server.operations.VerifyStore(pb.VerifyStoreRequest())
                   for d in r.details]
        self.assertEqual(
            [(d.kind, d.topic, d.partition, d.from_offset, d.until_offset) for d in details],
            [(pb.VerifyFinding.KIND_EVENTS, topic, 0, 12, 15)])


if __name__ == "__main__":
    main()
