"""Conditions on keys: what an append expects of the state that its commit sees."""

import threading

from support import errors
from support.case import ServerCase, main
from support.events import event
from support.server import PATIENCE_S
from support.stubs import pb


def absent(key, **more):
    return pb.Condition(key=key, absent=pb.KeyAbsent(), **more)


def exists(key, **more):
    return pb.Condition(key=key, exists=pb.KeyExists(), **more)


def revision(key, number, **more):
    return pb.Condition(key=key, revision=pb.KeyRevision(revision=number), **more)


class Conditions(ServerCase):

    def add(self, topic, key, *conditions, **more):
        return self.append(topic, [event(key=key)], conditions=conditions, **more)

    def assert_failed(self, call, *failed):
        """`failed`: (type, topic, key, description) of each violation."""
        details = self.assert_refused(call, "ABORTED", "CONDITION_FAILED",
                                      failed_conditions=len(failed))
        self.assertEqual(
            [(v.type, v.subject, v.description) for v in details.preconditions],
            [(kind, f"topics/{topic}/keys/{key}", text) for kind, topic, key, text in failed])
        return details

    def test_promise_conditions_are_linearizable(self):
        topic = self.new_topic()
        outcomes = []

        def claim(client):
            for round in range(20):
                try:
                    self.add(topic, f"name-{round}", absent(f"name-{round}"))
                    outcomes.append((round, client))
                except Exception as error:
                    details = errors.of_rpc_error(error)
                    assert details.reason == "CONDITION_FAILED", details
        clients = [threading.Thread(target=claim, args=(c,)) for c in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.assertEqual(sorted(round for round, _ in outcomes), list(range(20)))
        self.assertEqual(self.ends(topic), {0: 20})

    def test_each_kind(self):
        topic = self.new_topic(partitions=4)
        answer = self.add(topic, "a", absent("a"))
        self.assertEqual(list(answer.key_revisions),
                         [pb.KeyRevisionResult(topic=topic, key="a", revision=0)])
        self.assert_failed(lambda: self.add(topic, "a", absent("a")),
                           ("KEY_ABSENT", topic, "a", "expected absent, actual revision 0"))
        self.assert_failed(lambda: self.add(topic, "b", exists("b")),
                           ("KEY_EXISTS", topic, "b", "expected exists, actual absent"))
        self.assert_failed(lambda: self.add(topic, "a", revision("a", 1)),
                           ("KEY_REVISION", topic, "a", "expected revision 1, actual revision 0"))
        self.assertEqual(self.add(topic, "a", revision("a", 0)).key_revisions[0].revision, 1)
        self.assertEqual(self.add(topic, "b", exists("a")).key_revisions[0].revision, 1)
        key = self.server.topics.GetKey(pb.GetKeyRequest(topic=topic, key="a"))
        self.assertEqual(key.revision, 1)

    def test_all_failed_ones_are_told_and_nothing_is_written(self):
        topic = self.new_topic(partitions=4)
        self.add(topic, "a")
        with self.nothing_written(topic):
            self.assert_failed(
                lambda: self.add(topic, "x", revision("a", 3), exists("other"), absent("never")),
                ("KEY_REVISION", topic, "a", "expected revision 3, actual revision 0"),
                ("KEY_EXISTS", topic, "other", "expected exists, actual absent"))

    def test_keys_that_the_request_does_not_write(self):
        topic = self.new_topic(partitions=4)
        self.add(topic, "a")
        answer = self.add(topic, "b", revision("a", 0), absent("never"))
        self.assertEqual(list(answer.key_revisions),
                         [pb.KeyRevisionResult(topic=topic, key="a", revision=0),
                          pb.KeyRevisionResult(topic=topic, key="never")])

    def test_after_a_restart(self):
        topic = self.new_topic(partitions=2)
        for n in range(5):
            self.add(topic, "a", absent("a") if n == 0 else revision("a", n - 1))
        for end in (self.server.restart, lambda: (self.server.kill(), self.server.start())):
            end()
            self.assert_refused(lambda: self.add(topic, "a", absent("a")), "ABORTED",
                                "CONDITION_FAILED", topic=topic, key="a", expected="absent",
                                actual="revision 4")

    def test_with_a_producer(self):
        topic = self.new_topic()
        producer = pb.Producer(id=self.new_name("producer"), sequence=1)
        self.assert_refused(lambda: self.add(topic, "a", exists("a"), producer=producer),
                            "ABORTED", "CONDITION_FAILED")
        first = self.add(topic, "a", absent("a"), producer=producer)
        self.assertFalse(first.duplicate)
        again = self.add(topic, "a", absent("a"), producer=producer)
        self.assertTrue(again.duplicate)
        self.assertEqual(again.key_revisions, first.key_revisions)
        self.assert_refused(lambda: self.add(topic, "a", exists("a"), producer=producer),
                            "INVALID_ARGUMENT", "PRODUCER_SEQUENCE_REUSED")
        known = self.server.events.GetProducer(pb.GetProducerRequest(id=producer.id))
        self.assertEqual(list(known.last_response.key_revisions),  # Keys are not kept.
                         [pb.KeyRevisionResult(topic=topic, revision=0)])

    def test_in_a_stream_each_request_has_its_outcome_and_order_holds(self):
        topic = self.new_topic()
        requests = []
        for n in range(100):
            condition = absent("a") if n == 0 else revision("a", n - 1 if n % 10 else n + 1)
            requests.append(pb.AppendRequest(topic=topic, events=[event(key="a")],
                                             conditions=[condition]))
            if n % 10 == 0 and n > 0:
                requests.append(pb.AppendRequest(topic=topic, events=[event(key="a")]))
        answers = list(self.server.events.AppendStream(iter(requests), timeout=PATIENCE_S))
        self.assertEqual([a.WhichOneof("outcome") for a in answers].count("error"), 9)
        for answer in answers:
            if answer.WhichOneof("outcome") == "error":
                self.assertEqual(errors.of_stream_error(answer.error).reason, "CONDITION_FAILED")
        self.assertEqual(self.ends(topic), {0: 100})

    def test_the_partition_of_the_request_or_of_the_condition(self):
        topic = self.new_topic(partitions=3)
        for partition in range(3):
            self.add(topic, "a", absent("a"), partition=partition)
        self.add(topic, "b", revision("a", 0, partition=2))
        with self.nothing_written(topic):
            self.assert_refused(lambda: self.add(topic, "b", exists("a", partition=3)),
                                "OUT_OF_RANGE", "PARTITION_OUT_OF_RANGE")

    def test_bad_conditions(self):
        topic, fast = self.new_topic(), self.new_topic(index_keys=False)
        limits = self.server.operations.GetServerInfo(pb.GetServerInfoRequest()).limits
        with self.nothing_written(topic, fast):
            for condition, field in ((pb.Condition(absent=pb.KeyAbsent()), "conditions[0].key"),
                                     (pb.Condition(key="a"), "conditions[0].expect"),
                                     (absent("a", topic=fast), "conditions[0].topic")):
                self.assert_refused(lambda: self.add(topic, "a", condition), "INVALID_ARGUMENT",
                                    "INVALID_FIELD", field)
            self.assert_refused(lambda: self.add(topic, "a", absent("a"), exists("a")),
                                "INVALID_ARGUMENT", "INVALID_FIELD", "conditions[1].key")
            self.assert_refused(lambda: self.add(fast, "a", absent("a")), "FAILED_PRECONDITION",
                                "KEYS_NOT_INDEXED", topic=fast)
            many = limits.request_conditions_max + 1
            self.assert_over_limit(
                lambda: self.add(topic, "a", *(absent(f"k{n}") for n in range(many))),
                "conditions", "request_conditions_max", many - 1, many)


if __name__ == "__main__":
    main()
