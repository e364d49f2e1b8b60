"""Groups that are changed, moved and paused while their members are at work."""

from google.protobuf import field_mask_pb2, timestamp_pb2

from support.case import ServerCase, main
from support.consumer import Member, settle
from support.events import event
from support.stubs import pb
from support.work import Worker, seconds


class ControlCase(ServerCase):

    FLAGS = ("--revoke-timeout", "1500ms", "--heartbeat-interval", "200ms")

    def setUp(self):
        self.group = self.new_name("group")

    def filled(self, count, partitions=1, kind="a", **config):
        topic = self.new_topic(partitions=partitions, **config)
        for partition in range(partitions):
            self.append(topic, [event(id=str(n), type=kind) for n in range(count)],
                        partition=partition)
        return topic

    def member(self, topics=(), **join):
        member = Member(self.server.groups, self.group, topics, **join)
        self.addCleanup(member.close)
        return member

    def update(self, *paths, **config):
        return self.server.groups.UpdateGroup(pb.UpdateGroupRequest(
            config=pb.GroupConfig(name=self.group, **config),
            update_mask=field_mask_pb2.FieldMask(paths=paths))).config

    def seek(self, topic="", dry_run=False, **target):
        return self.server.groups.SeekGroup(pb.SeekGroupRequest(
            group=self.group, topic=topic, dry_run=dry_run, **target))

    def commit(self, *offsets, group=None):
        self.server.groups.CommitOffsets(pb.CommitOffsetsRequest(
            group=group or self.group, allow_rewind=True,
            offsets=[pb.OffsetToCommit(topic=t, partition=p, offset=o) for t, p, o in offsets]))

    def committed(self):
        answer = self.server.groups.GetOffsets(pb.GetOffsetsRequest(group=self.group))
        return [(at.topic, at.partition, at.offset) for at in answer.offsets]

    def seen(self):
        return self.server.groups.GetGroup(pb.GetGroupRequest(group=self.group))

    def restart_hard(self):
        self.server.kill()
        self.server.start()


class Update(ControlCase):

    def test_topics_come_and_go_while_a_member_works(self):
        old, new = self.filled(5), self.filled(3)
        member = self.member([old]).until_events(5)
        config = self.update("topics", topics=[new, old])
        self.assertEqual(list(config.topics), sorted([old, new]))
        member.until_events(8)
        self.assertEqual(member.revoked, {}, "nothing paused for it")
        member.until_confirmed(member.ack_all())
        self.update("topics", topics=[new])
        member.until(lambda m: (old, 0) in m.revoked, "the old topic revoked")
        self.append(old, [event(id="unread")])
        self.append(new, [event(id="read")])
        member.until_events(9)
        self.assertEqual(member.events[-1].event.id, "read")
        self.update("topics", topics=[old, new])
        member.until_events(10)
        self.assertEqual(member.events[-1].event.id, "unread", "it goes on where it was")

    def test_a_filter_decides_from_where_the_group_is(self):
        topic = self.filled(4, kind="a")
        member = self.member([topic], filter=pb.Filter(types=["a"])).until_events(4)
        self.append(topic, [event(id="b1", type="b")])
        member.until_confirmed(member.ack_all())
        self.append(topic, [event(id="a4", type="a")])
        member.until_events(5)
        self.update("filter", filter=pb.Filter(types=["b"]))
        member.until(lambda m: m.revoked, "revoked")
        self.append(topic, [event(id="b2", type="b"), event(id="a5", type="a")])
        member.until_confirmed(member.ack_all())  # What was in hand counts.
        member.until(lambda m: m.events[-1].event.id == "b2", "the event of the new filter")
        self.assertEqual([o.event.id for o in member.events], ["0", "1", "2", "3", "a4", "b2"])
        self.seek(start=pb.Start(earliest=pb.Earliest()))
        member.release((topic, 0))
        member.until_events(8)
        self.assertEqual([o.event.id for o in member.events[6:]], ["b1", "b2"])

    def test_settings_are_durable(self):
        topic = self.filled(1)
        self.commit((topic, 0, 1))
        self.update("filter", "retry_policy", filter=pb.Filter(keys=["k"]),
                    retry_policy=pb.RetryPolicy(max_attempts=3))
        self.restart_hard()
        config = self.seen().config
        self.assertEqual((list(config.filter.keys), config.retry_policy.max_attempts), (["k"], 3))
        self.update("filter")
        self.assertFalse(self.seen().config.HasField("filter"))

    def test_refusals(self):
        topic = self.filled(1)
        self.commit((topic, 0, 1))
        cases = [((), {}, "INVALID_ARGUMENT", "INVALID_FIELD", "update_mask"),
                 (("name",), {}, "INVALID_ARGUMENT", "INVALID_FIELD", "update_mask"),
                 (("topics",), {}, "INVALID_ARGUMENT", "INVALID_FIELD", "config.topics"),
                 (("topics",), {"topics": ["a b"]}, "INVALID_ARGUMENT", "INVALID_NAME",
                  "config.topics[0]"),
                 (("topics",), {"topics": ["nowhere"]}, "NOT_FOUND", "TOPIC_NOT_FOUND", None),
                 (("mode",), {}, "INVALID_ARGUMENT", "INVALID_FIELD", "config.mode"),
                 (("filter",), {"filter": pb.Filter(types=[""])}, "INVALID_ARGUMENT",
                  "INVALID_FIELD", "config.filter.types[0]"),
                 (("retry_policy",), {"retry_policy": pb.RetryPolicy(max_attempts=0)},
                  "INVALID_ARGUMENT", "INVALID_FIELD", "config.retry_policy.max_attempts")]
        for paths, config, code, reason, field in cases:
            with self.subTest(paths=paths, config=config):
                self.assert_refused(lambda: self.update(*paths, **config), code, reason, field)
        self.assertEqual(list(self.seen().config.topics), [topic])
        self.group = self.new_name("group")
        self.assert_refused(lambda: self.update("filter"), "NOT_FOUND", "GROUP_NOT_FOUND",
                            group=self.group)


