"""Producers and a consumer that keep working while the server goes away and comes back.

They are what a careful client is: a request without an answer is repeated unchanged under its
producer sequence, an event is acked after it was handled. What they were told is kept, so that a
test can compare it with what the server holds.
"""

import collections
import queue
import threading

import grpc

from .checksums import partition_of_key
from .consumer import Member
from .stubs import pb, rpc

WINDOW = 16
AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)


class Unavailable(grpc.RpcError):
    """One request of a stream was answered with UNAVAILABLE: repeat it, as if the stream broke."""

    def code(self):
        return grpc.StatusCode.UNAVAILABLE


class Presence:
    """Whether the server may be called; set by the test."""

    def __init__(self, server):
        self.server = server
        self.up = threading.Event()
        self.up.set()
        self.stop = threading.Event()

    def wait(self):
        """Until the server is up again or the test is over."""
        while not self.up.wait(0.02):
            pass


class Producer(threading.Thread):
    """Sends batches through AppendStream, in order, each until it is answered."""

    def __init__(self, presence, name, topic, batches):
        super().__init__(daemon=True, name=name)
        self._presence = presence
        self._topic = topic
        self._batches = iter(batches)
        self._sequence = 0
        self._unanswered = collections.deque()
        self.answers = []  # (request, AppendResponse), in order.
        self.repeated = 0
        self.duplicates = 0
        self.failure = None
        self.finished = False  # The iterator is used up and everything answered.

    def run(self):
        try:
            while not self.finished:
                self._presence.wait()
                with self._presence.server.new_channel() as channel:
                    try:
                        self._converse(rpc.EventStore(channel))
                    except grpc.RpcError as error:
                        if error.code() not in AWAY:
                            raise
        except Exception as error:  # The test's own thread reports it.
            self.failure = error

    def unanswered(self):
        """Requests whose fate is open; complete while the server is away."""
        return list(self._unanswered)

    def end(self):
        """No further requests; what is unanswered is still sent until it is answered."""
        self._batches = iter(())

    def _next_request(self):
        if self._presence.stop.is_set():
            return None
        batch = next(self._batches, None)
        if batch is None:
            return None
        request = pb.AppendRequest(topic=self._topic, events=batch, producer=pb.Producer(
            id=self.name, sequence=self._sequence))
        self._sequence += 1
        return request

    def _converse(self, stub):
        requests = queue.Queue()
        try:
            call = stub.AppendStream(iter(requests.get, None))
            for request in self._unanswered:
                requests.put(request)
            self.repeated += len(self._unanswered)
            while True:
                while len(self._unanswered) < WINDOW:
                    request = self._next_request()
                    if request is None:
                        break
                    self._unanswered.append(request)
                    requests.put(request)
                if not self._unanswered:
                    self.finished = True
                    return
                answer = next(call)
                if answer.WhichOneof("outcome") == "error":
                    if answer.error.code == grpc.StatusCode.UNAVAILABLE.value[0]:
                        raise Unavailable()
                    raise AssertionError(f"{self.name}: {answer.error.message}")
                self.duplicates += answer.appended.duplicate
                self.answers.append((self._unanswered.popleft(), answer.appended))
        finally:
            requests.put(None)


def places_of(request, response, partitions):
    """From (partition, offset) to the event that an answer says is there."""
    parts = {}
    for event in request.events:
        parts.setdefault(partition_of_key(event.key, partitions), []).append(event)
    ranges = {r.partition: r for r in response.ranges}
    if set(ranges) != set(parts) or any(ranges[p].count != len(parts[p]) for p in parts):
        raise AssertionError(f"the answer {response} does not fit its request")
    return {(p, ranges[p].first_offset + i): event
            for p, events in parts.items() for i, event in enumerate(events)}


class Worker(threading.Thread):
    """A group's member: handles each event, then acks it; joins again whenever the stream ends."""

    def __init__(self, presence, group, topic):
        super().__init__(daemon=True, name=group)
        self._presence = presence
        self._group = group
        self._topic = topic
        self.handled = collections.Counter()  # From place to how often.
        self.confirmed = {}   # From partition to committed offset.
        self.problems = []
        self.joins = 0
        self.drained = 0
        self.failure = None

    def run(self):
        try:
            while not self._presence.stop.is_set():
                self._presence.wait()
                with self._presence.server.new_channel() as channel:
                    member = Member(rpc.ConsumerGroups(channel), self._group, [self._topic],
                                    credits=pb.Credits(events=2**40, bytes=2**40))
                    try:
                        self._work(member)
                    finally:
                        member.close()
        except Exception as error:  # The test's own thread reports it.
            self.failure = error

    def _work(self, member):
        self.joins += 1
        seen = 0
        expected = {}
        while not member.ended and not self._presence.stop.is_set():
            member._step(0.05)
            for (_, partition), offset in member.owned.items():
                if partition not in expected:
                    expected[partition] = offset
                    self._check_start(partition, offset)
            fresh, seen = member.events[seen:], len(member.events)
            for one in fresh:
                if one.offset != expected[one.partition]:
                    self.problems.append(
                        f"{one.place} came where {expected[one.partition]} is next")
                expected[one.partition] = one.offset + 1
                self.handled[one.place] += 1
            if fresh:
                done = {one.partition: one.offset + 1 for one in fresh}
                member.ack(*((self._topic, p, offset) for p, offset in done.items()))
            for (_, partition), offset in member.confirmed.items():
                self.confirmed[partition] = max(offset, self.confirmed.get(partition, 0))
        self.drained += member.draining
        error = member.error
        if error is not None and error.code not in AWAY:
            raise AssertionError(f"the stream ended with {error}")

    def _check_start(self, partition, offset):
        """Nothing that was confirmed is lost, nothing that was not handled is passed."""
        if offset < self.confirmed.get(partition, 0):
            self.problems.append(f"partition {partition} goes on at {offset}, and "
                                 f"{self.confirmed[partition]} was confirmed")
        missing = [at for at in range(offset) if not self.handled[partition, at]]
        if missing:
            self.problems.append(f"partition {partition} goes on at {offset}, and {missing[:5]} "
                                 "were never delivered")
