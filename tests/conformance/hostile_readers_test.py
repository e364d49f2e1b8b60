"""Readers that do not read, that go away, and what is damaged on the disk: the others do not notice."""

import re
import unittest
import urllib.request

import grpc

from support.case import ServerCase, main
from support.errors import of_rpc_error
from support.events import event, stored
from support.server import PATIENCE_S, Server, wait_until
from support.stubs import pb


def metric(server, name):
    """The sum of a metric's samples."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/metrics") as answer:
        text = answer.read().decode()
    values = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
    return sum(map(float, values))


class HostileReaders(ServerCase):

    FLAGS = ("--tail-bytes-max", "1MiB", "--write-buffer-bytes", "4MiB", "--send-bytes-max",
             "16MiB")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = cls.new_topic()
        for n in range(64):
            cls.append(cls.topic, [event(id=f"{n}-{i}", data=b"x" * 10_000) for i in range(100)])

    def open_unread(self, channel, count):
        stub = type(self.server.events)(channel)
        return [stub.Subscribe(pb.SubscribeRequest(topic=self.topic)) for _ in range(count)]

    def test_those_that_never_read_do_not_hold_up_the_others(self):
        channels = [self.server.new_channel() for _ in range(4)]
        for channel in channels:
            self.addCleanup(channel.close)
        # 16 of them fill the room for history: a batch of this topic has 1 MB.
        calls = [call for channel in channels for call in self.open_unread(channel, 30)]
        for _ in range(3):
            answers = self.server.events.Read(pb.ReadRequest(topic=self.topic), timeout=100)
            self.assertEqual(len(stored(answers)), 6400)
        wait_until(lambda: metric(self.server, "tidemark_slow_readers_total") > 0,
                   "those that keep others waiting are let go of")
        for call in calls:
            call.cancel()

    def test_cancelling_in_mid_batch_leaves_nothing_behind(self):
        for n in range(40):
            call = self.server.events.Read(pb.ReadRequest(topic=self.topic))
            if n % 2:
                next(call)
            call.cancel()
        self.assertEqual(len(self.read(self.topic)), 6400)


class DamagedBatch(unittest.TestCase):
    """A byte flips in a file of a cold store."""

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)
        self.server.topics.CreateTopic(pb.CreateTopicRequest(
            name="hr", config=pb.TopicConfig(partitions=2)))
        for n in range(10):
            for partition in (0, 1):
                self.server.events.Append(pb.AppendRequest(
                    topic="hr", partition=partition,
                    events=[event(id=f"{partition}-{n}-{i}", data=f"mark-{partition}-{n}".encode())
                            for i in range(3)]))
        self.server.stop()
        self.server.start()  # Recovery puts everything into files.
        self.server.stop()
        self.flip(b"mark-1-4")
        self.server.start()

    def flip(self, mark):
        for path in self.server.data.glob("*.sst"):
            content = bytearray(path.read_bytes())
            at = content.find(mark)
            if at >= 0:
                content[at] ^= 1
                path.write_bytes(content)
                return
        self.fail(f"no file holds {mark}")

    def read(self, partition, offset):
        """What came, and the error."""
        came = []
        call = self.server.events.Read(pb.ReadRequest(
            topic="hr", partitions=[partition],
            start=pb.Start(offsets=pb.PartitionOffsets(offsets={partition: offset}))),
            timeout=PATIENCE_S)
        try:
            for response in call:
                came.append(response)
        except grpc.RpcError as error:
            return [one.event.id for one in stored(came)], of_rpc_error(error)
        return [one.event.id for one in stored(came)], None

    def test_promise_corruption_is_detected_and_the_rest_goes_on(self):
        came, error = self.read(1, 0)
        self.assertEqual(came, [f"1-{n}-{i}" for n in range(4) for i in range(3)])
        self.assertEqual((error.code.name, error.reason), ("DATA_LOSS", "CORRUPT_BATCH"))
        self.assertEqual(error.metadata, {"topic": "hr", "partition": "1", "offset": "12"})
        came, error = self.read(1, 13)
        self.assertEqual((came, error.code.name), ([], "DATA_LOSS"))
        came, error = self.read(1, 15)
        self.assertEqual(came, [f"1-{n}-{i}" for n in range(5, 10) for i in range(3)])
        self.assertIsNone(error)
        came, error = self.read(0, 0)
        self.assertEqual((len(came), error), (30, None))
        self.assertGreaterEqual(metric(self.server, "tidemark_corrupt_batches_total"), 2)


if __name__ == "__main__":
    main()
