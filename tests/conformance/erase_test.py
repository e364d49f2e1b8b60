"""Erasure: gone for every reader at the answer, announced as a gap, and then gone from every file."""

import os

from support.case import ServerCase, main
from support.consumer import Member
from support.events import event, stored
from support.server import wait_until
from support.stubs import pb
from support.work import Worker

ANN = "employee-ann-4711"


class Erasure(ServerCase):

    def erase(self, topic, **target):
        target.setdefault("reason", "art. 17")
        target.setdefault("actor", "dpo")
        return self.server.topics.EraseEvents(pb.EraseEventsRequest(topic=topic, **target))

    def key(self, *types, key=ANN):
        return pb.EraseKey(key=key, types=types)

    def erasure(self, answer):
        return self.server.topics.GetErasure(
            pb.GetErasureRequest(erasure_id=answer.erasure_id)).erasure

    def complete(self, answer):
        wait_until(lambda: self.erasure(answer).state == pb.ERASURE_STATE_COMPLETE,
                   "the erasure to be complete")
        return self.erasure(answer)

    def ids_and_gaps(self, responses):
        ids, gaps = [], []
        for response in responses:
            ids += [found.event.id for found in stored([response])]
            if response.HasField("gap"):
                self.assertEqual(response.gap.reason, pb.GAP_REASON_ERASED)
                gaps.append((response.gap.from_offset, response.gap.until_offset))
        return ids, gaps

    def filled(self, key=ANN, data=b"ann", **config):
        topic = self.new_topic(**config)
        for i in range(4):
            self.append(topic, [event(id=f"b{i}", key="bob", data=b"bob"),
                                event(id=f"a{i}", key=key, data=data, type="address.changed")])
        return topic

    def files_with(self, needle):
        found = []
        for root, _, names in os.walk(self.server.data):
            for name in names:
                with open(os.path.join(root, name), "rb") as file:
                    if needle in file.read():
                        found.append(name)
        return found

    def findings(self):
        answers = list(self.server.operations.VerifyStore(pb.VerifyStoreRequest(), timeout=60))
        self.assertTrue(answers[-1].complete)
        return [finding for answer in answers for finding in answer.findings]

    def test_a_store_with_erased_events_is_sound(self):
        topic = self.filled()
        answer = self.erase(topic, key=self.key())
        self.assertEqual(self.findings(), [])
        self.complete(answer)
        self.append(topic, [event(key=ANN)])
        self.assertEqual(self.findings(), [])

    def test_a_key(self):
        topic = self.filled()
        answer = self.erase(topic, key=self.key())
        self.assertEqual(answer.events, 4)
        ids, gaps = self.ids_and_gaps(self.responses(topic))
        self.assertEqual(ids, ["b0", "b1", "b2", "b3"])
        self.assertEqual(gaps, [(1, 2), (3, 4), (5, 6), (7, 8)])
        ids, gaps = self.ids_and_gaps(self.responses(topic, filter=pb.Filter(keys=[ANN])))
        self.assertEqual((ids, len(gaps)), ([], 4))
        types = self.server.topics.ListEventTypes(pb.ListEventTypesRequest(topic=topic)).types
        self.assertEqual([(one.type, one.count) for one in types], [("employee.created", 4)])
        self.assert_refused(
            lambda: self.server.topics.GetKey(pb.GetKeyRequest(topic=topic, key=ANN)),
            "NOT_FOUND", "KEY_NOT_FOUND", topic=topic, key=ANN)
        self.append(topic, [event(id="a4", key=ANN)])
        found = self.server.topics.GetKey(pb.GetKeyRequest(topic=topic, key=ANN))
        self.assertEqual((found.revision, found.first_offset, found.last_offset), (4, 8, 8))

    def test_complete_means_no_file(self):
        key, payload = "employee-eve-4712", b"eve lives at 12 Example Street"
        topic = self.filled(key=key, data=payload, compression=pb.COMPRESSION_ZSTD)
        self.assertTrue(self.files_with(key.encode()))
        record = self.complete(self.erase(topic, key=self.key(key=key)))
        self.assertEqual((record.topic, record.events, record.reason, record.actor, record.problem),
                         (topic, 4, "art. 17", "dpo", ""))
        self.assertEqual(len(record.key_digest), 32)
        self.assertEqual(self.files_with(key.encode()), [])
        self.assertEqual(self.files_with(payload), [])
        self.server.restart()
        ids, gaps = self.ids_and_gaps(self.responses(topic))
        self.assertEqual((ids, len(gaps)), (["b0", "b1", "b2", "b3"], 4))

    def test_types_and_offsets(self):
        topic = self.filled()
        self.assertEqual(self.erase(topic, key=self.key("no.such")).events, 0)
        self.assertEqual(self.erase(topic, offsets=pb.OffsetSpan(
            partition=0, from_offset=1, until_offset=3)).events, 2)
        self.assertEqual(self.erase(topic, key=self.key("address.changed")).events, 3)
        ids, _ = self.ids_and_gaps(self.responses(topic))
        self.assertEqual(ids, ["b0", "b2", "b3"])

    def test_dry_run(self):
        topic = self.filled()
        with self.nothing_written(topic):
            answer = self.erase(topic, key=self.key(), dry_run=True)
            self.assertEqual((answer.events, answer.erasure_id), (4, ""))

    def test_receipts(self):
        topic = self.filled()
        answer = self.erase(topic, key=self.key())
        self.complete(answer)
        receipts = [found.event for found in stored(self.responses("tidemark.erasures"))
                    if found.event.key == topic]
        self.assertEqual([receipt.type for receipt in receipts],
                         ["tidemark.erasure.requested", "tidemark.erasure.completed"])
        self.assertNotIn(ANN.encode(), receipts[0].data)
        listed = self.server.topics.ListErasures(pb.ListErasuresRequest()).erasures
        self.assertIn(answer.erasure_id, [one.id for one in listed])

    def test_dead_letters(self):
        topic, group = self.filled(key="employee-dan-4713"), self.new_name("group")
        worker = Worker(self.server.groups, group, [topic], mode=pb.GROUP_MODE_UNORDERED)
        self.addCleanup(worker.close)
        worker.until_events(8)
        worker.nack_events([found for found in worker.events if found.event.key != "bob"],
                           dead_letter=True)
        worker.until_nacked(1)
        worker.ack_events([found for found in worker.events if found.event.key == "bob"])
        worker.until_answers(1)
        self.assertEqual(len(self.letters(group)), 4)
        answer = self.erase(topic, key=self.key(key="employee-dan-4713"))
        self.assertEqual(self.letters(group), [])
        self.complete(answer)
        self.assertEqual(self.files_with(b"employee-dan-4713"), [])

    def test_what_a_work_queue_has_read_ahead(self):
        topic, group = self.filled(key="employee-kim-4714"), self.new_name("group")
        worker = Worker(self.server.groups, group, [topic],
                        credits=pb.Credits(events=1, bytes=1 << 20))
        self.addCleanup(worker.close)
        worker.until_events(1)
        self.erase(topic, key=self.key(key="employee-kim-4714"))
        worker.grant(100)
        worker.until_events(4)
        worker.until(lambda m: len(m.gaps) == 4, "four gaps")
        self.assertEqual([found.event.id for found in worker.events], ["b0", "b1", "b2", "b3"])
        self.assertEqual({gap.reason for gap in worker.gaps}, {pb.GAP_REASON_ERASED})

    def test_a_group_in_order_goes_on_past_what_is_erased(self):
        topic, group = self.filled(key="employee-ida-4715"), self.new_name("group")
        member = Member(self.server.groups, group, [topic],
                        credits=pb.Credits(events=2, bytes=1 << 20))
        self.addCleanup(member.close)
        member.until_events(2)
        self.erase(topic, key=self.key(key="employee-ida-4715"))
        member.grant(100)
        member.until_events(5)
        member.until(lambda m: m.messages.count("gap") == 3, "three gaps")
        self.assertEqual([one.offset for one in member.events], [0, 1, 2, 4, 6])
        offsets = member.ack_all()
        member.until_confirmed(offsets)

        def lag():
            return self.server.groups.GetGroup(pb.GetGroupRequest(group=group)).lag_offsets

        wait_until(lambda: lag() == 0, "the group to be past the erased end")

    def letters(self, group):
        return list(self.server.groups.ListDeadLetters(
            pb.ListDeadLettersRequest(group=group)).dead_letters)

    def test_refusals(self):
        topic = self.filled()
        span = pb.OffsetSpan(from_offset=3, until_offset=3)
        cases = [({"key": pb.EraseKey()}, "key.key"), ({"offsets": span}, "offsets"),
                 ({}, "target"), ({"key": self.key(), "reason": ""}, "reason"),
                 ({"key": self.key(), "actor": ""}, "actor"),
                 ({"key": self.key("")}, "key.types[0]")]
        for target, field in cases:
            with self.subTest(field=field), self.nothing_written(topic):
                self.assert_refused(lambda: self.erase(topic, **target), "INVALID_ARGUMENT",
                                    "INVALID_FIELD", field=field)
        with self.nothing_written(topic):
            self.assert_refused(
                lambda: self.erase(topic, offsets=pb.OffsetSpan(from_offset=0, until_offset=99)),
                "OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE", field="offsets", topic=topic,
                partition="0", start_offset="0", end_offset="8")
        self.assert_refused(lambda: self.erase("no-such-topic", key=self.key()), "NOT_FOUND",
                            "TOPIC_NOT_FOUND")
        self.assert_refused(
            lambda: self.server.topics.GetErasure(pb.GetErasureRequest(erasure_id="999")),
            "NOT_FOUND", "ERASURE_NOT_FOUND")


if __name__ == "__main__":
    main()