class Pause(ControlCase):

    def pause(self):
        self.server.groups.PauseGroup(pb.PauseGroupRequest(group=self.group))

    def resume(self):
        self.server.groups.ResumeGroup(pb.ResumeGroupRequest(group=self.group))

    def test_nothing_is_delivered_until_resume(self):
        topic = self.filled(3)
        member = self.member([topic]).until_events(3)
        self.pause()
        seen = self.seen()
        self.assertTrue(seen.paused)
        self.assertGreater(seen.pause_time.seconds, 1_600_000_000)
        self.append(topic, [event(id="3")])
        beats = member.heartbeats
        member.until_confirmed(member.ack_all())  # Acks go on.
        member.until(lambda m: m.heartbeats > beats + 2, "heartbeats")
        self.assertEqual(len(member.events), 3)
        self.resume()
        member.until_events(4)
        self.assertFalse(self.seen().paused)

    def test_a_pause_survives_a_crash_and_holds_for_who_comes(self):
        topic = self.filled(3)
        self.commit((topic, 0, 1))
        self.pause()
        self.pause()
        self.restart_hard()
        member = self.member().until_owning(1).until(lambda m: m.heartbeats > 2, "heartbeats")
        self.assertEqual(member.events, [])
        self.resume()
        self.assertEqual([o.offset for o in member.until_events(2).events], [1, 2])

    def test_no_such_group(self):
        self.assert_refused(self.pause, "NOT_FOUND", "GROUP_NOT_FOUND", group=self.group)
        self.assert_refused(self.resume, "NOT_FOUND", "GROUP_NOT_FOUND", group=self.group)


