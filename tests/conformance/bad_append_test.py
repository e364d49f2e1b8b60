"""Bad appends: what each gets, through Append and AppendStream alike; nothing is written."""

import grpc

from google.protobuf import timestamp_pb2

from support import errors
from support.case import ServerCase, main
from support.events import event
from support.server import PATIENCE_S
from support.stubs import pb

GOOD = event(id="good", key="k", data=b"data")


class BadAppend(ServerCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = cls.new_topic(partitions=3)
        cls.append(cls.topic, [GOOD] * 3)
        cls.limits = cls.server.operations.GetServerInfo(pb.GetServerInfoRequest()).limits

    def outcomes(self, request):
        """The details of both calls' refusals."""
        yield self.refusal(lambda: self.server.events.Append(request, timeout=PATIENCE_S))
        (answer,) = self.server.events.AppendStream(iter([request]), timeout=PATIENCE_S)
        self.assertEqual(answer.WhichOneof("outcome"), "error")
        yield errors.of_stream_error(answer.error)

    def refused(self, request, code, reason, field=None, **metadata):
        with self.nothing_written(self.topic):
            for details in self.outcomes(request):
                self.check_details(details, code, reason, field, metadata)
        return details

    def bad_event(self, bad, reason, field, **metadata):
        """The bad one behind a good one: neither is written, and the path names it."""
        request = pb.AppendRequest(topic=self.topic, events=[GOOD, bad, GOOD])
        return self.refused(request, "INVALID_ARGUMENT", reason, field, **metadata)

    def over_limit(self, bad, field, limit_name, limit, value):
        details = self.bad_event(bad, "LIMIT_EXCEEDED", field, limit_name=limit_name, limit=limit,
                                 value=value)
        for part in (field, limit_name, str(limit), str(value)):
            self.assertIn(part, details.message)

    def test_unknown_topic(self):
        details = self.refused(pb.AppendRequest(topic="no-such-topic", events=[GOOD]),
                               "NOT_FOUND", "TOPIC_NOT_FOUND", topic="no-such-topic")
        self.assertIn("no-such-topic", details.message)

    def test_bad_topic_names(self):
        for name in ("a b", "a/b", "ä", "a\n", ".", "..", "a*"):
            with self.subTest(name=name):
                self.refused(pb.AppendRequest(topic=name, events=[GOOD]), "INVALID_ARGUMENT",
                             "INVALID_NAME", "topic")
        self.refused(pb.AppendRequest(events=[GOOD]), "INVALID_ARGUMENT", "INVALID_FIELD", "topic")
        self.refused(pb.AppendRequest(topic="t" * 201, events=[GOOD]), "INVALID_ARGUMENT",
                     "LIMIT_EXCEEDED", "topic", limit_name="name_bytes_max", limit=200, value=201)

    def test_no_events(self):
        self.refused(pb.AppendRequest(topic=self.topic), "INVALID_ARGUMENT", "INVALID_FIELD",
                     "events")

    def test_partition_out_of_range(self):
        for partition in (3, 4, 2**32 - 1):
            self.refused(pb.AppendRequest(topic=self.topic, events=[GOOD], partition=partition),
                         "OUT_OF_RANGE", "PARTITION_OUT_OF_RANGE", "partition", value=partition,
                         partitions=3, topic=self.topic)

    def test_bad_types(self):
        for bad in ("", "a*", "*", "a\nb", "\x00", "\x7f"):
            with self.subTest(type=bad):
                self.bad_event(event(type=bad), "INVALID_FIELD", "events[1].type")
        self.over_limit(event(type="t" * 201), "events[1].type", "type_bytes_max", 200, 201)

    def test_texts_with_control_characters(self):
        for field in ("id", "source", "key", "content_type"):
            for bad in ("a\tb", "\x1f", "a\r\n", "\x00"):
                with self.subTest(field=field, text=bad):
                    self.bad_event(event(**{field: bad}), "INVALID_FIELD", f"events[1].{field}")

    def test_texts_over_their_limits(self):
        for field, limit in (("id", 256), ("source", 1024), ("key", 1024), ("content_type", 256)):
            with self.subTest(field=field):
                self.over_limit(event(**{field: "x" * (limit + 1)}), f"events[1].{field}",
                                f"{field}_bytes_max", limit, limit + 1)
                # The limit counts bytes, not characters.
                self.over_limit(event(**{field: "é" * (limit // 2 + 1)}), f"events[1].{field}",
                                f"{field}_bytes_max", limit, limit + 2)

    def test_attributes(self):
        self.over_limit(event(attributes={f"a{n}": "" for n in range(65)}), "events[1].attributes",
                        "attributes_max", 64, 65)
        self.over_limit(event(attributes={"n" * 201: "v"}), "events[1].attributes",
                        "attribute_name_bytes_max", 200, 201)
        self.over_limit(event(attributes={"n": "v" * 4097}), 'events[1].attributes["n"]',
                        "attribute_value_bytes_max", 4096, 4097)
        for name in ("", "a\n"):
            self.bad_event(event(attributes={name: "v"}), "INVALID_FIELD", "events[1].attributes")

    def test_times_that_do_not_exist(self):
        for seconds, nanos in ((253402300800, 0), (-62135596801, 0), (0, -1), (0, 10**9),
                               (2**63 - 1, 0), (-2**63, 0)):
            with self.subTest(seconds=seconds, nanos=nanos):
                self.bad_event(event(time=timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)),
                               "INVALID_FIELD", "events[1].time")

    def test_oversize_event(self):
        limit = self.limits.event_bytes_max
        for more in (1, 1000):
            bad = event(data=b"x" * (limit - 30))
            bad.data += b"x" * (limit + more - bad.ByteSize())
            self.over_limit(bad, "events[1]", "event_bytes_max", limit, limit + more)

    def test_oversize_request(self):
        limit = self.limits.request_bytes_max
        for events in (5, 12, 60):
            request = pb.AppendRequest(topic=self.topic,
                                       events=[event(data=b"x" * 900_000)] * events)
            size = request.ByteSize()
            self.assertGreater(size, limit)
            with self.subTest(size=size):
                self.refused(request, "INVALID_ARGUMENT", "LIMIT_EXCEEDED", "request",
                             limit_name="request_bytes_max", limit=limit, value=size)

    def test_request_beyond_what_the_transport_takes_in(self):
        request = pb.AppendRequest(topic=self.topic, events=[event(data=b"x" * 1_000_000)] * 70)
        with self.nothing_written(self.topic):
            with self.assertRaises(grpc.RpcError) as caught:
                self.server.events.Append(request, timeout=PATIENCE_S)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
            self.assertRegex(caught.exception.details(), r"larger than max \(\d+ vs\. \d+\)")

    def test_too_many_events(self):
        limit = self.limits.request_events_max
        self.refused(pb.AppendRequest(topic=self.topic, events=[event(type="t")] * (limit + 1)),
                     "INVALID_ARGUMENT", "LIMIT_EXCEEDED", "events",
                     limit_name="request_events_max", limit=limit, value=limit + 1)

    def test_bad_producers(self):
        def request(**producer):
            return pb.AppendRequest(topic=self.topic, events=[GOOD],
                                    producer=pb.Producer(**producer))
        self.refused(request(sequence=1), "INVALID_ARGUMENT", "INVALID_FIELD", "producer.id")
        self.refused(request(id="a b"), "INVALID_ARGUMENT", "INVALID_NAME", "producer.id")
        self.refused(request(id="p" * 201), "INVALID_ARGUMENT", "LIMIT_EXCEEDED", "producer.id",
                     limit_name="name_bytes_max", limit=200, value=201)
        self.refused(request(id="p", sequence=2**63), "INVALID_ARGUMENT", "LIMIT_EXCEEDED",
                     "producer.sequence", limit=2**63 - 1, value=2**63)

    def test_first_of_many_bad_events_is_named(self):
        request = pb.AppendRequest(topic=self.topic,
                                   events=[GOOD] * 7 + [event(type=""), event(key="\n")])
        self.refused(request, "INVALID_ARGUMENT", "INVALID_FIELD", "events[7].type")


if __name__ == "__main__":
    main()
