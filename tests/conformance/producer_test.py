"""Producer ids: a retried request is stored once, for ever."""

from support import errors
from support.case import ServerCase, main
from support.events import event
from support.server import PATIENCE_S
from support.stubs import pb


class Producer(ServerCase):

    def send(self, topic, producer, sequence, events, **more):
        return self.append(topic, events, producer=pb.Producer(id=producer, sequence=sequence),
                           **more)

    def assert_same_answer(self, first, again):
        self.assertFalse(first.duplicate)
        self.assertTrue(again.duplicate)
        wanted = pb.AppendResponse()
        wanted.CopyFrom(first)
        wanted.duplicate = True
        self.assertEqual(again, wanted)

    def test_promise_no_duplicates_from_retries(self):
        topic = self.new_topic(partitions=4)
        producer = self.new_name("producer")
        made = [[event(id=f"{i}-{n}", key=f"k{n}") for n in range(5)] for i in range(10)]
        first = [self.send(topic, producer, 7 + i, events) for i, events in enumerate(made)]
        ends = self.ends(topic)
        for i in (9, 0, 4, 9):  # The newest, and any older one.
            self.assert_same_answer(first[i], self.send(topic, producer, 7 + i, made[i]))
        self.assertEqual(self.ends(topic), ends)

    def test_promise_no_duplicates_from_retries_after_a_restart(self):
        topic = self.new_topic()
        producer = self.new_name("producer")
        first = [self.send(topic, producer, i, [event(id=str(i))]) for i in range(5)]
        for end in (self.server.restart, lambda: (self.server.kill(), self.server.start())):
            end()
            for i in (0, 4):
                self.assert_same_answer(first[i],
                                        self.send(topic, producer, i, [event(id=str(i))]))
            self.assertEqual(self.ends(topic), {0: 5})
        self.send(topic, producer, 5, [event(id="5")])
        self.assertEqual(self.ends(topic), {0: 6})

    def test_promise_no_duplicates_within_one_stream(self):
        topic = self.new_topic()
        producer = self.new_name("producer")
        requests = [pb.AppendRequest(topic=topic, events=[event(id=str(i // 2))],
                                     producer=pb.Producer(id=producer, sequence=i // 2))
                    for i in range(400)]
        answers = list(self.server.events.AppendStream(iter(requests), timeout=PATIENCE_S))
        for i, answer in enumerate(answers):
            self.assertEqual(answer.appended.duplicate, i % 2 == 1)
            self.assertEqual(answer.appended.ranges[0].first_offset, i // 2)
            self.assertGreater(answer.appended.position, 0)
        for first, again in zip(answers[0::2], answers[1::2]):
            self.assert_same_answer(first.appended, again.appended)
        self.assertEqual(self.ends(topic), {0: 200})

    def test_a_gap_is_refused_and_names_the_expected_sequence(self):
        topic = self.new_topic()
        producer = self.new_name("producer")
        self.send(topic, producer, 3, [event()])
        for sequence in (5, 2**62, 2, 0):
            with self.nothing_written(topic):
                details = self.assert_refused(
                    lambda: self.send(topic, producer, sequence, [event()]),
                    "ABORTED", "PRODUCER_SEQUENCE_GAP", producer_id=producer, sequence=sequence,
                    expected_sequence=4)
                self.assertTrue(details.preconditions)
        self.send(topic, producer, 4, [event()])

    def test_other_content_under_a_known_sequence_is_refused(self):
        topic, other = self.new_topic(partitions=2), self.new_topic(partitions=2)
        producer = self.new_name("producer")
        made = [event(id="1", data=b"data", attributes={"a": "1", "b": "2"}), event(id="2")]
        self.send(topic, producer, 1, made)
        changed = event(id="1", data=b"Data", attributes={"a": "1", "b": "2"})
        for where, events in ((topic, [changed, made[1]]), (topic, made[:1]), (topic, made[::-1]),
                              (topic, made + [event()]), (other, made)):
            with self.nothing_written(topic, other):
                self.assert_refused(lambda: self.send(where, producer, 1, events),
                                    "INVALID_ARGUMENT", "PRODUCER_SEQUENCE_REUSED",
                                    "producer.sequence", producer_id=producer, sequence=1)

    def test_same_content_encoded_in_another_order_is_the_same(self):
        topic = self.new_topic()
        producer = self.new_name("producer")
        pairs = [(f"name{n}", f"value{n}") for n in range(20)]
        first = self.send(topic, producer, 1, [event(attributes=dict(pairs))])
        again = self.send(topic, producer, 1, [event(attributes=dict(pairs[::-1]))])
        self.assert_same_answer(first, again)

    def test_a_producer_spans_topics_and_producers_are_apart(self):
        one, two = self.new_topic(), self.new_topic()
        a, b = self.new_name("producer"), self.new_name("producer")
        self.send(one, a, 0, [event()])
        self.send(two, a, 1, [event()])
        self.send(one, b, 100, [event()])
        self.send(one, a, 2, [event()])
        self.send(two, b, 101, [event()])
        self.assertEqual((self.ends(one), self.ends(two)), ({0: 3}, {0: 2}))

    def test_refused_request_uses_no_sequence(self):
        topic = self.new_topic()
        producer = self.new_name("producer")
        self.send(topic, producer, 0, [event()])
        self.assert_refused(lambda: self.send(topic, producer, 1, [event(type="")]),
                            "INVALID_ARGUMENT", "INVALID_FIELD", "events[0].type")
        self.assertFalse(self.send(topic, producer, 1, [event()]).duplicate)

    def test_gap_in_a_stream_refuses_what_follows_until_it_is_filled(self):
        topic = self.new_topic()
        producer = self.new_name("producer")
        requests = [pb.AppendRequest(topic=topic, events=[event(id=str(sequence))],
                                     producer=pb.Producer(id=producer, sequence=sequence))
                    for sequence in (0, 2, 3, 1, 2, 3)]
        answers = list(self.server.events.AppendStream(iter(requests), timeout=PATIENCE_S))
        self.assertEqual([a.WhichOneof("outcome") for a in answers],
                         ["appended", "error", "error", "appended", "appended", "appended"])
        self.check_details(errors.of_stream_error(answers[1].error), "ABORTED",
                           "PRODUCER_SEQUENCE_GAP", metadata={"expected_sequence": 1})
        self.assertEqual([one.event.id for one in self.read(topic)], ["0", "1", "2", "3"])

    def test_get_producer_tells_where_to_resume(self):
        topic = self.new_topic(partitions=3)
        producer = self.new_name("producer")
        request = pb.GetProducerRequest(id=producer)
        self.assert_refused(lambda: self.server.events.GetProducer(request), "NOT_FOUND",
                            "PRODUCER_NOT_FOUND", producer=producer)
        for sequence in range(41, 44):
            answer = self.send(topic, producer, sequence, [event(key=str(n)) for n in range(6)])
        known = self.server.events.GetProducer(request)
        self.assertEqual(known.last_sequence, 43)
        self.assertEqual(known.last_response, answer)
        self.server.restart()
        self.assertEqual(self.server.events.GetProducer(request), known)

    def test_largest_sequence(self):
        topic = self.new_topic()
        producer = self.new_name("producer")
        self.send(topic, producer, 2**63 - 1, [event()])
        self.assertTrue(self.send(topic, producer, 2**63 - 1, [event()]).duplicate)
        with self.nothing_written(topic):
            self.assert_over_limit(lambda: self.send(topic, producer, 2**63, [event()]),
                                   "producer.sequence", "sequence_max", 2**63 - 1, 2**63)


if __name__ == "__main__":
    main()
