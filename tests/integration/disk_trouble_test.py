"""A disk that is full, and one that fails: what is refused says why, reads go on, nothing acknowledged is
lost, and a full disk is left behind without anybody's doing.

The full disk is a real, small file system, in a mount namespace of its own; where that is not permitted
the test is skipped and says so.
"""

import os
import pathlib
import subprocess
import unittest
import urllib.request

import grpc

import conformance_support  # noqa: F401

from support import errors
from support.events import event, stored
from support.server import BIN, Server, environment, wait_until
from support.stubs import pb

LOSSY_DISK = BIN.parent / "tests" / "libtidemark_lossy_disk.so"
MIB = 1 << 20


class Appender:
    """One producer: what it was answered, and what it has to repeat."""

    def __init__(self, server, topic):
        self._server, self._topic = server, topic
        self._sequence = 0
        self.acknowledged = []  # Ids.

    def append(self, bytes=100):
        """Appends one event, or raises; the next call then repeats it."""
        name = f"{self._topic}-{self._sequence}"
        answer = self._server.events.Append(pb.AppendRequest(
            topic=self._topic, events=[event(id=name, data=name.encode().ljust(bytes, b"."))],
            producer=pb.Producer(id=self._topic, sequence=self._sequence)), timeout=20)
        self._sequence += 1
        self.acknowledged.append(name)
        return answer

    def until_refused(self, bytes):
        while True:
            try:
                self.append(bytes)
            except grpc.RpcError as error:
                return errors.of_rpc_error(error)


class DiskTrouble(unittest.TestCase):

    def check_acknowledged(self, server, *appenders):
        for appender in appenders:
            events = [one.event for one in stored(server.events.Read(
                pb.ReadRequest(topic=appender._topic), timeout=60))]
            self.assertEqual([one.id for one in events], appender.acknowledged)
            self.assertTrue(all(one.data.rstrip(b".").decode() == one.id for one in events))

    def new_topic(self, server, name):
        server.topics.CreateTopic(pb.CreateTopicRequest(
            name=name, config=pb.TopicConfig(partitions=1)))
        return Appender(server, name)

    def get(self, server, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}{path}") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


