"""Those who change topics, erase, and make backups while others work, and write down what they were told."""

import itertools
import time

import grpc

from google.protobuf import duration_pb2, field_mask_pb2

from support.server import PATIENCE_S
from support.stubs import pb, rpc

import desk_clients
from clients import KEYS_OF, Client, event_of, payload, place_name, record_offsets

POLICIES = [(20_000, None), (60_000, None), (None, 1.0), (30_000, 2.0), (5_000, 0.7)]


def policy_config(max_bytes, max_age):
    retention = pb.Retention(max_bytes=max_bytes)
    if max_age is not None:
        retention.max_age.CopyFrom(duration_pb2.Duration(
            seconds=int(max_age), nanos=round(max_age % 1 * 1e9)))
    return pb.TopicConfig(retention=retention)


def record_marks(client, channel):
    """Watermarks of `log`."""
    from_t, from_w = time.monotonic(), time.time()
    marks = rpc.Topics(channel).GetWatermarks(pb.GetWatermarksRequest(topic="log"), timeout=30)
    client.record("marks", from_t=from_t, from_w=from_w, w=time.time(), at={
        place_name("log", mark.partition): [mark.start_offset, mark.end_offset]
        for mark in marks.partitions})


def change_policy(client, channel, name, max_bytes, max_age):
    """Another retention for `log`."""
    client.record("policy", id=name, topic="log", max_bytes=max_bytes, max_age=max_age)
    rpc.Topics(channel).UpdateTopic(pb.UpdateTopicRequest(
        name="log", config=policy_config(max_bytes, max_age),
        update_mask=field_mask_pb2.FieldMask(paths=["retention"])), timeout=30)
    client.record("policied", id=name)


class Official(Client):
    """Ends when nobody appends any more."""

    def __init__(self, office, name):
        super().__init__(office, name)
        self.numbers = itertools.count(1)

    def finished(self):
        return self.office.has("no-more-appends") or super().finished()

    def next_name(self):
        return f"{self.name}/{next(self.numbers)}"


class Registrar(Official):
    """Other retentions, descriptions, topics that come and go; looks where the topics begin and end."""

    def __init__(self, office, name):
        super().__init__(office, name)
        self._change_at = 0
        self._described = 0
        self._topic = None  # (name, exists for sure, is gone for sure)

    def work(self, channel):
        while not self.finished():
            time.sleep(self.chance.uniform(0, 0.05))
            record_marks(self, channel)
            if time.monotonic() > self._change_at:
                self._change_at = time.monotonic() + self.chance.uniform(0.5, 3)
                change_policy(self, channel, self.next_name(), *self.chance.choice(POLICIES))
                self._describe(rpc.Topics(channel))
                self._topics(channel)

    def _describe(self, stub):
        self._described += 1
        self.record("describe", topic="pay", n=self._described)
        stub.UpdateTopic(pb.UpdateTopicRequest(
            name="pay", config=pb.TopicConfig(description=str(self._described)),
            update_mask=field_mask_pb2.FieldMask(paths=["description"])), timeout=30)
        self.record("described", topic="pay", n=self._described)
        from_t = time.monotonic()
        shown = stub.GetTopic(pb.GetTopicRequest(name="pay"), timeout=30).topic.config.description
        self.record("shown", topic="pay", from_t=from_t, n=int(shown or 0))

    def _topics(self, channel):
        """Makes a topic, or deletes it; a name comes again and again."""
        stub = rpc.Topics(channel)
        name = f"passing-{self.chance.randrange(3)}"
        if self.chance.random() < 0.5:
            self._change("create", "created", name, grpc.StatusCode.ALREADY_EXISTS, lambda: (
                stub.CreateTopic(pb.CreateTopicRequest(name=name), timeout=30)))
            self._use(channel, name)
        else:
            self._change("delete", "deleted", name, grpc.StatusCode.NOT_FOUND, lambda: (
                stub.DeleteTopic(pb.DeleteTopicRequest(name=name), timeout=30)))
        from_t = time.monotonic()
        listed = stub.ListTopics(pb.ListTopicsRequest(page_size=1000), timeout=30)
        self.record("topics", from_t=from_t, names=[topic.name for topic in listed.topics])

    def _change(self, asked, done, name, already, call):
        self.record(asked, topic=name)
        try:
            call()
        except grpc.RpcError as error:
            if error.code() != already:
                raise
        self.record(done, topic=name)

    def _use(self, channel, name):
        """What it has in it has to be readable, and nothing of what was there under this name before."""
        stub = rpc.EventStore(channel)
        value = self.next_name()
        stub.Append(pb.AppendRequest(topic=name, events=[event_of(value, "k")]), timeout=30)
        found = [event for response in stub.Read(pb.ReadRequest(topic=name), timeout=30)
                 for event in response.batch.events]
        if not found or found[-1].id != value or found[-1].data != payload(value):
            self.record("bad", what=f"{name} has {[event.id for event in found]} after {value}")


