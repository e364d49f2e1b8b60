"""Members of a PARTITION_ORDERED group, which write down what they are given and what they ack."""

import collections
import time

from support.consumer import Member
from support.stubs import pb, rpc

from clients import AWAY, GROUP, TOPICS, Client, heard_gap, place_name, saw


class RecordingMember(Member):
    """A Member that writes down what it says and hears."""

    def __init__(self, client, session, stub, group=GROUP, topics=TOPICS):
        self._client, self._session, self.group = client, session, group
        self._waiting = collections.deque()  # Acks without an answer.
        self.in_hand = {}  # From place to (topic, partition, end of what was delivered).
        client.record("join", s=session, g=group)
        super().__init__(stub, group, list(topics), credits=pb.Credits(events=2**40, bytes=2**40))

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
        elif kind == "gap":
            heard_gap(self._client, self._session, message)
        elif kind == "revoked":
            # Too early rather than too late, should something come between the two clocks.
            now, wall = time.monotonic(), time.time()
            self._client.record("giving", s=self._session, places=[
                place_name(at.topic, at.partition) for at in message.partitions],
                until=now + message.deadline.seconds + message.deadline.nanos / 1e9 - wall)
        elif kind == "ack_confirmed":
            self._client.record("fenced" if message.rejected else "acked", s=self._session,
                                **self._waiting.popleft())

    def finish(self, *places):
        """Acks what it has of each."""
        for place in places:
            topic, partition, end = self.in_hand.pop(place)
            said = {"a": self.assignments[topic, partition], "place": place, "o": end}
            self._waiting.append(said)
            self._client.record("ack", s=self._session, **said)
            self.ack((topic, partition, end))

    def give_back(self, topic, partition):
        """Answers a revocation, and no later one of the same partition."""
        self._client.record("gave", s=self._session, places=[place_name(topic, partition)])
        self.in_hand.pop(place_name(topic, partition), None)
        self.say(release=pb.Release(
            partitions=[pb.TopicPartition(topic=topic, partition=partition)],
            revocation=self.revoked[topic, partition].revocation))


class Clerk(Client):
    """A member that comes and goes, is slow at times, and answers a revocation in every way."""

    def __init__(self, office, name, group=GROUP, topics=TOPICS):
        super().__init__(office, name)
        self._group, self._topics = group, topics
        self._joins = 0

    def new_member(self, session, channel):
        return RecordingMember(self, session, rpc.ConsumerGroups(channel), self._group, self._topics)

    def work(self, channel):
        self._joins += 1
        session = f"{self.name}/{self._joins}"
        member = self.new_member(session, channel)
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
                    member.finish(*list(member.in_hand))
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
