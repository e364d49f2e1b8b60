"""Subscribe: history, CaughtUp, live events; heartbeats, cursors, and how it ends."""

import threading
import time

import grpc

from support.case import ServerCase, main
from support.events import event, hr_events, stored_in
from support.server import PATIENCE_S, wait_until
from support.stubs import pb


class Subscription:
    """A Subscribe stream and what it has sent."""

    def __init__(self, stub, topic, **request):
        self.call = stub.Subscribe(pb.SubscribeRequest(topic=topic, **request), timeout=PATIENCE_S)
        self.kinds = []
        self.events = []
        self.cursor = ""
        self.caught_up = False

    def next(self):
        response = next(self.call)
        kind = response.WhichOneof("message")
        self.kinds.append(kind)
        if kind == "batch":
            self.events.extend(stored_in(response.batch))
        elif kind == "caught_up":
            self.caught_up = True
        elif kind == "fell_behind":
            self.caught_up = False
        self.cursor = getattr(getattr(response, kind), "cursor", "") or self.cursor
        return response

    def until(self, condition):
        while not condition(self):
            self.next()
        return self

    def until_events(self, count):
        return self.until(lambda s: len(s.events) >= count)

    def ids(self):
        return [one.event.id for one in self.events]


class Subscribe(ServerCase):

    FLAGS = ("--heartbeat-interval", "200ms")

    def subscribe(self, topic, **request):
        subscription = Subscription(self.server.events, topic, **request)
        self.addCleanup(subscription.call.cancel)
        return subscription

    def test_history_then_caught_up_then_live(self):
        topic = self.new_topic(partitions=2)
        self.append(topic, [event(id=f"old-{n}", key=str(n)) for n in range(50)])
        stream = self.subscribe(topic).until(lambda s: s.caught_up)
        self.assertEqual(len(stream.events), 50)
        for i in range(20):
            self.append(topic, [event(id=f"live-{i}", key=str(i))])
            stream.until_events(51 + i)
            self.assertEqual(stream.events[-1].event.id, f"live-{i}")
        self.assertLess(stream.kinds.index("caught_up"), len(stream.kinds) - 1)

    def test_promise_no_silent_gap_between_history_and_live(self):
        topic = self.new_topic(partitions=3)
        stop = threading.Event()
        permits = threading.Semaphore(0)  # Else it runs away from readers that are slower.
        count = 0

        def write():
            nonlocal count
            while not stop.is_set():
                if permits.acquire(timeout=0.1):
                    self.append(topic, hr_events(20, seed=count))
                    count += 20

        writer = threading.Thread(target=write)
        writer.start()
        try:
            streams = []
            for turn in range(12):
                wait_until(lambda: count >= 300 * turn, "appends in between")
                permits.release(15)
                streams.append(self.subscribe(topic).until(lambda s: s.caught_up))
        finally:
            stop.set()
            writer.join()
        wanted = {(p, o) for p, end in self.ends(topic).items() for o in range(end)}
        for stream in streams:
            stream.until_events(count)
            self.assertEqual(len(stream.events), count, "none came twice")
            self.assertEqual({one.place for one in stream.events}, wanted)
            last = {}
            for one in stream.events:
                self.assertEqual(one.offset, last.get(one.partition, -1) + 1)
                last[one.partition] = one.offset

    def test_starts(self):
        topic = self.new_topic()
        self.append(topic, [event(id=str(n)) for n in range(10)])
        cases = [(pb.Start(latest=pb.Latest()), 10), (pb.Start(last_n=3), 7),
                 (pb.Start(offsets=pb.PartitionOffsets(offsets={0: 4})), 4),
                 (pb.Start(earliest=pb.Earliest()), 0), (None, 0)]
        streams = [(self.subscribe(topic, start=start).until(lambda s: s.caught_up), first)
                   for start, first in cases]
        self.append(topic, [event(id="10")])
        for stream, first in streams:
            stream.until_events(11 - first)
            self.assertEqual(stream.ids(), [str(n) for n in range(first, 11)])

    def test_filter_of_live_events(self):
        topic = self.new_topic(partitions=2)
        sent = hr_events(600, seed=9)
        self.append(topic, sent[:200])
        stream = self.subscribe(topic, filter=pb.Filter(types=["salary.*"])).until(
            lambda s: s.caught_up)
        for start in range(200, 600, 50):
            self.append(topic, sent[start:start + 50])
        wanted = [one for one in sent if one.type.startswith("salary.")]
        stream.until_events(len(wanted))
        self.assertEqual(sorted(one.event.id for one in stream.events),
                         sorted(one.id for one in wanted))

    def test_partitions_and_without_data(self):
        topic = self.new_topic(partitions=3)
        stream = self.subscribe(topic, partitions=[0, 2], without_data=True)
        stream.until(lambda s: s.caught_up)
        for partition in range(3):
            self.append(topic, [event(id=str(partition), data=b"d")], partition=partition)
        stream.until_events(2)
        self.assertEqual([(one.event.id, one.event.data) for one in stream.events],
                         [("0", b""), ("2", b"")])

    def test_cursor_resumes_where_the_stream_was(self):
        topic = self.new_topic(partitions=2)
        self.append(topic, [event(id=str(n), key=str(n)) for n in range(30)])
        stream = self.subscribe(topic).until(lambda s: s.caught_up)
        self.append(topic, [event(id=str(n), key=str(n)) for n in range(30, 40)])
        resumed = self.subscribe(topic, start=pb.Start(after_cursor=stream.cursor))
        resumed.until_events(10)
        self.assertEqual(sorted(resumed.ids(), key=int), [str(n) for n in range(30, 40)])

    def test_heartbeats_while_there_is_nothing_to_say(self):
        topic = self.new_topic()
        stream = self.subscribe(topic).until(lambda s: s.caught_up)
        begin = time.monotonic()
        times = [stream.next().heartbeat.time.ToNanoseconds() for _ in range(4)]
        took_s = time.monotonic() - begin
        self.assertEqual(stream.kinds[-4:], ["heartbeat"] * 4)
        self.assertEqual(times, sorted(times))
        self.assertLess(took_s, 4 * 0.2 + 1, "at least one each interval")
        self.assertGreater(took_s, 0.2, "and not all the time")

    def test_checkpoint_moves_when_nothing_matches(self):
        topic = self.new_topic()
        stream = self.subscribe(topic, filter=pb.Filter(types=["wanted"]))
        stream.until(lambda s: s.caught_up)
        self.append(topic, [event(type="other")] * 25)
        stream.until(lambda s: s.kinds[-1] == "checkpoint")
        self.append(topic, [event(type="wanted")])
        resumed = self.read(topic, start=pb.Start(after_cursor=stream.cursor))
        self.assertEqual([one.offset for one in resumed], [25])

    def test_promise_bounded_a_reader_that_does_not_read_holds_up_nobody(self):
        topic = self.new_topic()
        idle = self.subscribe(topic)
        streams = [self.subscribe(topic).until(lambda s: s.caught_up) for _ in range(10)]
        for _ in range(30):
            self.append(topic, [event(data=b"x" * 100_000)] * 5)
        for stream in streams:
            stream.until_events(150)
        idle.until_events(150)
        self.assertEqual([one.offset for one in idle.events], list(range(150)))

    def test_deleted_topic_ends_the_stream(self):
        topic = self.new_topic()
        self.append(topic, [event()])
        stream = self.subscribe(topic).until(lambda s: s.caught_up)
        self.server.topics.DeleteTopic(pb.DeleteTopicRequest(name=topic))
        self.assert_refused(lambda: stream.until(lambda s: False), "NOT_FOUND", "TOPIC_NOT_FOUND",
                            topic=topic)

    def test_cancelled_stream_is_over_at_the_server(self):
        topic = self.new_topic()
        stream = self.subscribe(topic).until(lambda s: s.caught_up)
        stream.call.cancel()
        with self.assertRaises(grpc.RpcError):
            stream.until(lambda s: False)
        self.append(topic, [event()])
        self.assertEqual(len(self.read(topic)), 1)


if __name__ == "__main__":
    main()
