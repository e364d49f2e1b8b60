"""Members of a PARTITION_ORDERED group that consume, process and produce: for each event of `pay` one of
`sums`, with the group's offsets in the same Transact."""

import itertools

import grpc

from support import errors
from support.stubs import pb, rpc

from clients import DERIVED, PARTITION, answer, event_of, place_name, say
from member_clients import Clerk, RecordingMember

GROUP = "ledger"
TOPICS = ["pay"]
RESULTS = next(iter(DERIVED))
EVENTS_MAX = 300  # Of a partition in one Transact.
TIMEOUTS_S = [0.01, 30, 30, 30]


def result_of(prefix, place, offset, value):
    """The id of what is made of an event: it names it."""
    return f"{prefix}={place}@{offset}={value}"


class DerivingMember(RecordingMember):
    """Has its acks in the Transacts that append the results."""

    def __init__(self, client, session, channel):
        self._events = rpc.EventStore(channel)
        self._numbers = itertools.count(1)
        self._inputs = {}  # From place to (offset, id, key) of what is in hand, in order.
        self._committed = {}  # From place to the offset of its own last commit.
        super().__init__(client, session, rpc.ConsumerGroups(channel), GROUP, TOPICS)

    def _take(self, response):
        super()._take(response)
        kind = response.WhichOneof("message")
        if kind == "assigned":
            for at in response.assigned.partitions:
                self._inputs[place_name(at.topic, at.partition)] = []
                self._committed.pop(place_name(at.topic, at.partition), None)
        elif kind == "delivery":
            batch = response.delivery.batch
            self._inputs[place_name(batch.topic, batch.partition)] += [
                (offset, event.id, event.key)
                for offset, event in enumerate(batch.events, batch.base_offset)]

    def finish(self, *places):
        """Appends the results of what is in hand of these, and commits the offsets behind it."""
        if not places:
            return
        name = f"{self._session}/{next(self._numbers)}"
        made, said, acks, request = [], {"parts": {}, "keys": {}}, [], pb.TransactRequest()
        for place in places:
            topic, partition, _ = self.in_hand.pop(place)
            inputs = self._inputs[place][:EVENTS_MAX]
            for offset, value, key in inputs:
                made.append(event_of(result_of(f"{name}/{len(made)}", place, offset, value), key))
                say(said, place_name(RESULTS, PARTITION[RESULTS, key]), made[-1])
            acks.append({"a": self.assignments[topic, partition], "place": place,
                         "o": inputs[-1][0] + 1})
            request.offset_commits.append(self._commit(topic, partition, acks[-1]))
        request.appends.append(pb.TopicAppend(topic=RESULTS, events=made))
        self._client.record("send", id=name, **said)
        for ack in acks:
            self._client.record("ack", s=self._session, **ack)
        self._transact(name, request, acks)

    def _commit(self, topic, partition, ack):
        commit = pb.OffsetCommit(group=GROUP, topic=topic, partition=partition, offset=ack["o"],
                                 member_id=self.joined.member_id, assignment=ack["a"])
        known = self._committed.get(ack["place"])
        if known is not None and self._client.chance.random() < 0.5:
            commit.expected_offset = known
        return commit

    def _transact(self, name, request, acks):
        """Who is not answered does not know, and joins again; the group knows."""
        try:
            response = self._events.Transact(request, timeout=self._client.chance.choice(TIMEOUTS_S))
        except grpc.RpcError as error:
            told = errors.of_rpc_error(error)
            if told.reason != "FENCED":
                raise
            self._client.record("fail", id=name, reason=told.reason)
            for ack in acks:
                self._client.record("fenced", s=self._session, **ack)
            self.ended = True  # Which of them is not its own any more, it need not know.
            return
        self._client.record("ok", id=name, **answer(response))
        for ack in acks:
            self._client.record("acked", s=self._session, **ack)
            place = ack["place"]
            self._committed[place] = ack["o"]
            self._inputs[place] = left = [one for one in self._inputs[place] if one[0] >= ack["o"]]
            if left:
                topic, partition = place.rsplit("/", 1)
                self.in_hand[place] = (topic, int(partition), left[-1][0] + 1)


class Deriver(Clerk):

    def __init__(self, office, name):
        super().__init__(office, name, GROUP, TOPICS)

    def new_member(self, session, channel):
        return DerivingMember(self, session, channel)
