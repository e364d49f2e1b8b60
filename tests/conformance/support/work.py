"""A member of a KEY_ORDERED or UNORDERED group: events with attempts, acked one by one."""

from google.protobuf import duration_pb2

from . import consumer
from .events import stored_in
from .stubs import pb


def seconds(value):
    """A Duration of so many seconds."""
    return duration_pb2.Duration(seconds=int(value), nanos=int(value % 1 * 1e9))


class Worker(consumer.Member):
    """A Member that hears and says what is about single events."""

    def __init__(self, stub, group, topics=(), mode=pb.GROUP_MODE_KEY_ORDERED, **join):
        self.attempts = []      # Of each of `events`.
        self.nacked = []
        self.extended = []
        self.gaps = []
        super().__init__(stub, group, topics, mode=mode, **join)

    def _take(self, response):
        super()._take(response)
        kind = response.WhichOneof("message")
        if kind == "delivery":
            self._count(response.delivery)
            for delivery in response.more_deliveries:
                self.events.extend(stored_in(delivery.batch))
                self._count(delivery)
        elif kind == "nack_confirmed":
            self.nacked.append(response.nack_confirmed)
        elif kind == "extend_confirmed":
            self.extended.append(response.extend_confirmed)
        elif kind == "gap":
            self.gaps.append(response.gap)

    def _count(self, delivery):
        count = len(list(stored_in(delivery.batch)))
        self.attempts.extend(list(delivery.attempts) or [1] * count)

    @staticmethod
    def ids(events):
        return [pb.EventId(topic=e.topic, partition=e.partition, offset=e.offset) for e in events]

    def ack_events(self, events):
        self.say(ack=pb.Ack(ids=pb.AckIds(ids=self.ids(events))))

    def ack_sets(self, topic, partition, offsets):
        self.say(ack=pb.Ack(ids=pb.AckIds(sets=[
            pb.EventSet(topic=topic, partition=partition, offsets=offsets)])))

    def nack_events(self, events, **more):
        self.say(nack=pb.Nack(ids=self.ids(events), **more))

    def extend_events(self, events, lease_s):
        self.say(extend=pb.Extend(ids=self.ids(events), lease=seconds(lease_s)))

    def until_answers(self, count):
        """Until so many acks were confirmed."""
        return self.until(lambda m: len(m.confirmations) >= count, f"{count} confirmations")

    def until_nacked(self, count):
        return self.until(lambda m: len(m.nacked) >= count, f"{count} confirmed nacks")

    def ids_of(self):
        return [one.event.id for one in self.events]
