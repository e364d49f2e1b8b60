"""The clients of a history: what they do is random, what they hear is written down (history.py).

Each role is a process (roles.py). They look into `directory` for "server/ports.json" (where the
server is), "no-more-appends" and "stop"; they write "lines/NAME".
"""

import collections
import json
import multiprocessing
import os
import pathlib
import queue
import random
import sys
import threading
import time
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "conformance"))

import grpc  # noqa: E402

from support import errors  # noqa: E402
from support.checksums import partition_of_key  # noqa: E402
from support.events import offsets_of  # noqa: E402
from support.server import CHANNEL_OPTIONS  # noqa: E402
from support.stubs import pb, rpc  # noqa: E402

from history import Recorder  # noqa: E402

TOPICS = {"hr": 4, "pay": 2}
GROUP = "payroll"
# What a group makes of each event of `pay`, with its offsets (derive_clients.py).
DERIVED = {"sums": 2}
# Topics from which events go, by retention, erasure and compaction, and who reads them all.
LOSING = {"log": 2, "vault": 2, "state": 1}
AUDIT = "audit"
PARTITIONS = {**TOPICS, **LOSING, **DERIVED}
KEYS = [f"employee-{n}" for n in range(40)]
KEYS_OF = {"vault": KEYS[:12], "state": KEYS[:30]}
PARTITION = {(topic, key): partition_of_key(key, count)
             for topic, count in PARTITIONS.items() for key in KEYS}
COUNTERS = ["counter-0", "counter-1"]
# The last: the queue is full, or longer than the call's deadline is away.
AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)


def place_name(topic, partition):
    return f"{topic}/{partition}"


def payload(value):
    """What the event with this id carries."""
    return (value.encode() * 40)[:zlib.crc32(value.encode()) % 400]


def event_of(value, key):
    return pb.Event(id=value, type="t", key=key, data=payload(value))


def say(said, place, event):
    """Adds an event to what a "send" says."""
    said["parts"].setdefault(place, []).append(event.id)
    said["keys"].setdefault(place, []).append(event.key)
    if place.startswith("log/"):  # Whose retention counts bytes: of an entry, tag and length included.
        size = event.ByteSize()
        said.setdefault("bytes", {}).setdefault(place, []).append(size + (2 if size < 128 else 3))


class Office:
    """What the threads of one process share."""

    def __init__(self, directory, name, seed):
        self._directory = pathlib.Path(directory)
        self._world = multiprocessing.parent_process().pid
        self.name = name
        self.chance = random.Random(seed)
        self.recorder = Recorder(self._directory / "lines" / name)

    def has(self, file):
        """Who lost the process that would tell it stops, too."""
        return (self._directory / file).exists() or not os.path.exists(f"/proc/{self._world}")

    def channel(self):
        """To the server as it is now, or None when it is time to stop."""
        while not self.has("stop"):
            try:
                ports = json.loads((self._directory / "server/ports.json").read_text())
                return grpc.insecure_channel(f"127.0.0.1:{ports['grpc']}", options=CHANNEL_OPTIONS)
            except (OSError, ValueError):
                time.sleep(0.02)
        return None


def answer(response):
    """What an "ok" says."""
    return {"duplicate": response.duplicate, "p": response.position,
            "w": response.append_time.seconds + response.append_time.nanos / 1e9,
            "ranges": {place_name(r.topic, r.partition): [r.first_offset, r.count]
                       for r in response.ranges}}


class Client(threading.Thread):
    """Does its part again and again, over connections that break."""

    def __init__(self, office, name):
        super().__init__(daemon=True, name=f"{office.name}-{name}")
        self.office = office
        self.chance = random.Random(office.chance.getrandbits(64))

    def run(self):
        try:
            while not self.finished():
                channel = self.office.channel()
                if channel is None:
                    return
                with channel:
                    try:
                        self.work(channel)
                    except grpc.RpcError as error:
                        if error.code() not in AWAY:
                            raise
                        time.sleep(0.02)
        except Exception as error:  # A checker's business: nothing of the kind may happen.
            told = errors.of_rpc_error(error) if isinstance(error, grpc.RpcError) else error
            self.record("broke", what=f"{self.name}: {type(error).__name__}: {told}")

    def finished(self):
        return self.office.has("stop")

    def record(self, op, **more):
        self.office.recorder.write(op, **more)


