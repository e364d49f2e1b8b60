"""Members of KEY_ORDERED and UNORDERED groups, which write down what they are given and what they say of
it."""

import collections
import itertools
import time

from support.events import offsets_of
from support.stubs import pb, rpc
from support.work import Worker, seconds

from clients import AWAY, Client, heard_gap, payload, place_name

# From `log` events go, also such as are dead letters.
DESK = ("desk", ["hr", "log"], pb.GROUP_MODE_KEY_ORDERED)
POOL = ("pool", ["pay", "log"], pb.GROUP_MODE_UNORDERED)
LEASE_S = 1.5
QUESTION_OF = {"ack_confirmed": ("wack", "wacked", "rejected_events"),
               "nack_confirmed": ("wnack", "wnacked", "rejected"),
               "extend_confirmed": ("wext", "wexted", "rejected")}


def as_said(ids):
    """Events by place, as lines have them."""
    found = {}
    for one in ids:
        found.setdefault(place_name(one.topic, one.partition), []).append(one.offset)
    return found


def mode_name(mode):
    return pb.GroupMode.Name(mode).removeprefix("GROUP_MODE_")


class InHand:
    """One event in the hands of a member."""

    def __init__(self, batch, offset):
        self.topic, self.partition, self.offset = batch.topic, batch.partition, offset


class DeskMember(Worker):
    """A Worker that writes down what it says and hears."""

    def __init__(self, client, session, stub, group, topics, mode, **join):
        self._client, self._session = client, session
        self._by_key = mode == pb.GROUP_MODE_KEY_ORDERED
        self._numbers = itertools.count(1)
        self._waiting = {"wack": collections.deque(), "wnack": collections.deque(),
                         "wext": collections.deque()}
        # From what has an order (a key of a topic, else an event) to its InHand by place, in order.
        self.in_hand = collections.defaultdict(dict)
        client.record("wjoin", s=session, g=group, mode=mode_name(mode), lease=LEASE_S)
        super().__init__(stub, group, topics, mode, retry_policy=pb.RetryPolicy(
            initial_backoff=seconds(0.02), lease=seconds(LEASE_S)), **join)

    def _take(self, response):
        super()._take(response)
        kind = response.WhichOneof("message")
        if kind == "delivery":
            for delivery in (response.delivery, *response.more_deliveries):
                self._given(delivery.batch)
        elif kind == "gap":
            heard_gap(self._client, self._session, response.gap, "wgap")
        elif kind in QUESTION_OF:
            asked, op, rejected = QUESTION_OF[kind]
            fenced = getattr(getattr(response, kind), rejected)
            self._client.record(op, s=self._session, n=self._waiting[asked].popleft(),
                                fenced=as_said(each.id for each in fenced))
            if any(each.reason != "FENCED" for each in fenced):
                self._client.record("bad", what=f"{self._session}: {fenced[0]}")

    def _given(self, batch):
        offsets = offsets_of(batch)
        self._client.record("given", s=self._session, place=place_name(batch.topic, batch.partition),
                            o=offsets, v=[event.id for event in batch.events])
        for offset, event in zip(offsets, batch.events):
            if event.data != payload(event.id):
                self._client.record("bad", what=f"{self._session}: {event.id} is damaged")
            lane = event.key if self._by_key else (batch.partition, offset)
            events = self.in_hand[batch.topic, lane]
            events.pop((batch.partition, offset), None)  # It was taken back, and comes again.
            events[batch.partition, offset] = InHand(batch, offset)

    def _say(self, op, events, **more):
        number = next(self._numbers)
        self._waiting[op].append(number)
        self._client.record(op, s=self._session, n=number, at=as_said(events), **more)

    def finish(self, events):
        self._say("wack", events)
        self.ack_events(events)

    def fail(self, events, dead):
        self._say("wnack", events, dead=dead)
        self.nack_events(events, dead_letter=dead, reason="no")

    def keep(self, events):
        self._say("wext", events, lease=2 * LEASE_S)
        self.extend_events(events, 2 * LEASE_S)


class DeskClerk(Client):
    """A member that handles events, fails at some, needs more time for some, and leaves in every way."""

    def __init__(self, office, name, group):
        super().__init__(office, name)
        self._group = group
        self._joins = 0

    def work(self, channel):
        self._joins += 1
        session = f"{self.name}/{self._joins}"
        member = DeskMember(self, session, rpc.ConsumerGroups(channel), *self._group,
                            credits=pb.Credits(events=400, bytes=1 << 20),
                            deliveries_max=self.chance.choice([1, 50]))
        until = time.monotonic() + self.chance.uniform(1, 5)
        at = 0
        try:
            while time.monotonic() < until and not member.ended and not self.finished():
                member._step(0.02)
                if time.monotonic() > at:
                    at = time.monotonic() + self.chance.uniform(0.01, 0.3)
                    self._handle(member)
            if self.chance.random() < 0.5 and not member.ended:
                self.record("wgone", s=session)
                member.leave()
                end = time.monotonic() + 1
                while not member.ended and time.monotonic() < end:
                    member._step(0.02)
        finally:
            self.record("wgone", s=session)
            member.close()
        if member.error is not None and member.error.code not in AWAY:
            raise AssertionError(f"the stream ended with {member.error}")
        time.sleep(0.02)

    def _handle(self, member):
        """Says something of what is in hand, lane by lane."""
        done = []
        for lane, held in list(member.in_hand.items()):
            events = list(held.values())
            what = self.chance.choices(["ack", "nack", "bury", "keep", "wait"], [89, 4, 2, 2, 3])[0]
            if what == "wait":
                continue
            if what == "keep":
                member.keep(events)
                continue
            del member.in_hand[lane]
            if what == "ack":
                done += events
            else:  # Those behind the first are taken back.
                member.fail(events[:1], what == "bury")
            member.grant(len(events))
        if done:
            member.finish(done)
