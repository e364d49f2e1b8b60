"""Read backward, and Read and Subscribe in commit order, over the real server."""

from google.protobuf import timestamp_pb2

from support.case import ServerCase, main
from support.events import event, stored
from support.server import PATIENCE_S
from support.stubs import pb

BACKWARD = pb.DIRECTION_BACKWARD


def at(**offsets):
    return pb.PartitionOffsets(offsets={int(p[1:]): o for p, o in offsets.items()})


class Story(ServerCase):
    """Three partitions; 40 appends of 1 to 4 events, which touch one or two of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = cls.new_topic(partitions=3)
        cls.times = {}
        for i in range(40):
            partition = (i * i + i // 3) % 3
            answer = cls.append(cls.topic, [
                event(id=f"{i}-{n}", type="rare.type" if (i + n) % 13 == 0 else f"t.{n}",
                      key=f"k{i % 5}", data=b"d" * 50)
                for n in range(1 + i % 4)], partition=partition)
            cls.times[i] = answer.append_time
        cls.forward = cls.read(cls.topic)
        cls.commits = sorted(cls.forward, key=lambda one: (one.position, one.offset))

    def places(self, **request):
        return [one.place for one in self.read(self.topic, **request)]

    def of(self, partition, events=None):
        return [one for one in (events or self.forward) if one.partition == partition]


class Backward(Story):

    def test_everything_newest_first(self):
        found = self.read(self.topic, direction=BACKWARD)
        self.assertEqual(len(found), len(self.forward))
        for partition in range(3):
            self.assertEqual([one.event for one in self.of(partition, found)],
                             [one.event for one in reversed(self.of(partition))])

    def test_batches_say_that_they_descend(self):
        for response in self.responses(self.topic, direction=BACKWARD):
            if response.HasField("batch"):
                self.assertTrue(response.batch.descending)
                self.assertFalse(response.batch.HasField("events_crc32c"))
        for response in self.responses(self.topic):
            self.assertFalse(response.batch.descending)

    def test_start_is_left_out_and_stop_included(self):
        def offsets(**request):
            return [o for _, o in self.places(partitions=[0], direction=BACKWARD, **request)]
        end = len(self.of(0))
        self.assertEqual(offsets(), list(range(end - 1, -1, -1)))
        self.assertEqual(offsets(start=pb.Start(latest=pb.Latest())), list(range(end - 1, -1, -1)))
        self.assertEqual(offsets(start=pb.Start(offsets=at(p0=12))), list(range(11, -1, -1)))
        self.assertEqual(offsets(start=pb.Start(offsets=at(p0=12)), stop=pb.Stop(offsets=at(p0=7))),
                         [11, 10, 9, 8, 7])
        self.assertEqual(offsets(stop=pb.Stop(end_at_open=pb.EndAtOpen()), max_events=2),
                         [end - 1, end - 2])
        self.assertEqual(offsets(start=pb.Start(offsets=at(p0=7)), stop=pb.Stop(offsets=at(p0=7))),
                         [])

    def test_exchanged_times_yield_the_same_events(self):
        early, late = self.times[10], self.times[30]
        forward = self.places(start=pb.Start(time=early), stop=pb.Stop(time=late))
        backward = self.places(start=pb.Start(time=late), stop=pb.Stop(time=early),
                               direction=BACKWARD)
        self.assertTrue(forward)
        self.assertEqual(sorted(backward), sorted(forward))
        future = timestamp_pb2.Timestamp(seconds=253402300799)
        self.assertEqual(len(self.places(start=pb.Start(time=future), direction=BACKWARD)),
                         len(self.forward))

    def test_last_n_newest_first(self):
        found = self.read(self.topic, start=pb.Start(last_n=2), direction=BACKWARD)
        for partition in range(3):
            self.assertEqual([one.place for one in self.of(partition, found)],
                             [one.place for one in self.of(partition)[:-3:-1]])

    def test_filter_limits_and_without_data(self):
        wanted = [one for one in reversed(self.commits) if one.event.type == "rare.type"]
        request = {"filter": pb.Filter(types=["rare.*"]), "direction": BACKWARD,
                   "order": pb.ORDER_COMMIT}
        self.assertEqual(self.places(**request), [one.place for one in wanted])
        self.assertEqual(self.places(max_events=2, **request), [one.place for one in wanted[:2]])
        for one in self.read(self.topic, without_data=True, max_batch_bytes=1, **request):
            self.assertEqual(one.event.data, b"")

    def test_cursor_continues(self):
        for most in (1, 3, 50):
            found, start = [], None
            while True:
                responses = self.responses(self.topic, start=start, max_events=most,
                                           direction=BACKWARD)
                events = stored(responses)
                if not events:
                    break
                found += [one.place for one in events]
                start = pb.Start(after_cursor=responses[-1].checkpoint.cursor)
            self.assertEqual(len(found), len(self.forward))
            self.assertEqual(len(set(found)), len(found))

    def test_refused(self):
        def read(**request):
            return lambda: self.read(self.topic, **request)
        self.assert_refused(read(direction=BACKWARD, start=pb.Start(earliest=pb.Earliest())),
                            "INVALID_ARGUMENT", "INVALID_FIELD", "start.earliest")
        forward = self.responses(self.topic)[-1].checkpoint.cursor
        backward = self.responses(self.topic, direction=BACKWARD)[-1].checkpoint.cursor
        self.assert_refused(read(direction=BACKWARD, start=pb.Start(after_cursor=forward)),
                            "INVALID_ARGUMENT", "INVALID_CURSOR", "start.after_cursor")
        self.assert_refused(read(start=pb.Start(after_cursor=backward)),
                            "INVALID_ARGUMENT", "INVALID_CURSOR", "start.after_cursor")
        self.assert_refused(read(direction=BACKWARD, start=pb.Start(offsets=at(p0=10**6))),
                            "OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE", "start")
        self.assert_refused(read(direction=7), "INVALID_ARGUMENT", "UNKNOWN_ENUM_VALUE", "direction")
        self.assert_refused(read(order=7), "INVALID_ARGUMENT", "UNKNOWN_ENUM_VALUE", "order")


class Commit(Story):

    def test_one_order_over_all_partitions(self):
        expected = [one.place for one in self.commits]
        self.assertEqual(self.places(order=pb.ORDER_COMMIT), expected)
        self.assertEqual(self.places(order=pb.ORDER_COMMIT, max_batch_bytes=1), expected)
        self.assertEqual(self.places(order=pb.ORDER_COMMIT, direction=BACKWARD),
                         [one.place for one in sorted(
                             self.forward, key=lambda one: (-one.position, -one.offset))])
        self.assertEqual(self.places(order=pb.ORDER_COMMIT, partitions=[2, 0]),
                         [place for place in expected if place[0] != 1])

    def test_cursor_continues_exactly(self):
        found, start = [], None
        while True:
            responses = self.responses(self.topic, start=start, max_events=7,
                                       order=pb.ORDER_COMMIT)
            events = stored(responses)
            if not events:
                break
            found += [one.place for one in events]
            start = pb.Start(after_cursor=responses[-1].checkpoint.cursor)
        self.assertEqual(found, [one.place for one in self.commits])

    def test_the_same_after_a_restart(self):
        self.server.restart()
        self.assertEqual(self.places(order=pb.ORDER_COMMIT), [one.place for one in self.commits])

    def test_subscribe_goes_on_live_in_the_same_order(self):
        topic = self.new_topic(partitions=3)
        for i in range(9):
            self.append(topic, [event(id=str(i))], partition=i * 2 % 3)
        call = self.server.events.Subscribe(
            pb.SubscribeRequest(topic=topic, order=pb.ORDER_COMMIT), timeout=PATIENCE_S)
        ids = []
        for response in call:
            ids += [one.event.id for one in stored([response])]
            if response.HasField("caught_up"):
                break
        self.assertEqual(ids, [str(i) for i in range(9)])
        for i in range(9, 30):
            self.append(topic, [event(id=str(i))], partition=i * 2 % 3)
        while len(ids) < 30:
            ids += [one.event.id for one in stored([next(call)])]
        call.cancel()
        self.assertEqual(ids, [str(i) for i in range(30)])


del Story  # A base, not a test.

if __name__ == "__main__":
    main()
