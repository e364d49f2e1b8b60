"""A store with some of everything in it, and all that a server says of it: what two tests compare."""

import random

import grpc

from support import errors
from support.events import event, stored_in
from support.stubs import pb

TOPICS = {"hr": {"partitions": 2}, "small": {"partitions": 1, "compression": pb.COMPRESSION_ZSTD}}
FLAGS = ("--index-segment-events", "32", "--write-buffer-bytes", "1MiB")


def fill(server, seed, topics=TOPICS):
    """Events, an index of them, groups, producers; part of it in data files, the newest in the write-ahead
    log. Started with FLAGS; killed at the end."""
    chance = random.Random(seed)
    for topic, config in topics.items():
        server.topics.CreateTopic(pb.CreateTopicRequest(
            name=topic, config=pb.TopicConfig(**config)))
    sequence = 0
    for half in range(2):
        for number in range(40):
            for topic in TOPICS:
                server.events.Append(pb.AppendRequest(topic=topic, events=[
                    event(id=f"{half}-{number}-{n}", type=f"t{n}", key=f"k{number % 7}",
                          data=chance.randbytes(20) * 10) for n in range(3)],
                    producer=pb.Producer(id="outbox", sequence=sequence)))
                sequence += 1
        server.groups.CommitOffsets(pb.CommitOffsetsRequest(group="payroll", offsets=[
            pb.OffsetToCommit(topic="hr", partition=0, offset=10 * (half + 1))]))
        if half == 0:
            server.kill()  # What the log holds goes into files at the start.
            server.start()


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
