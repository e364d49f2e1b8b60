"""Groups that are sought while their members work, one of each mode, and who seeks."""

import time

import grpc

from google.protobuf import timestamp_pb2

from support.stubs import pb, rpc

from clients import GROUP, PARTITIONS, from_offsets, place_name, record_offsets
from desk_clients import DeskClerk
from member_clients import Clerk
from office_clients import Official

TOPIC = "pay"  # From which nothing goes.
SOUGHT = ("sought", [TOPIC])
SOUGHT_WORK = [("sought-desk", [TOPIC], pb.GROUP_MODE_KEY_ORDERED),
               ("sought-pool", [TOPIC], pb.GROUP_MODE_UNORDERED)]


def members(office):
    """One of each group."""
    return [Clerk(office, "clerk", *SOUGHT),
            *(DeskClerk(office, group[0], group) for group in SOUGHT_WORK)]


def targets(chance, ends):
    """(kind, value, what SeekGroup gets, offset by partition as far as it is known before)."""
    whole = range(PARTITIONS[TOPIC])
    kind = chance.choice(["earliest", "latest", "time", "last_n", "other_group", *["offsets"] * 5])
    if kind == "offsets":  # Not far back, as a rule: what comes again costs time.
        at = {p: chance.randrange(max(0, ends[p] - chance.choice([50, 500, ends[p]])), ends[p] + 1)
              for p in chance.choice([whole, [chance.choice(whole)]])}
        return kind, None, {"start": from_offsets(at)}, at
    if kind == "earliest":
        return kind, None, {"start": pb.Start(earliest=pb.Earliest())}, dict.fromkeys(whole, 0)
    value = None
    if kind == "latest":
        target = {"start": pb.Start(latest=pb.Latest())}
    elif kind == "time":
        value = round(time.time() - chance.uniform(0, 5), 3)
        time_of = timestamp_pb2.Timestamp()
        time_of.FromMicroseconds(round(value * 1e6))
        target = {"start": pb.Start(time=time_of)}
    elif kind == "last_n":
        value = chance.randrange(1, 100)
        target = {"start": pb.Start(last_n=value)}
    else:
        value = GROUP
        target = {"other_group": GROUP}
    return kind, value, target, dict.fromkeys(whole)


class Seeker(Official):
    """Moves groups, forth and back, and asks where they are."""

    def __init__(self, office, name):
        super().__init__(office, name)
        self._seek_at = 0

    def work(self, channel):
        while not self.finished():
            time.sleep(self.chance.uniform(0.05, 0.3))
            record_sought(self, channel)
            if time.monotonic() > self._seek_at:
                self._seek_at = time.monotonic() + self.chance.uniform(0.1, 0.8)
                self._seek(channel, self.chance.choice([SOUGHT, *SOUGHT_WORK])[0])

    def _seek(self, channel, group):
        marks = rpc.Topics(channel).GetWatermarks(pb.GetWatermarksRequest(topic=TOPIC), timeout=30)
        ends = {mark.partition: mark.end_offset for mark in marks.partitions}
        kind, value, target, at = targets(self.chance, ends)
        request = pb.SeekGroupRequest(group=group, topic=TOPIC, dry_run=self.chance.random() < 0.1,
                                      **target)
        name = self.next_name()
        if not request.dry_run:  # Nothing is to come of that.
            self.record("seek", id=name, g=group, kind=kind, value=value,
                        at={place_name(TOPIC, partition): o for partition, o in at.items()})
        try:
            answer = rpc.ConsumerGroups(channel).SeekGroup(request, timeout=60)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:  # Nobody has joined yet.
                raise
            if not request.dry_run:
                self.record("unsought", id=name)
            return
        if not request.dry_run:
            self.record("sought", id=name, at={
                place_name(one.topic, one.partition): one.offset for one in answer.offsets})


def record_sought(client, channel):
    """Where these groups are; by group."""
    at = {SOUGHT[0]: record_offsets(client, channel, *SOUGHT)}
    for group, topics, _ in SOUGHT_WORK:
        at[group] = record_offsets(client, channel, group, topics, "wgot")
    return at
