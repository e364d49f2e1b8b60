"""Bytes that are no request: in every call INVALID_ARGUMENT with details, and nothing written.

Method: raw channels without serializers. `poisoned` walks the contract and puts invalid UTF-8 into
each text field of each request, however deep, so that a new field is covered without a new test.
"""

import grpc

from google.protobuf.descriptor import FieldDescriptor

from support import errors, wire
from support.case import ServerCase, main
from support.server import PATIENCE_S
from support.stubs import pb, rpc

NOT_UTF8 = b"a\xff\xfe"
MALFORMED = {
    "a tag without a value": b"\x08",
    "a length beyond the end": b"\x0a\x7fabc",
    "a varint without an end": b"\xff" * 11,
    "field number zero": b"\x00\x01",
    "a group that never ends": b"\x0b\x0b",
    "wire type 6": b"\x0e\x01",
    "noise": bytes(range(255, 200, -1)),
}


def poisoned(descriptor, path="", depth=4):
    """(path, bytes) for each text field of a message, alone in otherwise empty messages."""
    for field in descriptor.fields:
        here = f"{path}.{field.name}" if path else field.name
        if field.type == FieldDescriptor.TYPE_STRING:
            yield here, wire.text(field.number, NOT_UTF8)
        elif field.type == FieldDescriptor.TYPE_MESSAGE and depth > 0:
            for inner, data in poisoned(field.message_type, here, depth - 1):
                yield inner, wire.text(field.number, data)


def path_of(service, method):
    return f"/{service.full_name}/{method.name}"


class Wire(ServerCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = cls.new_topic()

    def methods(self):
        for service in rpc.descriptors.values():
            for method in service.methods:
                yield service, method

    def call_raw(self, service, method, data):
        """The details of what `data` got as the (only) request of the method."""
        path = path_of(service, method)
        channel = self.server.channel
        try:
            if method.client_streaming:
                answers = list(channel.stream_stream(path)(iter([data]), timeout=PATIENCE_S))
                if method.name == "AppendStream" and answers:
                    outcome = pb.AppendStreamResponse.FromString(answers[0])
                    self.assertEqual(outcome.WhichOneof("outcome"), "error")
                    return errors.of_stream_error(outcome.error)
            elif method.server_streaming:
                list(channel.unary_stream(path)(data, timeout=PATIENCE_S))
            else:
                channel.unary_unary(path)(data, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            return errors.of_rpc_error(error)
        raise AssertionError(f"{path} took {data!r}")

    def check_all(self, inputs):
        """`inputs`: from a method to (name, bytes) pairs that are no request of it."""
        wrong = []
        with self.nothing_written(self.topic):
            for service, method in self.methods():
                for name, data in inputs(method):
                    details = self.call_raw(service, method, data)
                    good = (details.code is grpc.StatusCode.INVALID_ARGUMENT and details.info
                            and details.info.domain == errors.DOMAIN and details.fields)
                    if not good:
                        wrong.append(f"{path_of(service, method)}, {name}: {details}")
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def test_malformed_bytes_in_every_call(self):
        self.check_all(lambda method: MALFORMED.items())

    def test_invalid_utf8_in_every_text_field_of_every_call(self):
        self.check_all(lambda method: poisoned(method.input_type))

    def test_groups_that_never_end_in_every_field(self):
        self.check_all(lambda method: [
            (field.name, wire.tag(field.number, 3)) for field in method.input_type.fields])


class AppendWire(ServerCase):
    """Append looks into the bytes itself, so each rule of the wire format has its case here."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = cls.new_topic(partitions=2)

    def request(self, *event_fields, events=1):
        event = b"".join(event_fields)
        return wire.text(1, self.topic) + wire.text(2, event) * events

    def both(self, data):
        raw = self.server.channel
        yield self.refusal(lambda: raw.unary_unary("/tidemark.v1.EventStore/Append")(data))
        answers = raw.stream_stream("/tidemark.v1.EventStore/AppendStream")(iter([data]))
        outcome = pb.AppendStreamResponse.FromString(next(answers))
        self.assertEqual(outcome.WhichOneof("outcome"), "error")
        yield errors.of_stream_error(outcome.error)

    def refused(self, data, field):
        with self.nothing_written(self.topic):
            for details in self.both(data):
                self.assertEqual(details.code, grpc.StatusCode.INVALID_ARGUMENT, details)
                self.assertIn(field, details.fields, details)

    TYPE = wire.text(2, "t")
    TEXTS = [(1, "id"), (2, "type"), (3, "source"), (4, "key"), (6, "content_type")]

    def test_invalid_utf8_names_the_field(self):
        for number, name in self.TEXTS:
            for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe2\x82"):
                with self.subTest(field=name, bytes=bad):
                    self.refused(self.request(self.TYPE, wire.text(number, bad)),
                                 f"events[0].{name}")
        for entry in (wire.text(1, b"\xff") + wire.text(2, "v"),
                      wire.text(1, "n") + wire.text(2, b"\xff")):
            self.refused(self.request(self.TYPE, wire.text(8, entry)), "events[0].attributes")
        self.refused(wire.text(1, b"\xff") + wire.text(2, self.TYPE), "topic")
        self.refused(self.request(self.TYPE) + wire.text(6, wire.text(1, b"\xff")), "producer")

    def test_each_occurrence_of_a_field_counts(self):
        # Readers verify every occurrence, so one bad one would make the batch unreadable.
        for number, name in self.TEXTS:
            twice = wire.text(number, b"\xff") + wire.text(number, "x")
            self.refused(self.request(twice, self.TYPE), f"events[0].{name}")
        twice = wire.text(1, b"\xff") + wire.text(1, "n") + wire.text(2, "v")
        self.refused(self.request(self.TYPE, wire.text(8, twice)), "events[0].attributes")

    def test_events_that_are_no_messages(self):
        for name, bad in MALFORMED.items():
            with self.subTest(name):
                self.refused(self.request(self.TYPE, bad), "events[0]")
        self.refused(self.request(self.TYPE, wire.number(1, 5)), "events[0].field 1")
        self.refused(self.request(self.TYPE, wire.text(5, b"\x08")), "events[0].time")
        self.refused(self.request(self.TYPE, wire.text(8, b"\x0a\x7f")), "events[0].attributes")

    def test_numbers_longer_than_readers_take(self):
        long_tag = b"\x92\x80\x80\x80\x80\x00" + b"\x01t"
        self.refused(self.request(self.TYPE, long_tag), "events[0]")
        long_length = wire.tag(2, 2) + b"\x81\x80\x80\x80\x80\x00" + b"t"
        self.refused(self.request(long_length), "events[0]")

    def test_what_is_accepted_can_be_read(self):
        odd = [self.TYPE + wire.text(2, "u"),  # The last one counts.
               wire.text(900, b"\xff\x00") + self.TYPE,  # Unknown fields may hold anything.
               self.TYPE + wire.text(7, b"\xff\xfe\x00"),
               b"\x92\x00" + b"\x01t",  # A tag of two bytes where one would do.
               self.TYPE + wire.text(8, wire.text(1, "n")),
               wire.text(5, b"") + self.TYPE]
        before = self.ends(self.topic)
        raw = self.server.channel.unary_unary("/tidemark.v1.EventStore/Append")
        raw(wire.text(1, self.topic) + b"".join(wire.text(2, one) for one in odd)
            + wire.number(3, 1))
        found = self.read(self.topic, partitions=[1])
        self.assertEqual(len(found), before[1] + len(odd))
        self.assertEqual([one.event for one in found], [pb.Event.FromString(one) for one in odd])


if __name__ == "__main__":
    main()