# --- Those who append.

class Appender(Client):
    """Numbers its requests; `self.unanswered` are open."""

    def __init__(self, office, name):
        super().__init__(office, name)
        self._sequence = 0
        self.unanswered = collections.deque()

    def finished(self):
        done = self.office.has("no-more-appends") and not self.unanswered
        return done or self.office.has("stop")

    def events(self, topic, count, number):
        """`count` events, and what a "send" says of them."""
        made, said = [], {"parts": {}, "keys": {}}
        for n in range(count):
            one = event_of(f"{self.name}/{number}/{n}", self.chance.choice(KEYS_OF.get(topic, KEYS)))
            made.append(one)
            say(said, place_name(topic, PARTITION[topic, one.key]), one)
        return made, said

    def next_number(self):
        self._sequence += 1
        return self._sequence

    def answered(self, number, response):
        self.record("ok", id=f"{self.name}/{number}", **answer(response))


class Outbox(Appender):
    """Pipelined, with a producer id; loses patience with a stream now and then, and repeats."""

    WINDOW = 8

    def next_request(self):
        number = self.next_number()
        events, said = self.events("hr", self.chance.randrange(1, 11), number)
        self.record("send", id=f"{self.name}/{number}", **said, producer=self.name, sequence=number)
        return number, pb.AppendRequest(topic="hr", events=events, producer=pb.Producer(
            id=self.name, sequence=number))

    def work(self, channel):
        requests = queue.Queue()
        call = rpc.EventStore(channel).AppendStream(iter(requests.get, None))
        patience = time.monotonic() + self.chance.uniform(0.1, 1)
        try:
            for _, request in self.unanswered:
                requests.put(request)
            while True:
                while (len(self.unanswered) < self.WINDOW
                       and not self.office.has("no-more-appends")):
                    self.unanswered.append(self.next_request())
                    requests.put(self.unanswered[-1][1])
                if self.finished() or time.monotonic() > patience:
                    return
                answer = next(call)
                if answer.WhichOneof("outcome") == "error":
                    if answer.error.code == grpc.StatusCode.UNAVAILABLE.value[0]:
                        return
                    raise AssertionError(answer.error.message)
                self.answered(self.unanswered.popleft()[0], answer.appended)
        finally:
            requests.put(None)
            call.cancel()


class Transactor(Appender):
    """One request at a time to both topics, with a producer id."""

    def work(self, channel):
        if not self.unanswered:
            number = self.next_number()
            request = pb.TransactRequest(producer=pb.Producer(id=self.name, sequence=number))
            parts, keys = {}, {}
            for topic in TOPICS:
                events, said = self.events(topic, self.chance.randrange(1, 4), f"{number}.{topic}")
                request.appends.append(pb.TopicAppend(topic=topic, events=events))
                parts.update(said["parts"])
                keys.update(said["keys"])
            self.record("send", id=f"{self.name}/{number}", parts=parts, keys=keys,
                        producer=self.name, sequence=number)
            self.unanswered.append((number, request))
        number, request = self.unanswered[0]
        response = rpc.EventStore(channel).Transact(request, timeout=self.chance.choice([0.01, 10]))
        self.answered(number, response)
        self.unanswered.popleft()


class Plain(Appender):
    """Without a producer id: what is not answered is not repeated."""

    def work(self, channel):
        stub = rpc.EventStore(channel)
        while not self.finished():
            number = self.next_number()
            events, said = self.events("pay", self.chance.randrange(1, 4), number)
            self.record("send", id=f"{self.name}/{number}", **said)
            self.answered(number, stub.Append(pb.AppendRequest(topic="pay", events=events),
                                              timeout=10))


