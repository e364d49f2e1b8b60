"""Events to append, and what came back of them."""

import random

from google.protobuf import timestamp_pb2

from .stubs import pb

TYPES = ["employee.created", "salary.changed", "title.changed", "department.assigned"]


def event(id="", type="employee.created", key="", data=b"", **more):
    return pb.Event(id=id, type=type, key=key, data=data, **more)


def hr_events(count, seed=11, keys=40):
    """Lives of employees: every field in use, payloads of very different sizes."""
    chance = random.Random(seed)
    made = []
    for i in range(count):
        made.append(pb.Event(
            id=f"hr-{seed}-{i}", type=chance.choice(TYPES), source="/hr/employees",
            key=f"employee-{chance.randrange(keys)}",
            time=timestamp_pb2.Timestamp(seconds=chance.randrange(-10**9, 2 * 10**9),
                                         nanos=chance.randrange(10**9)),
            content_type="application/json",
            data=chance.randbytes(chance.choice([0, 1, 20, 100, 3000])),
            attributes={"correlationid": f"c-{i % 7}", "office": "Zürich \U0001f3d4"}
            if i % 3 == 0 else {}))
    return made


class Stored:
    """One event with its place."""

    __slots__ = ("topic", "partition", "offset", "append_time", "position", "event")

    def __init__(self, batch, offset, found):
        self.topic = batch.topic
        self.partition = batch.partition
        self.offset = offset
        self.append_time = batch.append_time
        self.position = batch.position
        self.event = found

    @property
    def place(self):
        return (self.partition, self.offset)

    def __repr__(self):
        return f"{self.topic}/{self.partition}@{self.offset} {self.event.id} {self.event.type}"


def offsets_of(batch):
    deltas = batch.offset_deltas or range(len(batch.events))
    if len(deltas) != len(batch.events):
        raise AssertionError(f"{len(deltas)} deltas for {len(batch.events)} events")
    if list(deltas) != sorted(set(deltas)):
        raise AssertionError(f"the deltas {deltas} do not increase")
    return [batch.base_offset + (-delta if batch.descending else delta) for delta in deltas]


def stored_in(batch):
    return [Stored(batch, offset, found) for offset, found in zip(offsets_of(batch), batch.events)]


def stored(responses):
    """The events of a stream of ReadResponse."""
    return [one for response in responses if response.HasField("batch")
            for one in stored_in(response.batch)]


def by_partition(found):
    """From partition to its events in the order in which they came."""
    partitions = {}
    for one in found:
        partitions.setdefault(one.partition, []).append(one)
    return partitions


def by_key(events):
    """From key to the ids of its events, in order."""
    keys = {}
    for one in events:
        keys.setdefault(one.key, []).append(one.id)
    return keys