class FullDisk(DiskTrouble):
    """48 MiB in all; 12 stay free, 3 for acks and the like."""

    FLAGS = ("--disk-free-min", "12MiB", "--write-buffer-bytes", "1MiB")

    def setUp(self):
        self.server = Server(*self.FLAGS, ready=False)
        self.addCleanup(self.server.close)
        self.server.data.mkdir()
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        self.holder = subprocess.Popen(
            [*unshare, "sh", "-c", 'mount -t tmpfs -o size=48m tmpfs "$0" && echo mounted && '
             "exec sleep 600", self.server.data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.holder.stdout.close)
        self.addCleanup(self.holder.wait)
        self.addCleanup(self.holder.kill)
        said = self.holder.stdout.readline().decode()
        if said != "mounted\n":
            self.skipTest(f"no file system of its own is permitted here: {said}")
        user = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        self.server.command[:0] = ["nsenter", "-t", str(self.holder.pid), *user, "-m"]
        self.disk = pathlib.Path(f"/proc/{self.holder.pid}/root{self.server.data}")

    def free(self):
        found = os.statvfs(self.disk)
        return found.f_bavail * found.f_frsize

    def take_all_but(self, bytes):
        """Somebody else's file."""
        with open(self.disk / "foreign", "wb") as file:
            while (much := self.free() - bytes) > 0:
                file.write(b"x" * min(much, MIB))
                file.flush()

    def commit_offset(self, group, offset, timeout=20):
        return self.server.groups.CommitOffsets(pb.CommitOffsetsRequest(group=group, offsets=[
            pb.OffsetToCommit(topic="hr", offset=offset)]), timeout=timeout)

    def check_refused(self, refused, least):
        self.assertEqual((refused.code.name, refused.reason), ("RESOURCE_EXHAUSTED", "DISK_FULL"))
        self.assertEqual(refused.metadata["limit_name"], "disk_free_min")
        self.assertEqual(refused.metadata["limit"], str(12 * MIB))
        self.assertLess(int(refused.metadata["value"]), least)
        self.assertIn(refused.metadata["value"], refused.message)
        self.assertGreater(refused.retry_delay_s, 0)

    def append_when_there_is_room(self, appender):
        def appended():
            try:
                return appender.append()
            except grpc.RpcError as error:
                self.assertEqual(errors.of_rpc_error(error).reason, "DISK_FULL")
                return None
        wait_until(appended, "appends are taken again")

    def test_promise_durable_on_a_full_disk(self):
        server = self.server.start()
        hr, junk = self.new_topic(server, "hr"), self.new_topic(server, "junk")
        for _ in range(20):
            hr.append(MIB // 4)
        self.check_refused(junk.until_refused(MIB // 4), 12 * MIB)
        self.assertGreater(self.free(), 3 * MIB, "the disk was looked at too late")
        # What does not append goes on.
        self.check_acknowledged(server, hr, junk)
        self.commit_offset("payroll", 5)
        self.assertEqual(self.get(server, "/readyz")[0], 200)
        self.assertIn("tidemark_disk_full 1", self.get(server, "/metrics")[1])
        # A crash in this state.
        server.kill()
        server.start()
        self.check_acknowledged(server, hr, junk)
        # Somebody takes nearly all the rest: now nothing is written, but what is there is there.
        self.take_all_but(2 * MIB)
        wait_until(lambda: "tidemark_disk_free_bytes 2" in self.get(server, "/metrics")[1],
                   "the server has looked")
        with self.assertRaises(grpc.RpcError) as caught:
            self.new_topic(server, "more")
        self.check_refused(errors.of_rpc_error(caught.exception), 3 * MIB)
        self.check_acknowledged(server, hr, junk)
        # An offset is not refused, but waits until there is room.
        waiting = server.groups.CommitOffsets.future(pb.CommitOffsetsRequest(
            group="payroll", offsets=[pb.OffsetToCommit(topic="hr", offset=7)]), timeout=30)
        (self.disk / "foreign").unlink()
        waiting.result()
        # The operator deletes a topic; appends go on by themselves, under the same sequence.
        server.topics.DeleteTopic(pb.DeleteTopicRequest(name="junk"))
        self.append_when_there_is_room(hr)
        self.check_acknowledged(server, hr)
        self.assertIn("tidemark_disk_full 0", self.get(server, "/metrics")[1])
        self.assertEqual(self.server.stop(), 0)


class BrokenDisk(DiskTrouble):

    def test_promise_durable_when_a_sync_fails(self):
        broken = None
        server = Server(ready=False)
        self.addCleanup(server.close)
        broken = server.directory / "broken"
        server.env = environment(LD_PRELOAD=str(LOSSY_DISK), LOSSY_DISK_EIO=str(broken))
        server.start()
        hr = self.new_topic(server, "hr")
        for _ in range(10):
            hr.append()
        broken.touch()
        refused = hr.until_refused(100)
        self.assertEqual((refused.code.name, refused.reason), ("UNAVAILABLE", "STORE_FAILED"))
        broken.unlink()
        # Once is enough: what a later sync says is worth nothing.
        refused = hr.until_refused(100)
        self.assertEqual((refused.code.name, refused.reason), ("UNAVAILABLE", "STORE_FAILED"))
        self.assertIn("restarted", refused.message)
        self.assertEqual(self.get(server, "/readyz")[0], 503)
        self.check_acknowledged(server, hr)
        server.kill()
        server.start()
        self.check_acknowledged_and_one_more(server, hr)
        hr.append()  # The one whose fate was open, under its sequence.
        self.check_acknowledged(server, hr)

    def check_acknowledged_and_one_more(self, server, hr):
        ids = [one.event.id for one in stored(server.events.Read(pb.ReadRequest(topic="hr")))]
        self.assertEqual(ids[:len(hr.acknowledged)], hr.acknowledged)
        self.assertLessEqual(len(ids), len(hr.acknowledged) + 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
