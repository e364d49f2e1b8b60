"""Bad reads: what each gets, through Read and Subscribe alike."""

from google.protobuf import timestamp_pb2

from support.case import ServerCase, main
from support.events import event
from support.server import PATIENCE_S
from support.stubs import pb


class BadRead(ServerCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = cls.new_topic(partitions=3)
        for partition in range(3):
            cls.append(cls.topic, [event()] * 10, partition=partition)

    def both(self, code, reason, field=None, metadata=None, **request):
        """A request that both calls must refuse in the same words."""
        request.setdefault("topic", self.topic)
        one = self.refusal(lambda: self.server.events.Read(
            pb.ReadRequest(**request), timeout=PATIENCE_S))
        two = self.refusal(lambda: self.server.events.Subscribe(
            pb.SubscribeRequest(**request), timeout=PATIENCE_S))
        self.check_details(one, code, reason, field, metadata)
        self.assertEqual(str(one), str(two))
        return one

    def read_only(self, code, reason, field=None, **request):
        self.assert_refused(lambda: self.server.events.Read(
            pb.ReadRequest(topic=self.topic, **request), timeout=PATIENCE_S), code, reason, field)

    def test_topics(self):
        self.both("NOT_FOUND", "TOPIC_NOT_FOUND", topic="nowhere", metadata={"topic": "nowhere"})
        self.both("INVALID_ARGUMENT", "INVALID_FIELD", "topic", topic="")
        self.both("INVALID_ARGUMENT", "INVALID_NAME", "topic", topic="a b")
        self.both("INVALID_ARGUMENT", "LIMIT_EXCEEDED", "topic", topic="t" * 201,
                  metadata={"limit_name": "name_bytes_max", "limit": 200, "value": 201})

    def test_partitions(self):
        self.both("OUT_OF_RANGE", "PARTITION_OUT_OF_RANGE", "partitions", partitions=[0, 3],
                  metadata={"value": 3, "partitions": 3})
        self.both("INVALID_ARGUMENT", "INVALID_FIELD", "partitions", partitions=[1, 1])

    def test_start_outside_the_range(self):
        for offset in (11, 12, 2**64 - 1):
            details = self.both(
                "OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE", "start",
                start=pb.Start(offsets=pb.PartitionOffsets(offsets={0: 3, 1: offset})),
                metadata={"partition": 1, "offset": offset, "start_offset": 0, "end_offset": 10,
                          "topic": self.topic})
            self.assertIn(str(offset), details.message)

    def test_start_names_a_partition_that_is_not_there_or_not_read(self):
        start = pb.Start(offsets=pb.PartitionOffsets(offsets={3: 0}))
        self.both("OUT_OF_RANGE", "PARTITION_OUT_OF_RANGE", "start.offsets", start=start,
                  metadata={"value": 3})
        start = pb.Start(offsets=pb.PartitionOffsets(offsets={2: 0}))
        self.both("INVALID_ARGUMENT", "INVALID_FIELD", "start.offsets", start=start,
                  partitions=[0, 1])

    def test_stop_names_a_partition_that_is_not_there(self):
        self.read_only("OUT_OF_RANGE", "PARTITION_OUT_OF_RANGE", "stop.offsets",
                       stop=pb.Stop(offsets=pb.PartitionOffsets(offsets={3: 0})))

    def test_times_that_do_not_exist(self):
        for time in (timestamp_pb2.Timestamp(seconds=253402300800),
                     timestamp_pb2.Timestamp(seconds=-62135596801),
                     timestamp_pb2.Timestamp(nanos=-1), timestamp_pb2.Timestamp(nanos=10**9)):
            self.both("INVALID_ARGUMENT", "INVALID_FIELD", "start.time", start=pb.Start(time=time))
            self.read_only("INVALID_ARGUMENT", "INVALID_FIELD", "stop.time",
                           stop=pb.Stop(time=time))

    def test_cursors(self):
        other = self.new_topic(partitions=3)
        of_other = self.responses(other)[-1].checkpoint.cursor
        good = self.responses(self.topic)[-1].checkpoint.cursor
        broken = ("A" if good[0] != "A" else "B") + good[1:]
        for cursor in ("", "nonsense", "*", broken, good[:-4], good + "AAAA", of_other, "é" * 500):
            with self.subTest(cursor=cursor):
                self.both("INVALID_ARGUMENT", "INVALID_CURSOR", "start.after_cursor",
                          start=pb.Start(after_cursor=cursor))

    def test_cursor_of_a_topic_that_was_made_anew(self):
        name = self.new_topic()
        cursor = self.responses(name)[-1].checkpoint.cursor
        self.server.topics.DeleteTopic(pb.DeleteTopicRequest(name=name))
        self.server.topics.CreateTopic(pb.CreateTopicRequest(name=name))
        self.both("INVALID_ARGUMENT", "INVALID_CURSOR", "start.after_cursor", topic=name,
                  start=pb.Start(after_cursor=cursor))

    def test_numbers_that_must_not_be_zero(self):
        self.both("INVALID_ARGUMENT", "INVALID_FIELD", "start.last_n", start=pb.Start(last_n=0))
        self.both("INVALID_ARGUMENT", "INVALID_FIELD", "max_batch_bytes", max_batch_bytes=0)
        self.read_only("INVALID_ARGUMENT", "INVALID_FIELD", "max_events", max_events=0)

    def test_filters(self):
        def bad(reason, field, metadata=None, **filter):
            self.both("INVALID_ARGUMENT", reason, field, metadata, filter=pb.Filter(**filter))
        for text in ("", "a*b", "**", "*a", "a\n", "a\x00*"):
            with self.subTest(type=text):
                bad("INVALID_FIELD", "filter.types[1]", types=["ok", text])
        for text in ("", "a\n"):
            with self.subTest(key=text):
                bad("INVALID_FIELD", "filter.keys[0]", keys=[text])
        bad("LIMIT_EXCEEDED", "filter.types[0]", types=["t" * 201],
            metadata={"limit_name": "type_bytes_max", "limit": 200, "value": 201})
        bad("LIMIT_EXCEEDED", "filter.keys[0]", keys=["k" * 1025],
            metadata={"limit_name": "key_bytes_max", "limit": 1024, "value": 1025})
        for name in ("types", "keys"):
            bad("LIMIT_EXCEEDED", f"filter.{name}", **{name: ["x"] * 101},
                metadata={"limit_name": "filter_entries_max", "limit": 100, "value": 101})

    def test_unknown_enum_values(self):
        self.both("INVALID_ARGUMENT", "UNKNOWN_ENUM_VALUE", "order", order=99)
        self.both("INVALID_ARGUMENT", "UNKNOWN_ENUM_VALUE", "order", order=-1)
        self.read_only("INVALID_ARGUMENT", "UNKNOWN_ENUM_VALUE", "direction", direction=99)

    def test_good_reads_go_on(self):
        self.assertEqual(len(self.read(self.topic)), 30)


if __name__ == "__main__":
    main()