class Seek(ControlCase):

    def test_back_and_forth_under_a_member(self):
        topic = self.filled(10)
        member = self.member([topic]).until_events(10)
        member.until_confirmed(member.ack_all())
        answer = self.seek(start=pb.Start(earliest=pb.Earliest()))
        self.assertEqual((answer.redelivered_events, answer.skipped_events), (10, 0))
        member.until_events(20)
        self.assertEqual([o.offset for o in member.events[10:]], list(range(10)))
        # It has ten events in hand; they can no longer be acked.
        answer = self.seek(topic, start=pb.Start(offsets=pb.PartitionOffsets(offsets={0: 8})))
        self.assertEqual((answer.redelivered_events, answer.skipped_events), (0, 8))
        self.assertEqual(self.committed(), [(topic, 0, 8)])
        member.ack((topic, 0, 4))
        member.until(lambda m: m.confirmations[-1].rejected, "a rejected ack")
        self.assertEqual(member.confirmations[-1].rejected[0].reason, "FENCED")
        member.release((topic, 0))
        member.until_events(22)
        self.assertEqual([o.offset for o in member.events[20:]], [8, 9])
        member.confirmed.clear()
        member.until_confirmed(member.ack_all())
        self.assertEqual(self.committed(), [(topic, 0, 10)])

    def test_promise_no_ack_of_the_old_place_counts_for_the_new_one(self):
        topic = self.filled(10)
        member = self.member([topic]).until_events(10)
        self.seek(start=pb.Start(latest=pb.Latest()))
        self.seek(topic, start=pb.Start(offsets=pb.PartitionOffsets(offsets={0: 2})))
        member.ack((topic, 0, 5))
        member.until(lambda m: m.confirmations and m.confirmations[-1].rejected, "a rejected ack")
        self.assertEqual(self.committed(), [(topic, 0, 2)])

    def test_a_member_that_does_not_answer_loses_its_stream(self):
        topic = self.filled(10)
        member = self.member([topic]).until_events(10)
        self.seek(start=pb.Start(latest=pb.Latest()))
        member.until_ended()
        self.assertEqual((member.error.code.name, member.error.reason),
                         ("UNAVAILABLE", "SEEK_UNANSWERED"))
        self.assertEqual(self.member().until_owning(1).owned, {(topic, 0): 10})

    def test_dry_run_counts_what_the_group_reads(self):
        topic = self.new_topic(partitions=2)
        kinds = ["a", "b", "a.x"] * 20
        self.append(topic, [event(id=str(n), type=kind, key=f"k{n % 4}")
                            for n, kind in enumerate(kinds)], partition=0)
        self.append(topic, [event(type="a")] * 7, partition=1)
        self.member([topic], filter=pb.Filter(types=["a*"])).until(lambda m: m.joined,
                                                                    "joined").close()
        self.commit((topic, 0, 30), (topic, 1, 7))
        answer = self.seek(dry_run=True, start=pb.Start(earliest=pb.Earliest()))
        self.assertEqual([(p.partition, p.from_offset, p.to_offset, p.redelivered_events,
                           p.skipped_events) for p in answer.partitions],
                         [(0, 30, 0, 20, 0), (1, 7, 0, 7, 0)])
        self.assertEqual((answer.redelivered_events, answer.skipped_events), (27, 0))
        answer = self.seek(dry_run=True, start=pb.Start(latest=pb.Latest()))
        self.assertEqual((answer.redelivered_events, answer.skipped_events), (0, 20))
        self.update("filter", filter=pb.Filter(types=["a*"], keys=["k1", "k2"]))
        answer = self.seek(dry_run=True, start=pb.Start(latest=pb.Latest()))
        expected = sum(1 for n, kind in enumerate(kinds)
                       if n >= 30 and kind.startswith("a") and n % 4 in (1, 2))
        self.assertEqual(answer.skipped_events, expected)
        self.assertEqual(self.committed(), [(topic, 0, 30), (topic, 1, 7)])

    def test_to_a_time(self):
        topic = self.filled(5)
        stored = self.append(topic, [event(id="last")]).append_time
        between = timestamp_pb2.Timestamp()
        between.FromMicroseconds(stored.ToMicroseconds() + 1)
        self.append(topic, [event(id="later")] * 2)
        self.commit((topic, 0, 8))
        self.seek(start=pb.Start(time=between))
        self.assertEqual(self.committed(), [(topic, 0, 6)])

    def test_after_a_cursor_moves_only_its_partitions(self):
        topic = self.filled(5, partitions=2)
        cursor = next(m.caught_up.cursor for m in self.server.events.Subscribe(
            pb.SubscribeRequest(topic=topic, partitions=[1]), timeout=20)
            if m.WhichOneof("message") == "caught_up")
        self.commit((topic, 0, 1), (topic, 1, 1))
        self.seek(topic, start=pb.Start(after_cursor=cursor))
        self.assertEqual(self.committed(), [(topic, 0, 1), (topic, 1, 5)])

    def test_to_another_group(self):
        topic, mine, theirs = self.filled(5, partitions=2), self.filled(5), self.filled(5)
        other = self.new_name("group")
        self.commit((topic, 0, 3), (theirs, 0, 4), group=other)
        self.commit((topic, 0, 1), (topic, 1, 1), (mine, 0, 1))
        self.seek(other_group=other)
        self.assertEqual(self.committed(), sorted([(topic, 0, 3), (topic, 1, 0), (mine, 0, 1)]))
        self.assert_refused(lambda: self.seek(mine, other_group=other), "FAILED_PRECONDITION",
                            "GROUP_SETTINGS_DIFFER", "other_group", other_group=other)
        self.assert_refused(lambda: self.seek(other_group="nobody"), "NOT_FOUND",
                            "GROUP_NOT_FOUND", group="nobody")

    def test_durable_when_answered(self):
        topic = self.filled(10, partitions=3)
        self.commit(*((topic, p, 9) for p in range(3)))
        self.seek(start=pb.Start(last_n=4))
        self.restart_hard()
        self.assertEqual(self.committed(), [(topic, p, 6) for p in range(3)])

    def test_refusals(self):
        topic, other = self.filled(5), self.filled(1)
        self.commit((topic, 0, 3))
        offsets = pb.Start(offsets=pb.PartitionOffsets(offsets={0: 6}))
        cases = [({}, "INVALID_ARGUMENT", "INVALID_FIELD", "target"),
                 ({"start": offsets}, "INVALID_ARGUMENT", "INVALID_FIELD", "topic"),
                 ({"start": pb.Start(after_cursor="x")}, "INVALID_ARGUMENT", "INVALID_FIELD",
                  "topic"),
                 ({"topic": topic, "start": pb.Start(after_cursor="x")}, "INVALID_ARGUMENT",
                  "INVALID_CURSOR", "start.after_cursor"),
                 ({"topic": topic, "start": offsets}, "OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE",
                  "start"),
                 ({"topic": topic, "start": pb.Start(offsets=pb.PartitionOffsets())},
                  "INVALID_ARGUMENT", "INVALID_FIELD", "start.offsets"),
                 ({"topic": "a b", "start": pb.Start()}, "INVALID_ARGUMENT", "INVALID_NAME",
                  "topic"),
                 ({"topic": "nowhere", "start": pb.Start()}, "NOT_FOUND", "TOPIC_NOT_FOUND", None),
                 ({"topic": other, "start": pb.Start()}, "FAILED_PRECONDITION",
                  "GROUP_SETTINGS_DIFFER", None)]
        for request, code, reason, field in cases:
            with self.subTest(request=request):
                self.assert_refused(lambda: self.seek(**request), code, reason, field)
        self.assertEqual(self.committed(), [(topic, 0, 3)])
        self.group = self.new_name("group")
        self.assert_refused(lambda: self.seek(start=pb.Start()), "NOT_FOUND", "GROUP_NOT_FOUND",
                            group=self.group)


