"""One byte of one file of a store changes, in each file in turn: the server does not start and says what is
damaged, or it serves what is right and says DATA_LOSS where it cannot; `VerifyStore` names topic, partition
and offsets. Nothing wrong is ever served as good.

TIDEMARK_ROT_PLACES is how many bytes of each file are tried (default 1); TIDEMARK_TEST_SEED repeats a run.
"""

import collections
import os
import random
import shutil
import unittest

import grpc

import conformance_support  # noqa: F401

from support import errors
from support.events import event, stored_in
from support.server import Server
from support.stubs import pb

PLACES = int(os.environ.get("TIDEMARK_ROT_PLACES", "1"))
TOPICS = {"hr": {"partitions": 2}, "small": {"partitions": 1, "compression": pb.COMPRESSION_ZSTD}}
# Written by RocksDB for people, or for one process alone.
NOT_DATA = ("LOG", "LOCK")


class Everything:
    """What a server says of its store, or that it cannot: from question to answer or DATA_LOSS."""

    def __init__(self, server):
        self.answers = {}
        self.losses = []
        for topic, config in TOPICS.items():
            for partition in range(config["partitions"]):
                self._read(server, topic, partition)
            self._ask(f"types of {topic}", lambda t=topic: [
                (one.type, one.count) for one in server.topics.ListEventTypes(
                    pb.ListEventTypesRequest(topic=t)).types])
            self._ask(f"key of {topic}", lambda t=topic: server.topics.GetKey(
                pb.GetKeyRequest(topic=t, key="k1")).revision)
            self._ask(f"reading a key of {topic}", lambda t=topic: [
                one.event.id for response in server.events.Read(pb.ReadRequest(
                    topic=t, filter=pb.Filter(keys=["k1"])), timeout=30)
                if response.HasField("batch") for one in stored_in(response.batch)])
        self._ask("offsets", lambda: sorted(
            (at.topic, at.partition, at.offset) for at in server.groups.GetOffsets(
                pb.GetOffsetsRequest(group="payroll")).offsets))
        self._ask("producer", lambda: server.events.GetProducer(
            pb.GetProducerRequest(id="outbox")).last_sequence)

    def _ask(self, name, question):
        try:
            self.answers[name] = question()
        except grpc.RpcError as error:
            self._lose(name, errors.of_rpc_error(error))

    def _lose(self, name, details):
        if details.code.name != "DATA_LOSS":
            raise AssertionError(f"{name}: {details}")
        self.losses.append((name, details))

    def _read(self, server, topic, partition):
        """The events before the damage count as an answer: they are what they were."""
        came = []
        try:
            for response in server.events.Read(
                    pb.ReadRequest(topic=topic, partitions=[partition]), timeout=30):
                if response.HasField("batch"):
                    came += [(one.offset, one.event.SerializeToString(deterministic=True))
                             for one in stored_in(response.batch)]
        except grpc.RpcError as error:
            self._lose(f"{topic}/{partition}", errors.of_rpc_error(error))
        self.answers[f"{topic}/{partition}"] = came


class BitRot(unittest.TestCase):

    FLAGS = ("--index-segment-events", "32", "--write-buffer-bytes", "1MiB")

    @classmethod
    def setUpClass(cls):
        cls.seed = int(os.environ.get("TIDEMARK_TEST_SEED", random.SystemRandom().randrange(2**31)))
        print(f"TIDEMARK_TEST_SEED={cls.seed}", flush=True)
        cls.chance = random.Random(cls.seed)
        cls.server = Server(*cls.FLAGS)
        cls.addClassCleanup(cls.server.close)
        cls.fill()
        cls.sound = cls.server.directory / "sound"
        shutil.move(cls.server.data, cls.sound)

    @classmethod
    def fill(cls):
        """Some of everything; part of it in data files, the newest in the write-ahead log."""
        server = cls.server
        for topic, config in TOPICS.items():
            server.topics.CreateTopic(pb.CreateTopicRequest(
                name=topic, config=pb.TopicConfig(**config)))
        sequence = 0
        for half in range(2):
            for number in range(40):
                for topic in TOPICS:
                    server.events.Append(pb.AppendRequest(topic=topic, events=[
                        event(id=f"{half}-{number}-{n}", type=f"t{n}", key=f"k{number % 7}",
                              data=cls.chance.randbytes(200)) for n in range(3)],
                        producer=pb.Producer(id="outbox", sequence=sequence)))
                    sequence += 1
            server.groups.CommitOffsets(pb.CommitOffsetsRequest(group="payroll", offsets=[
                pb.OffsetToCommit(topic="hr", partition=0, offset=10 * (half + 1))]))
            if half == 0:
                server.kill()  # What the log holds goes into files at the start.
                server.start()
        cls.expected = Everything(server).answers
        server.kill()

    def copy(self):
        shutil.rmtree(self.server.data, ignore_errors=True)
        shutil.copytree(self.sound, self.server.data)

    def files(self):
        return sorted(path.name for path in self.sound.iterdir()
                      if path.is_file() and not path.name.startswith(NOT_DATA)
                      and path.stat().st_size > 0)

    def flip(self, name, place):
        with open(self.server.data / name, "r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1 << self.chance.randrange(8)]))

    def findings(self):
        return [one for answer in self.server.operations.VerifyStore(
            pb.VerifyStoreRequest(), timeout=60) for one in answer.details]

    def outcome(self):
        """'refused', 'told' or 'harmless'; fails for anything that is served and is not right."""
        try:
            self.server.start()
        except AssertionError:
            self.assertEqual(self.server.process.returncode, 2, self.server.log()[-2000:])
            return "refused"
        try:
            found = Everything(self.server)
            self.check_answers(found)
            findings = self.findings()
            if found.losses:
                self.check_told(found, findings)
            return "told" if found.losses or findings else "harmless"
        finally:
            self.server.kill()

    def check_answers(self, found):
        lost = {name for name, _ in found.losses}
        for name, expected in self.expected.items():
            answer = found.answers.get(name)
            if name in lost and answer is not None:
                expected = expected[:len(answer)]
            if answer is not None or name not in lost:
                self.assertEqual(answer, expected, name)

    def check_told(self, found, findings):
        """Who reads is told where, and so is who verifies."""
        for name, details in found.losses:
            if "/" in name:
                self.assertIn("topic", details.metadata, details)
                topic, partition = name.split("/")
                self.assertEqual((details.metadata["topic"], details.metadata["partition"]),
                                 (topic, partition))
                about = [one for one in findings
                         if (one.topic, one.partition) == (topic, int(partition))]
                if details.reason == "CORRUPT_PARTITION":  # Its index is damaged: nobody knows where.
                    self.assertTrue(about, details)
                    continue
                offset = int(details.metadata["offset"])
                self.assertEqual(offset, len(found.answers[name]))
                self.assertTrue(any(one.from_offset <= offset < one.until_offset for one in about),
                                f"{details} is not among {findings}")

    def test_promise_corruption_is_detected_never_served(self):
        outcomes = collections.Counter()
        for name in self.files():
            size = (self.sound / name).stat().st_size
            for number in range(PLACES):
                place = self.chance.randrange(size)
                with self.subTest(file=name, size=size, place=place, seed=self.seed):
                    self.copy()
                    self.flip(name, place)
                    outcomes[name.lstrip("0123456789") or name, self.outcome()] += 1
        for (kind, outcome), count in sorted(outcomes.items()):
            print(f"{kind:20} {outcome:10} {count}")
        self.assertGreater(sum(count for (_, outcome), count in outcomes.items()
                               if outcome != "harmless"), len(outcomes) // 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