class Sexton(Official):
    """Redrives dead letters of groups, and asks how far those are that nobody seeks."""

    def __init__(self, office, name, groups):
        super().__init__(office, name)
        self._groups = groups

    def work(self, channel):
        stub = rpc.ConsumerGroups(channel)
        while not self.finished():
            time.sleep(self.chance.uniform(0.05, 0.5))
            for group, topics, _ in (desk_clients.DESK, desk_clients.POOL):
                record_offsets(self, channel, group, topics, "wgot")
            if self.chance.random() < 0.4:
                try:
                    stub.RedriveDeadLetters(pb.RedriveDeadLettersRequest(
                        group=self.chance.choice(self._groups)[0], all=pb.AllDeadLetters()),
                        timeout=30)
                except grpc.RpcError as error:
                    if error.code() != grpc.StatusCode.NOT_FOUND:
                        raise


class Eraser(Official):
    """Erases a key of `vault`, again until it is answered."""

    def __init__(self, office, name):
        super().__init__(office, name)
        self._key = None

    def finished(self):
        return super().finished() and (self._key is None or self.office.has("stop"))

    def work(self, channel):
        if self._key is None:
            time.sleep(self.chance.uniform(0.5, 2))
            self._key = self.chance.choice(KEYS_OF["vault"])
        name = self.next_name()
        self.record("erase", id=name, topic="vault", key=self._key)
        rpc.Topics(channel).EraseEvents(pb.EraseEventsRequest(
            topic="vault", key=pb.EraseKey(key=self._key), reason=name, actor=self.name), timeout=30)
        self.record("erased", id=name)
        self._key = None


def record_backups(client, channel):
    """The backups there are; returns the positions of those that are not damaged, by id."""
    from_t = time.monotonic()
    listed = rpc.Operations(channel).ListBackups(pb.ListBackupsRequest(), timeout=30).backups
    at = {one.id: one.position for one in listed if not one.damaged}
    client.record("listed", from_t=from_t, at=at, damaged=[one.id for one in listed if one.damaged])
    return at


class Archivist(Official):
    """Makes backups, verifies some, deletes some; what a power cut stopped is not a backup."""

    def work(self, channel):
        stub = rpc.Operations(channel)
        while not self.finished():
            time.sleep(self.chance.uniform(0.1, 1.5))
            name = self.next_name()
            self.record("backup", id=name)
            made = stub.CreateBackup(pb.CreateBackupRequest(bytes_per_second=1 << 30),
                                     timeout=PATIENCE_S).backup
            self.record("backed", id=name, b=made.id, p=made.position)
            there = record_backups(self, channel)
            one = self.chance.choice(sorted(there)) if there else None
            if one is not None and self.chance.random() < 0.3:
                stub.VerifyBackup(pb.VerifyBackupRequest(id=one), timeout=PATIENCE_S)
            elif len(there) > 1 and self.chance.random() < 0.4:
                self.record("dropping", b=one)
                stub.DeleteBackup(pb.DeleteBackupRequest(id=one), timeout=PATIENCE_S)
                record_backups(self, channel)
