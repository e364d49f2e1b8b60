"""A member of a consumer group, written against the contract alone: one Consume stream.

Messages are taken from the stream by a thread and looked at by the test's own thread, in `until`,
so that what a member knows changes only while the test waits for something.
"""

import queue
import threading
import time

import grpc

from . import errors
from .events import stored_in
from .server import PATIENCE_S
from .stubs import pb

_END = object()


class Member:
    """What a member was told so far, and what it can say."""

    def __init__(self, stub, group, topics=(), **join):
        self._requests = queue.Queue()
        self._inbox = queue.Queue()
        self.messages = []      # The kind of each message, in order.
        self.joined = None
        self.owned = {}         # (topic, partition) -> offset that delivery began from.
        self.assignments = {}   # (topic, partition) -> the assignment it is, or was, owned by.
        self.revoked = {}       # (topic, partition) -> the message that took it.
        self.events = []        # Stored, in order of delivery.
        self.confirmed = {}     # (topic, partition) -> committed offset.
        self.confirmations = []
        self.caught_up = 0
        self.heartbeats = 0
        self.draining = False
        self.ended = False
        self.error = None       # errors.Details of a stream that ended with an error.
        self.say(join=pb.Join(group=group, topics=topics, **join))
        self._call = stub.Consume(iter(self._requests.get, None))
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self):
        try:
            for response in self._call:
                self._inbox.put(response)
            self._inbox.put((_END, None))
        except grpc.RpcError as error:
            self._inbox.put((_END, error))

    # What it says.

    def say(self, **message):
        self._requests.put(pb.ConsumeRequest(**message))

    def ack(self, *offsets):
        """Acknowledges (topic, partition, offset) triples, cumulatively."""
        self.say(ack=pb.Ack(up_to=pb.AckUpTo(offsets=[
            pb.TopicPartitionOffset(topic=t, partition=p, offset=o) for t, p, o in offsets])))

    def ack_all(self):
        """Acknowledges what was delivered of what it owns; returns (topic, partition) -> offset."""
        offsets = {}
        for one in self.events:
            at = (one.topic, one.partition)
            if at in self.owned or at in self.revoked:
                offsets[at] = one.offset + 1
        if offsets:
            self.ack(*((t, p, offset) for (t, p), offset in offsets.items()))
        return offsets

    def grant(self, events, bytes=1 << 20):
        self.say(credits=pb.Credits(events=events, bytes=bytes))

    def release(self, *partitions):
        self.say(release=pb.Release(partitions=[
            pb.TopicPartition(topic=t, partition=p) for t, p in partitions]))

    def leave(self):
        self.say(leave=pb.Leave())

    def half_close(self):
        self._requests.put(None)

    def break_off(self):
        """As a client that vanishes: the stream breaks without a word."""
        self._call.cancel()
        self._requests.put(None)

    # What it hears.

    def _take(self, response):
        kind = response.WhichOneof("message")
        self.messages.append(kind)
        message = getattr(response, kind)
        if kind == "joined":
            self.joined = message
        elif kind == "assigned":
            for at in message.partitions:
                self.owned[at.topic, at.partition] = at.offset
                self.assignments[at.topic, at.partition] = message.assignment
                self.revoked.pop((at.topic, at.partition), None)
        elif kind == "revoked":
            for at in message.partitions:
                self.owned.pop((at.topic, at.partition), None)
                self.revoked[at.topic, at.partition] = message
        elif kind == "delivery":
            self.events.extend(stored_in(message.batch))
        elif kind == "ack_confirmed":
            self.confirmations.append(message)
            for at in message.committed:
                self.confirmed[at.topic, at.partition] = at.offset
        elif kind == "caught_up":
            self.caught_up += 1
        elif kind == "heartbeat":
            self.heartbeats += 1
        elif kind == "draining":
            self.draining = True

    def _step(self, timeout_s):
        """Takes one message; false if none came in time."""
        if self.ended:
            return False
        try:
            response = self._inbox.get(timeout=max(timeout_s, 0.001))
        except queue.Empty:
            return False
        if isinstance(response, tuple):
            self.ended = True
            self.error = errors.of_rpc_error(response[1]) if response[1] else None
        else:
            self._take(response)
        return True

    def until(self, condition, what, patience_s=PATIENCE_S):
        """Takes messages until `condition` of this member holds."""
        deadline = time.monotonic() + patience_s
        while not condition(self):
            if self.ended and not condition(self):
                raise AssertionError(f"the stream ended ({self.error}) before: {what}")
            if not self._step(deadline - time.monotonic()) and time.monotonic() > deadline:
                raise AssertionError(f"not within {patience_s} s: {what}; heard {self.messages}, "
                                     f"{len(self.events)} events, owns {self.owned}")
        return self

    def until_events(self, count):
        return self.until(lambda m: len(m.events) >= count, f"{count} events")

    def until_owning(self, count):
        return self.until(lambda m: len(m.owned) == count, f"owning {count} partitions")

    def until_confirmed(self, offsets):
        """Until the committed offsets are at least these."""
        return self.until(
            lambda m: all(m.confirmed.get(at, -1) >= offset for at, offset in offsets.items()),
            f"confirmed {offsets}")

    def until_ended(self):
        return self.until(lambda m: m.ended, "the end of the stream")

    def take_what_came(self):
        """Takes what has arrived already."""
        while self._step(0):
            pass
        return self

    def close(self):
        self.break_off()
        self._thread.join(PATIENCE_S)


def settle(*members, condition, what, patience_s=PATIENCE_S):
    """Lets several members take turns until `condition` holds."""
    deadline = time.monotonic() + patience_s
    while not condition():
        for member in members:
            member._step(0.01)
        if time.monotonic() > deadline:
            heard = [(m.messages, m.owned, m.error and str(m.error)) for m in members]
            raise AssertionError(f"not within {patience_s} s: {what}: {heard}")