class Keeper(Appender):
    """Appends to one of the topics from which events go, with a producer id."""

    SIZES = {"log": (1, 6), "vault": (1, 4), "state": (10, 60)}  # `state`: compacted from 1000 events on.

    def __init__(self, office, name, topic):
        super().__init__(office, name)
        self.topic = topic

    def work(self, channel):
        time.sleep(self.chance.uniform(0, 0.03))
        if not self.unanswered:
            number = self.next_number()
            events, said = self.events(self.topic, self.chance.randrange(*self.SIZES[self.topic]),
                                       number)
            self.record("send", id=f"{self.name}/{number}", **said, producer=self.name,
                        sequence=number)
            self.unanswered.append((number, pb.AppendRequest(
                topic=self.topic, events=events,
                producer=pb.Producer(id=self.name, sequence=number))))
        number, request = self.unanswered[0]
        self.answered(number, rpc.EventStore(channel).Append(request, timeout=10))
        self.unanswered.popleft()


class Counter(Appender):
    """Appends the next revision of a key, against others who do the same."""

    def work(self, channel):
        while not self.finished():
            key = self.chance.choice(COUNTERS)
            try:
                known = rpc.Topics(channel).GetKey(pb.GetKeyRequest(topic="hr", key=key), timeout=10)
                revision = known.revision
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.NOT_FOUND:
                    raise
                revision = -1
            for _ in range(5):
                if not self._raise_to(channel, key, revision):
                    break
                revision += 1

    def _raise_to(self, channel, key, revision):
        number = self.next_number()
        value = f"{self.name}/{number}/0"
        condition = (pb.Condition(key=key, absent=pb.KeyAbsent()) if revision < 0 else
                     pb.Condition(key=key, revision=pb.KeyRevision(revision=revision)))
        request = pb.AppendRequest(topic="hr", conditions=[condition],
                                   events=[event_of(value, key)])
        place = place_name("hr", partition_of_key(key, TOPICS["hr"]))
        self.record("send", id=f"{self.name}/{number}", parts={place: [value]},
                    keys={place: [key]}, key=key, expect=revision)
        try:
            self.answered(number, rpc.EventStore(channel).Append(request, timeout=10))
            return True
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.ABORTED:
                raise
            self.record("fail", id=f"{self.name}/{number}",
                        reason=errors.of_rpc_error(error).reason)
            return False


# --- Those who read.

class Reader(Client):

    def __init__(self, office, name, topic):
        super().__init__(office, name)
        self.topic = topic
        self._sessions = 0

    def begin(self, ends):
        """A session from `ends` on, or from the oldest event."""
        self._sessions += 1
        session = f"{self.name}/{self._sessions}"
        oldest = None if self.topic == "log" else 0
        self.record("open", s=session, **{"from": {
            place_name(self.topic, partition): ends.get(partition, oldest)
            for partition in range(PARTITIONS[self.topic])}})
        return session

    def take(self, session, response, ends):
        if response.HasField("batch"):
            batch = response.batch
            saw(self, session, batch)
            ends[batch.partition] = batch.base_offset + len(batch.events)
        elif response.HasField("gap"):
            heard_gap(self, session, response.gap)
            ends[response.gap.partition] = response.gap.until_offset


def heard_gap(client, session, gap, op="gap"):
    client.record(op, s=session, place=place_name(gap.topic, gap.partition),
                  reason=pb.GapReason.Name(gap.reason).removeprefix("GAP_REASON_"),
                  until=gap.until_offset, **{"from": gap.from_offset})


def saw(client, session, batch, **more):
    """Writes down a batch, and what is wrong with it by itself."""
    if offsets_of(batch) != list(range(batch.base_offset, batch.base_offset + len(batch.events))):
        client.record("bad", what=f"{session}: offsets {offsets_of(batch)}")
    for event in batch.events:
        if event.data != payload(event.id):
            client.record("bad", what=f"{session}: {event.id} is damaged")
    client.record("saw", s=session, place=place_name(batch.topic, batch.partition),
                  o=batch.base_offset, v=[event.id for event in batch.events], **more)