class Work(ControlCase):
    """The same of groups whose members ack event by event."""

    MODES = (pb.GROUP_MODE_KEY_ORDERED, pb.GROUP_MODE_UNORDERED)

    def worker(self, topics, mode, **join):
        worker = Worker(self.server.groups, self.group, topics, mode=mode, **join)
        self.addCleanup(worker.close)
        return worker

    def each_mode(self):
        for mode in self.MODES:
            with self.subTest(mode=pb.GroupMode.Name(mode)):
                self.group = self.new_name("group")
                yield mode

    def test_nothing_is_delivered_while_it_is_paused(self):
        for mode in self.each_mode():
            topic = self.filled(3)
            worker = self.worker([topic], mode).until_events(3)
            self.server.groups.PauseGroup(pb.PauseGroupRequest(group=self.group))
            self.append(topic, [event(id="3")])
            beats = worker.heartbeats
            worker.nack_events(worker.events[:1], delay=seconds(0))
            worker.ack_events(worker.events[1:])  # Acks go on.
            worker.until_answers(1)
            worker.until(lambda m: m.heartbeats > beats + 2, "heartbeats")
            self.assertEqual(len(worker.events), 3)
            self.server.groups.ResumeGroup(pb.ResumeGroupRequest(group=self.group))
            worker.until_events(5)
            self.assertEqual(sorted(worker.ids_of()[3:]), ["0", "3"])

    def test_a_seek_counts_fences_and_delivers_again(self):
        for mode in self.each_mode():
            topic = self.filled(10)
            worker = self.worker([topic], mode).until_events(10)
            worker.ack_events(worker.events[:6])
            worker.until_answers(1)
            answer = self.seek(dry_run=True, start=pb.Start(earliest=pb.Earliest()))
            self.assertEqual((answer.redelivered_events, answer.skipped_events), (6, 0))
            self.assertEqual(self.committed(), [(topic, 0, 6)])
            # Paused, so that nothing is given again before the acks of the old deliveries come.
            self.server.groups.PauseGroup(pb.PauseGroupRequest(group=self.group))
            answer = self.seek(start=pb.Start(earliest=pb.Earliest()))
            self.assertEqual((answer.redelivered_events, answer.skipped_events), (6, 0))
            worker.ack_events(worker.events[6:])
            worker.until_answers(2)
            fenced = worker.confirmations[1].rejected_events
            self.assertEqual([r.reason for r in fenced], ["FENCED"] * 4)
            self.server.groups.ResumeGroup(pb.ResumeGroupRequest(group=self.group))
            worker.until_events(20)
            self.assertEqual([o.offset for o in worker.events[10:]], list(range(10)))
            self.assertEqual(worker.attempts[10:], [1] * 10)
            self.seek(topic, start=pb.Start(offsets=pb.PartitionOffsets(offsets={0: 8})))
            worker.until_events(22)
            worker.ack_events(worker.events[20:])
            worker.until_answers(3)
            self.restart_hard()
            self.assertEqual(self.committed(), [(topic, 0, 10)])

    def test_settings_change_under_its_members(self):
        for mode in self.each_mode():
            topic, other = self.filled(2, kind="a"), self.filled(1, kind="c")
            worker = self.worker([topic], mode, filter=pb.Filter(types=["a"])).until_events(2)
            self.update("topics", "retry_policy", topics=[topic, other],
                        retry_policy=pb.RetryPolicy(max_attempts=1))
            worker.nack_events(worker.events[:1])
            worker.until_nacked(1)
            self.assertEqual(worker.nacked[0].dead_letters, 1)
            self.update("filter", filter=pb.Filter(types=["b"]))
            self.append(topic, [event(id="unread", type="a"), event(id="read", type="b")])
            worker.until_events(3)
            self.assertEqual(worker.ids_of()[2], "read")
            self.assert_refused(
                lambda: self.update("mode", mode=pb.GROUP_MODE_PARTITION_ORDERED),
                "FAILED_PRECONDITION", "GROUP_HAS_MEMBERS", "config.mode")


