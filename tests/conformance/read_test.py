"""Read: every start and stop, limits, and the cursor at its end."""

from google.protobuf import timestamp_pb2

from support.case import ServerCase, main
from support.checksums import crc32c
from support.events import by_partition, event, stored
from support.stubs import pb
from support.wire import fields

EVENTS_FIELD = 2


def just_after(time):
    later = timestamp_pb2.Timestamp()
    later.FromNanoseconds(time.ToNanoseconds() + 1)
    return later


class Read(ServerCase):
    """Three partitions: 60 events in 0, 30 in 1, none in 2; batches of 10 with their times."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = cls.new_topic(partitions=3)
        cls.times = {0: [], 1: []}
        for i in range(6):
            cls.add(0, i)
            if i < 3:
                cls.add(1, i)

    @classmethod
    def add(cls, partition, batch):
        answer = cls.append(cls.topic, [event(id=f"{partition}-{10 * batch + n}", data=b"d" * 50)
                                        for n in range(10)], partition=partition)
        cls.times[partition].append(answer.append_time)

    def check(self, wanted, **request):
        """`wanted`: from partition to the range of its offsets."""
        responses = self.responses(self.topic, **request)
        self.assertEqual(responses[-1].WhichOneof("message"), "checkpoint")
        found = by_partition(stored(responses))
        self.assertEqual({p: [one.offset for one in events] for p, events in found.items()},
                         {p: list(offsets) for p, offsets in wanted.items() if len(offsets)})
        for partition, events in found.items():
            for one in events:
                self.assertEqual(one.event.id, f"{partition}-{one.offset}")
        return responses

    def test_start_unset_and_earliest(self):
        everything = {0: range(60), 1: range(30)}
        self.check(everything)
        self.check(everything, start=pb.Start())
        self.check(everything, start=pb.Start(earliest=pb.Earliest()))
        self.check(everything, start=pb.Start(earliest=pb.Earliest()),
                   stop=pb.Stop(end_at_open=pb.EndAtOpen()))

    def test_start_latest(self):
        self.check({}, start=pb.Start(latest=pb.Latest()))

    def test_start_and_stop_offsets(self):
        def at(**offsets):
            return pb.PartitionOffsets(offsets={int(p[1:]): o for p, o in offsets.items()})
        self.check({0: range(17, 60), 1: range(30)}, start=pb.Start(offsets=at(p0=17)))
        self.check({0: range(59, 60)}, start=pb.Start(offsets=at(p0=59, p1=30, p2=0)))
        self.check({0: range(0, 25), 1: range(30)}, stop=pb.Stop(offsets=at(p0=25)))
        self.check({0: range(13, 14), 1: range(5, 30)},
                   start=pb.Start(offsets=at(p0=13, p1=5)), stop=pb.Stop(offsets=at(p0=14, p1=99)))
        self.check({1: range(30)}, start=pb.Start(offsets=at(p0=40)),
                   stop=pb.Stop(offsets=at(p0=40)))
        self.check({1: range(30)}, start=pb.Start(offsets=at(p0=40)),
                   stop=pb.Stop(offsets=at(p0=20)))

    def test_partitions(self):
        self.check({1: range(30)}, partitions=[1])
        self.check({0: range(60), 1: range(30)}, partitions=[1, 0])
        self.check({}, partitions=[2])

    def test_start_and_stop_time(self):
        zero, one = self.times[0], self.times[1]
        self.check({0: range(30, 60)}, partitions=[0], start=pb.Start(time=zero[3]))
        self.check({0: range(40, 60)}, partitions=[0], start=pb.Start(time=just_after(zero[3])))
        self.check({0: range(0, 30)}, partitions=[0], stop=pb.Stop(time=zero[3]))
        self.check({0: range(0, 40)}, partitions=[0], stop=pb.Stop(time=just_after(zero[3])))
        self.check({0: range(20, 50)}, partitions=[0], start=pb.Start(time=zero[2]),
                   stop=pb.Stop(time=zero[5]))
        self.check({0: range(20, 60), 1: range(10, 30)}, start=pb.Start(time=one[1]))
        self.check({}, start=pb.Start(time=timestamp_pb2.Timestamp(seconds=253402300799)))
        self.check({}, stop=pb.Stop(time=timestamp_pb2.Timestamp(seconds=0)))
        self.check({0: range(60), 1: range(30)}, start=pb.Start(time=timestamp_pb2.Timestamp(
            seconds=-62135596800)))

    def test_start_last_n(self):
        self.check({0: range(59, 60), 1: range(29, 30)}, start=pb.Start(last_n=1))
        self.check({0: range(25, 60), 1: range(30)}, start=pb.Start(last_n=35))
        self.check({0: range(60), 1: range(30)}, start=pb.Start(last_n=2**64 - 1))

    def test_start_after_cursor_continues(self):
        for most in (1, 7, 10, 45, 90, 1000):
            found, start = [], None
            for _ in range(200):
                responses = self.responses(self.topic, start=start, max_events=most)
                events = stored(responses)
                self.assertLessEqual(len(events), most)
                if not events:
                    break
                found += events
                start = pb.Start(after_cursor=responses[-1].checkpoint.cursor)
            self.assertEqual(sorted(one.place for one in found),
                             [(0, o) for o in range(60)] + [(1, o) for o in range(30)])

    def test_cursor_continues_with_what_came_later(self):
        topic = self.new_topic(partitions=2)
        self.append(topic, [event(id="1")], partition=0)
        responses = self.responses(topic)
        cursor = pb.Start(after_cursor=responses[-1].checkpoint.cursor)
        self.assertEqual(self.read(topic, start=cursor), [])
        self.append(topic, [event(id="2")], partition=0)
        self.append(topic, [event(id="3")], partition=1)
        self.assertEqual(sorted(one.event.id for one in self.read(topic, start=cursor)), ["2", "3"])
        self.server.restart()
        self.assertEqual(sorted(one.event.id for one in self.read(topic, start=cursor)), ["2", "3"])

    def test_max_events(self):
        for most in (1, 9, 10, 11, 89, 90, 91):
            self.assertEqual(len(self.read(self.topic, max_events=most)), min(most, 90))
        self.check({0: range(13, 18)}, partitions=[0], max_events=5,
                   start=pb.Start(offsets=pb.PartitionOffsets(offsets={0: 13})))

    def test_max_batch_bytes(self):
        for most in (1, 100, 300, 2**63):
            responses = self.check({0: range(60), 1: range(30)}, max_batch_bytes=most)
            for batch in (r.batch for r in responses if r.HasField("batch")):
                size = sum(entry.ByteSize() for entry in batch.events)
                self.assertTrue(len(batch.events) == 1 or size <= most, (size, most))

    def test_without_data(self):
        found = self.read(self.topic, without_data=True)
        self.assertEqual(len(found), 90)
        for one in found:
            self.assertEqual((one.event.id, one.event.data), (f"{one.partition}-{one.offset}", b""))

    def test_end_is_that_of_the_call(self):
        topic = self.new_topic()
        self.append(topic, [event(data=b"x" * 1000) for _ in range(3000)])
        call = self.server.events.Read(pb.ReadRequest(topic=topic, max_batch_bytes=2000))
        first = next(call)
        self.append(topic, [event()] * 10)
        self.assertEqual(len(stored([first, *call])), 3000)

    def test_promise_corruption_is_detected_by_checksums_up_to_the_reader(self):
        topic = self.new_topic()
        for i in range(5):
            self.append(topic, [event(id=f"{i}-{n}", data=b"\x00\xff" * n) for n in range(20)])
        raw = self.server.channel.unary_stream("/tidemark.v1.EventStore/Read")
        whole = checked = 0
        for message in raw(pb.ReadRequest(topic=topic).SerializeToString()):
            for number, _, value, _ in fields(message):
                if number != pb.ReadResponse.BATCH_FIELD_NUMBER:
                    continue
                whole += 1
                batch = pb.EventBatch.FromString(value)
                if batch.HasField("events_crc32c"):
                    checked += 1
                    entries = b"".join(entry for field, _, _, entry in fields(value)
                                       if field == EVENTS_FIELD)
                    self.assertEqual(batch.events_crc32c, crc32c(entries))
        self.assertEqual((whole, checked), (5, 5))

    def test_no_checksum_on_a_cut_batch(self):
        for request in ({"max_events": 3}, {"without_data": True}, {"max_batch_bytes": 100}):
            for response in self.responses(self.topic, **request):
                if response.HasField("batch"):
                    self.assertFalse(response.batch.HasField("events_crc32c"), request)

    def test_batches_say_where_they_belong(self):
        last = {}
        for response in self.responses(self.topic):
            if not response.HasField("batch"):
                continue
            batch = response.batch
            self.assertEqual(batch.topic, self.topic)
            self.assertGreater(len(batch.events), 0)
            key = (batch.position, batch.append_time.ToNanoseconds(), batch.base_offset)
            self.assertLess(last.get(batch.partition, (0, 0, -1)), key)
            last[batch.partition] = key
            time = self.times[batch.partition][batch.base_offset // 10]
            self.assertEqual(batch.append_time, time)


if __name__ == "__main__":
    main()