def from_offsets(ends):
    return pb.Start(offsets=pb.PartitionOffsets(offsets=ends))


class Follower(Reader):
    """Subscribes; goes on where it was when the stream ends: by offsets, or, where these may be passed, by
    the newest cursor."""

    def __init__(self, office, name, topic):
        super().__init__(office, name, topic)
        self._ends = {} if topic == "log" else dict.fromkeys(range(PARTITIONS[topic]), 0)
        self._cursor = ""

    def work(self, channel):
        ends = dict(self._ends)
        start = None
        if self.topic != "log":
            start = from_offsets(ends)
        elif self._cursor:
            start = pb.Start(after_cursor=self._cursor)
        call = rpc.EventStore(channel).Subscribe(pb.SubscribeRequest(topic=self.topic, start=start))
        session = self.begin(ends)
        for response in call:
            self.take(session, response, ends)
            kind = response.WhichOneof("message")
            if kind in ("checkpoint", "caught_up"):
                self._cursor = getattr(response, kind).cursor
            if kind in ("checkpoint", "caught_up") or self.topic != "log":
                self._ends = dict(ends)
            if self.finished():
                return call.cancel()


class LateComer(Reader):
    """Reads everything from the start, then stays a moment; again and again."""

    def work(self, channel):
        time.sleep(self.chance.uniform(0.2, 1.5))
        ends = {}
        call = rpc.EventStore(channel).Subscribe(pb.SubscribeRequest(topic=self.topic))
        session = self.begin(ends)
        until = None
        for response in call:
            self.take(session, response, ends)
            if response.HasField("caught_up"):
                until = time.monotonic() + self.chance.uniform(0, 0.5)
            if self.finished() or (until is not None and time.monotonic() > until):
                return call.cancel()


class Poller(Reader):
    """Reads what is new, and asks how far the group is: each answer has what was known before."""

    def __init__(self, office, name, topic, group=GROUP, group_topics=TOPICS):
        super().__init__(office, name, topic)
        self._ends = dict.fromkeys(range(PARTITIONS[topic]), 0)
        self._group, self._group_topics = group, group_topics

    def work(self, channel):
        time.sleep(self.chance.uniform(0, 0.05))
        began = time.monotonic()
        session = self.begin(self._ends)
        try:
            for response in rpc.EventStore(channel).Read(pb.ReadRequest(
                    topic=self.topic, start=from_offsets(self._ends)), timeout=30):
                self.take(session, response, self._ends)
        except grpc.RpcError as error:
            details = errors.of_rpc_error(error)
            if self.topic != "log" or details.reason != "OFFSET_OUT_OF_RANGE":
                raise
            self._passed(int(details.metadata["partition"]), int(details.metadata["start_offset"]))
            return
        self.record("read", from_t=began, ends={
            place_name(self.topic, partition): end for partition, end in self._ends.items()})
        record_offsets(self, channel, self._group, self._group_topics)

    def _passed(self, partition, start):
        """Retention passed the place where it would go on."""
        if start <= self._ends[partition]:
            raise AssertionError(f"{self._ends[partition]} is refused, and {start} is the first")
        self.record("passed", place=place_name(self.topic, partition), o=start)
        self._ends[partition] = start


def record_offsets(client, channel, group=GROUP, topics=TOPICS, op="got"):
    """The committed offsets; returns them, by place."""
    began = time.monotonic()
    at = {place_name(topic, partition): 0 for topic in topics
          for partition in range(PARTITIONS[topic])}
    try:
        offsets = rpc.ConsumerGroups(channel).GetOffsets(pb.GetOffsetsRequest(group=group),
                                                         timeout=30).offsets
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
        offsets = []
    at.update((place_name(one.topic, one.partition), one.offset) for one in offsets)
    client.record(op, g=group, from_t=began, at=at)
    return at
