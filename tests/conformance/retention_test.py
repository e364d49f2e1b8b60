"""Retention: what a topic's rule has passed is gone for every reader, and nobody is left to guess."""

import time

from google.protobuf import duration_pb2, field_mask_pb2

from support.case import ServerCase, main
from support.consumer import Member
from support.events import event, stored
from support.server import wait_until
from support.stubs import pb
from support.work import Worker

AGE_S = 0.5
MODES = [pb.GROUP_MODE_PARTITION_ORDERED, pb.GROUP_MODE_KEY_ORDERED, pb.GROUP_MODE_UNORDERED]


def for_s(seconds):
    return duration_pb2.Duration(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))


class Retention(ServerCase):

    def topic(self, max_age_s=None, max_bytes=None, **config):
        retention = pb.Retention(max_bytes=max_bytes)
        if max_age_s is not None:
            retention.max_age.CopyFrom(for_s(max_age_s))
        return self.new_topic(retention=retention, **config)

    def update(self, topic, **retention):
        return self.server.topics.UpdateTopic(pb.UpdateTopicRequest(
            name=topic, config=pb.TopicConfig(retention=pb.Retention(**retention)),
            update_mask=field_mask_pb2.FieldMask(paths=["retention"]))).topic

    def marks(self, topic):
        answer = self.server.topics.GetWatermarks(pb.GetWatermarksRequest(topic=topic))
        return [(mark.start_offset, mark.end_offset) for mark in answer.partitions]

    def wait_until_empty(self, topic):
        wait_until(lambda: all(start == end for start, end in self.marks(topic)), "an empty topic")

    def test_settings_are_shown_and_kept(self):
        topic = self.topic(max_age_s=7 * 86400 + 0.25, max_bytes=10 << 30)
        config = self.server.topics.GetTopic(pb.GetTopicRequest(name=topic)).topic.config
        self.assertEqual(config.retention.max_age, for_s(7 * 86400 + 0.25))
        self.assertEqual(config.retention.max_bytes, 10 << 30)
        self.assertEqual(self.update(topic, max_bytes=5).config.retention, pb.Retention(max_bytes=5))
        self.server.restart()
        config = self.server.topics.GetTopic(pb.GetTopicRequest(name=topic)).topic.config
        self.assertEqual(config.retention, pb.Retention(max_bytes=5))
        self.assertFalse(self.update(topic).config.HasField("retention"))

    def test_of_each_key_the_newest_event_stays(self):
        topic = self.new_topic(compact=True)
        config = self.server.topics.GetTopic(pb.GetTopicRequest(name=topic)).topic.config
        self.assertTrue(config.compact)
        self.append(topic, [event(id="no-key"), event(id="gone", key="x"), event(id="x", key="x")])
        for n in range(10):
            self.append(topic, [event(id=f"{n}.{i}", key=f"key-{i}") for i in range(100)])

        def read():
            responses = self.responses(topic)
            gaps = [(offset, r.gap.reason) for r in responses if r.HasField("gap")
                    for offset in range(r.gap.from_offset, r.gap.until_offset)]
            return [found.event.id for found in stored(responses)], gaps

        left = ["no-key", "x"] + [f"9.{i}" for i in range(100)]
        wait_until(lambda: read()[0] == left, "the compaction")
        self.assertEqual(read()[1], [(offset, pb.GAP_REASON_COMPACTED)
                                     for offset in [1, *range(3, 903)]])
        responses = self.responses(topic, filter=pb.Filter(keys=["key-7"]))
        self.assertEqual([found.event.id for found in stored(responses)], ["9.7"])
        self.assertFalse(any(r.HasField("gap") for r in responses))
        key = self.server.topics.GetKey(pb.GetKeyRequest(topic=topic, key="key-7"))
        self.assertEqual((key.revision, key.first_offset, key.last_offset), (9, 910, 910))
        types = self.server.topics.ListEventTypes(pb.ListEventTypesRequest(topic=topic)).types
        self.assertEqual(sum(one.count for one in types), 102)

    def test_compaction_needs_the_key_index(self):
        config = pb.TopicConfig(compact=True, index_keys=False)
        with self.nothing_written():
            self.assert_refused(lambda: self.server.topics.CreateTopic(pb.CreateTopicRequest(
                name="never", config=config)), "INVALID_ARGUMENT", "INVALID_FIELD",
                field="config.compact")
        topic = self.new_topic(index_keys=False)
        with self.nothing_written(topic):
            self.assert_refused(lambda: self.server.topics.UpdateTopic(pb.UpdateTopicRequest(
                name=topic, config=config,
                update_mask=field_mask_pb2.FieldMask(paths=["compact"]))),
                "INVALID_ARGUMENT", "INVALID_FIELD", field="config.compact")

    def test_bad_settings(self):
        topic = self.new_topic()
        cases = [(pb.Retention(max_bytes=0), "config.retention.max_bytes"),
                 (pb.Retention(max_age=for_s(0)), "config.retention.max_age"),
                 (pb.Retention(max_age=duration_pb2.Duration(seconds=-1)),
                  "config.retention.max_age")]
        for retention, field in cases:
            config = pb.TopicConfig(retention=retention)
            with self.subTest(field=field), self.nothing_written(topic):
                self.assert_refused(lambda: self.server.topics.CreateTopic(pb.CreateTopicRequest(
                    name="never", config=config)), "INVALID_ARGUMENT", "INVALID_FIELD", field)
                self.assert_refused(lambda: self.server.topics.UpdateTopic(pb.UpdateTopicRequest(
                    name=topic, config=config,
                    update_mask=field_mask_pb2.FieldMask(paths=["retention"]))),
                    "INVALID_ARGUMENT", "INVALID_FIELD", field)

    def test_an_idle_topic_runs_empty_and_goes_on_where_it_was(self):
        topic = self.topic(max_age_s=AGE_S)
        self.append(topic, [event(id=f"old-{n}") for n in range(3)])
        self.assertEqual(len(self.read(topic)), 3)
        # Nobody appends; the clock is enough. No read after that time gets anything.
        time.sleep(AGE_S)
        self.assertEqual(self.read(topic), [])
        self.assertEqual(self.marks(topic), [(3, 3)])
        self.server.restart()
        self.assertEqual(self.marks(topic), [(3, 3)])
        self.append(topic, [event(id="new")])
        self.assertEqual([(one.offset, one.event.id) for one in self.read(topic)], [(3, "new")])

    def test_a_start_that_has_passed_is_refused_with_the_first_available(self):
        topic = self.topic(max_age_s=AGE_S)
        self.append(topic, [event() for _ in range(4)])
        self.wait_until_empty(topic)
        start = pb.Start(offsets=pb.PartitionOffsets(offsets={0: 1}))
        for method, request in [(self.server.events.Read, pb.ReadRequest),
                                (self.server.events.Subscribe, pb.SubscribeRequest)]:
            details = self.assert_refused(
                lambda: method(request(topic=topic, start=start), timeout=20),
                "OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE", topic=topic, partition=0, offset=1,
                start_offset=4, end_offset=4)
            self.assertIn("first available offset is 4", details.message)

    def test_max_bytes_keeps_the_newest(self):
        topic = self.topic(max_bytes=50_000)
        for n in range(20):
            self.append(topic, [event(id=str(n), data=bytes(10_000))])
        [(start, end)] = self.marks(topic)
        self.assertEqual((start, end), (16, 20))
        self.assertEqual([one.event.id for one in self.read(topic)], ["16", "17", "18", "19"])

    def test_max_bytes_counts_a_partition(self):
        topic = self.topic(max_bytes=25_000, partitions=2)
        for partition in [0] * 5 + [1] * 2:
            self.append(topic, [event(data=bytes(10_000))], partition=partition)
        self.assertEqual(self.marks(topic), [(3, 5), (0, 2)])

    def test_a_shorter_rule_takes_effect_and_a_longer_one_brings_nothing_back(self):
        topic = self.new_topic()
        for _ in range(5):
            self.append(topic, [event(data=bytes(10_000))])
        self.update(topic, max_bytes=25_000)
        self.assertEqual(self.marks(topic), [(3, 5)])
        self.update(topic)
        self.assertEqual(self.marks(topic), [(3, 5)])
        self.server.restart()
        self.assertEqual(self.marks(topic), [(3, 5)])

    def test_promise_no_silent_gap_after_a_cursor(self):
        topic = self.topic(max_age_s=AGE_S)
        self.append(topic, [event() for _ in range(2)])
        checkpoint = self.responses(topic, max_events=1)[-1].checkpoint
        self.append(topic, [event() for _ in range(3)])
        self.wait_until_empty(topic)
        self.append(topic, [event(id="new")])
        responses = self.responses(topic, start=pb.Start(after_cursor=checkpoint.cursor))
        gap = responses[0].gap
        self.assertEqual((gap.topic, gap.partition, gap.from_offset, gap.until_offset, gap.reason),
                         (topic, 0, 1, 5, pb.GAP_REASON_RETENTION))
        self.assertEqual([one.event.id for one in stored(responses)], ["new"])

    def test_promise_no_silent_gap_for_a_group_that_was_away(self):
        topic = self.topic(max_age_s=AGE_S)
        group = self.new_name("group")
        self.append(topic, [event() for _ in range(5)])
        self.server.groups.CommitOffsets(pb.CommitOffsetsRequest(group=group, offsets=[
            pb.OffsetToCommit(topic=topic, partition=0, offset=2)]))
        self.wait_until_empty(topic)
        self.append(topic, [event(id="new")])
        lag = self.server.groups.GetGroup(pb.GetGroupRequest(group=group)).lag_offsets
        self.assertLessEqual(lag, 1)  # What is gone is not waited for.
        member = Member(self.server.groups, group, [topic])
        self.addCleanup(member.close)
        member.grant(10)
        member.until(lambda m: "gap" in m.messages, "the gap")
        member.until_events(1)
        self.assertLess(member.messages.index("gap"), member.messages.index("delivery"))
        self.assertEqual([one.offset for one in member.events], [5])
        offsets = member.ack_all()
        member.until_confirmed(offsets)

    def worker(self, topic, mode):
        worker = Worker(self.server.groups, f"{topic}-{mode}", [topic], mode=mode)
        self.addCleanup(worker.close)
        return worker

    def append_large(self, topic, count):
        for _ in range(count):
            self.append(topic, [event(data=bytes(10_000))])

    def test_promise_no_silent_gap_for_a_group_that_has_acked_nothing(self):
        topic = self.topic(max_bytes=25_000)
        self.append_large(topic, 2)
        for mode in MODES:
            self.worker(topic, mode).until_events(2).close()
        self.append_large(topic, 3)
        self.assertEqual(self.marks(topic), [(3, 5)])
        self.server.restart()
        for mode in MODES:
            with self.subTest(mode):
                second = self.worker(topic, mode).until_events(2)
                self.assertEqual([one.offset for one in second.events], [3, 4])
                self.assertEqual([(gap.from_offset, gap.until_offset, gap.reason)
                                  for gap in second.gaps], [(0, 3, pb.GAP_REASON_RETENTION)])

    def test_a_new_group_begins_at_the_oldest_event_and_misses_nothing(self):
        topic = self.topic(max_bytes=25_000)
        self.append_large(topic, 5)
        self.assertEqual(self.marks(topic), [(3, 5)])
        for mode in MODES:
            with self.subTest(mode):
                first = self.worker(topic, mode).until_events(2)
                self.assertEqual(([one.offset for one in first.events], first.gaps), ([3, 4], []))

    def test_watermarks_at_a_time_that_has_passed(self):
        topic = self.topic(max_bytes=15_000)
        first = self.append(topic, [event(data=bytes(10_000))])
        self.append(topic, [event(data=bytes(10_000))])
        marks = self.server.topics.GetWatermarks(
            pb.GetWatermarksRequest(topic=topic, time=first.append_time)).partitions[0]
        self.assertEqual((marks.start_offset, marks.time_offset, marks.end_offset), (1, 1, 2))


if __name__ == "__main__":
    main()
