"""AppendStream: many requests in flight, answered in order, each with its own outcome."""

import queue

import grpc

from support import errors
from support.case import ServerCase, main
from support.events import event, hr_events
from support.server import PATIENCE_S
from support.stubs import pb


class AppendStream(ServerCase):

    def stream(self, requests):
        return list(self.server.events.AppendStream(iter(requests), timeout=PATIENCE_S))

    def test_answers_come_in_the_order_of_the_requests(self):
        topics = [self.new_topic() for _ in range(3)]
        requests = [pb.AppendRequest(topic=topics[i % 3], events=[event(id=f"{i}-{n}")
                                                                  for n in range(1 + i % 4)])
                    for i in range(600)]
        answers = self.stream(requests)
        self.assertEqual(len(answers), len(requests))
        ends = dict.fromkeys(topics, 0)
        for request, answer in zip(requests, answers):
            (placed,) = answer.appended.ranges
            self.assertEqual((placed.topic, placed.first_offset, placed.count),
                             (request.topic, ends[request.topic], len(request.events)))
            ends[request.topic] += placed.count
        for topic in topics:
            self.assertEqual(self.ends(topic), {0: ends[topic]})

    def test_requests_are_sent_without_waiting_and_answered_without_closing(self):
        topic = self.new_topic()
        requests = queue.Queue()
        call = self.server.events.AppendStream(iter(requests.get, None), timeout=PATIENCE_S)
        for i in range(5):
            for n in range(20):
                requests.put(pb.AppendRequest(topic=topic, events=[event(id=f"{i}-{n}")]))
            first = [next(call).appended.ranges[0].first_offset for _ in range(20)]
            self.assertEqual(first, list(range(20 * i, 20 * i + 20)))
        requests.put(None)
        self.assertEqual(list(call), [])
        self.assertEqual(call.code(), grpc.StatusCode.OK)

    def test_the_first_answers_of_a_stream_are_sent_though_more_follow(self):
        topic = self.new_topic()
        for _ in range(40):
            answers = self.stream([pb.AppendRequest(topic=topic, events=[event()])] * 30)
            self.assertEqual(len(answers), 30)

    def test_refused_requests_do_not_disturb_the_others(self):
        topic = self.new_topic(partitions=2)
        good = [pb.AppendRequest(topic=topic, events=[event(id=str(i))], partition=0)
                for i in range(6)]
        bad = [(pb.AppendRequest(topic="no-such-topic", events=[event()]),
                "NOT_FOUND", "TOPIC_NOT_FOUND", None),
               (pb.AppendRequest(topic=topic), "INVALID_ARGUMENT", "INVALID_FIELD", "events"),
               (pb.AppendRequest(topic=topic, events=[event(), event(type="")]),
                "INVALID_ARGUMENT", "INVALID_FIELD", "events[1].type"),
               (pb.AppendRequest(topic=topic, events=[event()], partition=2),
                "OUT_OF_RANGE", "PARTITION_OUT_OF_RANGE", "partition"),
               (pb.AppendRequest(topic=topic, events=[event()],
                                 conditions=[pb.Condition(key="k", exists=pb.KeyExists())]),
                "ABORTED", "CONDITION_FAILED", None)]
        mixed = [good[0]]
        for i, (request, *_) in enumerate(bad):
            mixed += [request, good[i + 1]]
        answers = self.stream(mixed)
        self.assertEqual(len(answers), len(mixed))
        self.assertEqual([a.appended.ranges[0].first_offset for a in answers[0::2]], list(range(6)))
        for answer, (_, code, reason, field) in zip(answers[1::2], bad):
            self.check_details(errors.of_stream_error(answer.error), code, reason, field)
        self.assertEqual([one.event.id for one in self.read(topic)], [str(i) for i in range(6)])
        self.assertEqual(self.ends(topic), {0: 6, 1: 0})

    def test_same_error_as_append(self):
        topic = self.new_topic()
        request = pb.AppendRequest(topic=topic, events=[event(type="x" * 201)])
        one = self.refusal(lambda: self.server.events.Append(request))
        (answer,) = self.stream([request])
        other = errors.of_stream_error(answer.error)
        self.assertEqual((one.code, one.message, one.reason, one.metadata, one.fields),
                         (other.code, other.message, other.reason, other.metadata, other.fields))

    def test_more_than_the_server_holds_at_once(self):
        # Beyond 8 MiB or 1024 requests in flight the server stops reading; nothing is lost or
        # refused, the client only waits.
        topic = self.new_topic(partitions=2)
        big = [pb.AppendRequest(topic=topic, events=[event(id=str(i), data=b"d" * 500_000)],
                                partition=0) for i in range(40)]
        small = [pb.AppendRequest(topic=topic, events=[event(id=str(i))], partition=1)
                 for i in range(3000)]
        answers = self.stream(big + small)
        self.assertEqual([a.appended.ranges[0].first_offset for a in answers],
                         list(range(40)) + list(range(3000)))

    def test_stream_without_a_request(self):
        self.assertEqual(self.stream([]), [])

    def test_a_deleted_topic_in_between(self):
        topic = self.new_topic()
        requests = queue.Queue()
        call = self.server.events.AppendStream(iter(requests.get, None), timeout=PATIENCE_S)
        requests.put(pb.AppendRequest(topic=topic, events=[event()]))
        self.assertTrue(next(call).HasField("appended"))
        self.server.topics.DeleteTopic(pb.DeleteTopicRequest(name=topic))
        requests.put(pb.AppendRequest(topic=topic, events=[event()]))
        self.check_details(errors.of_stream_error(next(call).error), "NOT_FOUND", "TOPIC_NOT_FOUND",
                           metadata={"topic": topic})
        requests.put(None)
        self.assertEqual(list(call), [])

    def test_key_order_over_many_requests_in_flight(self):
        topic = self.new_topic(partitions=4)
        sent = hr_events(2000, seed=3)
        self.stream(pb.AppendRequest(topic=topic, events=sent[i:i + 7])
                    for i in range(0, len(sent), 7))
        per_key = {}
        for one in self.read(topic):
            per_key.setdefault(one.event.key, []).append(one.event)
        wanted = {}
        for one in sent:
            wanted.setdefault(one.key, []).append(one)
        self.assertEqual(per_key, wanted)


if __name__ == "__main__":
    main()
