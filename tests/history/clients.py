"""The clients of a history: what they do is random, what they hear is written down (history.py).

Each role is a process; `run` is its body. They look into `directory` for "server/ports.json" (where the
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
from support.consumer import Member  # noqa: E402
from support.events import offsets_of  # noqa: E402
from support.server import CHANNEL_OPTIONS  # noqa: E402
from support.stubs import pb, rpc  # noqa: E402

from history import Recorder  # noqa: E402

TOPICS = {"hr": 4, "pay": 2}
GROUP = "payroll"
KEYS = [f"employee-{n}" for n in range(40)]
PARTITION = {(topic, key): partition_of_key(key, count)
             for topic, count in TOPICS.items() for key in KEYS}
COUNTERS = ["counter-0", "counter-1"]
# The last: the queue is full, or longer than the call's deadline is away.
AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)


def place_name(topic, partition):
    return f"{topic}/{partition}"


def payload(value):
    """What the event with this id carries."""
    return (value.encode() * 40)[:zlib.crc32(value.encode()) % 400]


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
        """`count` events, and where they go."""
        made, parts = [], {}
        for n in range(count):
            value, key = f"{self.name}/{number}/{n}", self.chance.choice(KEYS)
            made.append(pb.Event(id=value, type="t", key=key, data=payload(value)))
            parts.setdefault(place_name(topic, PARTITION[topic, key]), []).append(value)
        return made, parts

    def next_number(self):
        self._sequence += 1
        return self._sequence

    def answered(self, number, response):
        self.record("ok", id=f"{self.name}/{number}", duplicate=response.duplicate, ranges={
            place_name(r.topic, r.partition): [r.first_offset, r.count] for r in response.ranges})


class Outbox(Appender):
    """Pipelined, with a producer id; loses patience with a stream now and then, and repeats."""

    WINDOW = 8

    def next_request(self):
        number = self.next_number()
        events, parts = self.events("hr", self.chance.randrange(1, 11), number)
        self.record("send", id=f"{self.name}/{number}", parts=parts, producer=self.name,
                    sequence=number)
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
            parts = {}
            for topic in TOPICS:
                events, there = self.events(topic, self.chance.randrange(1, 4), f"{number}.{topic}")
                request.appends.append(pb.TopicAppend(topic=topic, events=events))
                parts.update(there)
            self.record("send", id=f"{self.name}/{number}", parts=parts, producer=self.name,
                        sequence=number)
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
            events, parts = self.events("pay", self.chance.randrange(1, 4), number)
            self.record("send", id=f"{self.name}/{number}", parts=parts)
            self.answered(number, stub.Append(pb.AppendRequest(topic="pay", events=events),
                                              timeout=10))


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
        request = pb.AppendRequest(topic="hr", conditions=[condition], events=[
            pb.Event(id=value, type="t", key=key, data=payload(value))])
        place = place_name("hr", partition_of_key(key, TOPICS["hr"]))
        self.record("send", id=f"{self.name}/{number}", parts={place: [value]}, key=key,
                    expect=revision)
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
        self._sessions += 1
        session = f"{self.name}/{self._sessions}"
        self.record("open", s=session, **{"from": {
            place_name(self.topic, partition): ends.get(partition, 0)
            for partition in range(TOPICS[self.topic])}})
        return session


    def take(self, session, batch, ends):
        saw(self, session, batch)
        ends[batch.partition] = batch.base_offset + len(batch.events)


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
    """Subscribes; goes on where it was when the stream ends."""

    def __init__(self, office, name, topic):
        super().__init__(office, name, topic)
        self._ends = dict.fromkeys(range(TOPICS[topic]), 0)

    def work(self, channel):
        call = rpc.EventStore(channel).Subscribe(pb.SubscribeRequest(
            topic=self.topic, start=from_offsets(self._ends)))
        session = self.begin(self._ends)
        for response in call:
            if response.HasField("batch"):
                self.take(session, response.batch, self._ends)
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
            if response.HasField("batch"):
                self.take(session, response.batch, ends)
            elif response.HasField("caught_up"):
                until = time.monotonic() + self.chance.uniform(0, 0.5)
            if self.finished() or (until is not None and time.monotonic() > until):
                return call.cancel()


class Poller(Reader):
    """Reads what is new, and asks how far the group is: each answer has what was known before."""

    def __init__(self, office, name, topic):
        super().__init__(office, name, topic)
        self._ends = dict.fromkeys(range(TOPICS[topic]), 0)

    def work(self, channel):
        time.sleep(self.chance.uniform(0, 0.05))
        began = time.monotonic()
        session = self.begin(self._ends)
        for response in rpc.EventStore(channel).Read(pb.ReadRequest(
                topic=self.topic, start=from_offsets(self._ends)), timeout=30):
            if response.HasField("batch"):
                self.take(session, response.batch, self._ends)
        self.record("read", from_t=began, ends={
            place_name(self.topic, partition): end for partition, end in self._ends.items()})
        record_offsets(self, channel)


def record_offsets(client, channel):
    """The committed offsets; returns them, by place."""
    began = time.monotonic()
    try:
        offsets = rpc.ConsumerGroups(channel).GetOffsets(pb.GetOffsetsRequest(group=GROUP),
                                                         timeout=30).offsets
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.NOT_FOUND:
            raise
        return {}
    at = {place_name(one.topic, one.partition): one.offset for one in offsets}
    client.record("got", from_t=began, at=at)
    return at


# --- Those who work in a group.

class RecordingMember(Member):
    """A Member that writes down what it says and hears."""

    def __init__(self, client, session, stub):
        self._client, self._session = client, session
        self._waiting = collections.deque()  # Acks without an answer.
        self.in_hand = {}  # From place to (topic, partition, end of what was delivered).
        client.record("join", s=session)
        super().__init__(stub, GROUP, list(TOPICS), credits=pb.Credits(events=2**40, bytes=2**40))

    def _take(self, response):
        super()._take(response)
        kind = response.WhichOneof("message")
        message = getattr(response, kind)
        if kind == "assigned":
            for at in message.partitions:  # What it had of them before is not its business any more.
                self.in_hand.pop(place_name(at.topic, at.partition), None)
            self._client.record("own", s=self._session, a=message.assignment, at={
                place_name(at.topic, at.partition): at.offset for at in message.partitions})
        elif kind == "delivery":
            batch = message.batch
            saw(self._client, self._session, batch)
            self.in_hand[place_name(batch.topic, batch.partition)] = (
                batch.topic, batch.partition, batch.base_offset + len(batch.events))
        elif kind == "revoked":
            # Too early rather than too late, should something come between the two clocks.
            now, wall = time.monotonic(), time.time()
            self._client.record("giving", s=self._session, places=[
                place_name(at.topic, at.partition) for at in message.partitions],
                until=now + message.deadline.seconds + message.deadline.nanos / 1e9 - wall)
        elif kind == "ack_confirmed":
            self._client.record("fenced" if message.rejected else "acked", s=self._session,
                                **self._waiting.popleft())

    def finish(self, place):
        """Acks what it has of a place."""
        topic, partition, end = self.in_hand.pop(place)
        said = {"a": self.assignments[topic, partition], "place": place, "o": end}
        self._waiting.append(said)
        self._client.record("ack", s=self._session, **said)
        self.ack((topic, partition, end))

    def give_back(self, topic, partition):
        self._client.record("gave", s=self._session, places=[place_name(topic, partition)])
        self.in_hand.pop(place_name(topic, partition), None)
        self.release((topic, partition))


class Clerk(Client):
    """A member that comes and goes, is slow at times, and answers a revocation in every way."""

    def __init__(self, office, name):
        super().__init__(office, name)
        self._joins = 0

    def work(self, channel):
        self._joins += 1
        session = f"{self.name}/{self._joins}"
        member = RecordingMember(self, session, rpc.ConsumerGroups(channel))
        until = time.monotonic() + self.chance.uniform(1, 5)
        answered = 0
        ack_at = 0
        try:
            while time.monotonic() < until and not member.ended and not self.finished():
                member._step(0.02)
                if len(member.revoked) > answered:
                    self._answer_revocation(member)
                answered = len(member.revoked)
                if time.monotonic() > ack_at:
                    ack_at = time.monotonic() + self.chance.uniform(0.02, 0.4)
                    for place in list(member.in_hand):
                        member.finish(place)
        finally:
            self.record("gone", s=session)
            member.close()
        if member.error is not None and member.error.code not in AWAY:
            raise AssertionError(f"the stream ended with {member.error}")
        time.sleep(0.02)

    def _answer_revocation(self, member):
        how = self.chance.choice(["finish", "finish", "release", "wait"])
        for topic, partition in list(member.revoked):
            if how == "release":
                member.give_back(topic, partition)
            elif how == "finish" and place_name(topic, partition) in member.in_hand:
                member.finish(place_name(topic, partition))


ROLES = {
    "appenders": lambda office: [Outbox(office, "outbox"), Transactor(office, "transactor"),
                                 Plain(office, "plain")],
    "counters": lambda office: [Counter(office, "a"), Counter(office, "b")],
    "readers": lambda office: [Follower(office, "hr", "hr"), Follower(office, "pay", "pay"),
                               LateComer(office, "late", "hr"), Poller(office, "poll", "hr")],
    "member": lambda office: [Clerk(office, "clerk")],
}


def run(role, directory, name, seed):
    """The body of a client's process."""
    threads = ROLES[role](Office(directory, name, seed))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