class Patterns(ControlCase):

    def test_a_topic_made_later_reaches_live_members(self):
        prefix = self.new_name("prefix")
        names = [f"{prefix}.{n}" for n in range(4)]

        def create(name):
            self.server.topics.CreateTopic(pb.CreateTopicRequest(name=name))
            self.append(name, [event(id=name)])

        create(names[0])
        first = self.member([f"{prefix}.*"]).until_events(1)
        second = self.member([f"{prefix}.*"]).until(lambda m: m.joined, "joined")
        create(names[1])
        settle(first, second, condition=lambda: len(first.events) + len(second.events) == 2,
               what="the event of the new topic")
        self.assertEqual(len(first.owned), 1)
        self.assertEqual(first.revoked, {})
        self.restart_hard()
        create(names[2])
        third = self.member([f"{prefix}.*"])
        create(names[3])
        third.until(lambda m: {o.event.id for o in m.events} == set(names), "all topics")

    def test_a_deleted_topic_leaves_the_others_alone(self):
        prefix = self.new_name("prefix")
        for name in ("a", "b"):
            self.server.topics.CreateTopic(pb.CreateTopicRequest(name=f"{prefix}.{name}"))
            self.append(f"{prefix}.{name}", [event(id=name)])
        member = self.member([f"{prefix}.*"]).until_events(2)
        self.server.topics.DeleteTopic(pb.DeleteTopicRequest(name=f"{prefix}.a"))
        member.until_owning(1)
        self.append(f"{prefix}.b", [event(id="more")])
        self.assertEqual(member.until_events(3).events[-1].event.id, "more")

    def test_bad_patterns(self):
        for name in ("a*b", "**", "a b*", "*."):
            member = self.member([name]).until_ended()
            self.check_details(member.error, "INVALID_ARGUMENT", "INVALID_NAME", "join.topics[0]")
        long = self.member(["x" * 200 + "*"]).until_ended()
        self.check_details(long.error, "INVALID_ARGUMENT", "LIMIT_EXCEEDED", "join.topics[0]",
                           {"limit": 200, "value": 201})


if __name__ == "__main__":
    main()
