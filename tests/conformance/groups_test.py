"""Committed offsets without Consume, and what can be seen of groups."""

from support.case import ServerCase, main
from support.consumer import Member
from support.events import event
from support.stubs import pb


class GroupCase(ServerCase):

    def filled(self, count, partitions=1):
        topic = self.new_topic(partitions=partitions)
        for partition in range(partitions):
            self.append(topic, [event(id=str(n)) for n in range(count)], partition=partition)
        return topic

    def commit(self, group, *offsets, allow_rewind=False):
        """`offsets`: (topic, partition, offset) or pb.OffsetToCommit."""
        return self.server.groups.CommitOffsets(pb.CommitOffsetsRequest(
            group=group, allow_rewind=allow_rewind, offsets=[
                at if isinstance(at, pb.OffsetToCommit)
                else pb.OffsetToCommit(topic=at[0], partition=at[1], offset=at[2])
                for at in offsets]))

    def committed(self, group, topics=()):
        answer = self.server.groups.GetOffsets(pb.GetOffsetsRequest(group=group, topics=topics))
        return [(at.topic, at.partition, at.offset) for at in answer.offsets]

    def group(self, name):
        return self.server.groups.GetGroup(pb.GetGroupRequest(group=name))

    def member(self, group, topics=(), **join):
        member = Member(self.server.groups, group, topics, **join)
        self.addCleanup(member.close)
        return member


class Offsets(GroupCase):

    def test_commit_makes_the_group_and_is_read_back(self):
        topic, group = self.filled(10, partitions=3), self.new_name("group")
        self.assert_refused(lambda: self.committed(group), "NOT_FOUND", "GROUP_NOT_FOUND",
                            group=group)
        self.commit(group, (topic, 2, 7), (topic, 0, 3))
        self.assertEqual(self.committed(group), [(topic, 0, 3), (topic, 2, 7)])
        self.commit(group, (topic, 0, 10), (topic, 1, 0))
        self.assertEqual(self.committed(group), [(topic, 0, 10), (topic, 1, 0), (topic, 2, 7)])
        self.assertEqual(self.committed(group, [topic]), self.committed(group))

    def test_promise_durable_commits_survive_a_crash(self):
        topic, group = self.filled(10, partitions=2), self.new_name("group")
        for offset in range(1, 6):
            self.commit(group, (topic, 0, offset), (topic, 1, 2 * offset))
            self.server.kill()
            self.server.start()
            self.assertEqual(self.committed(group), [(topic, 0, offset), (topic, 1, 2 * offset)])

    def test_compare_and_set(self):
        topic, group = self.filled(10), self.new_name("group")

        def expecting(offset, **expected):
            return pb.OffsetToCommit(topic=topic, offset=offset, **expected)

        self.commit(group, expecting(4, expected_nothing=pb.NothingCommitted()))
        self.commit(group, expecting(6, expected_offset=4))
        for expected in ({"expected_offset": 4}, {"expected_nothing": pb.NothingCommitted()}):
            details = self.assert_refused(lambda: self.commit(group, expecting(8, **expected)),
                                          "ABORTED", "OFFSET_MISMATCH", actual=6)
            (violation,) = details.preconditions
            self.assertIn("6", violation.description)
            self.assertIn(topic, violation.subject)
        self.assertEqual(self.committed(group), [(topic, 0, 6)])

    def test_promise_conditions_are_linearizable_for_offsets(self):
        topic, group = self.filled(10), self.new_name("group")
        self.commit(group, (topic, 0, 0))
        for turn in range(5):
            calls = [self.server.groups.CommitOffsets.future(pb.CommitOffsetsRequest(
                group=group, offsets=[pb.OffsetToCommit(topic=topic, offset=turn + 1,
                                                        expected_offset=turn)]))
                     for _ in range(12)]
            codes = sorted(call.code().name for call in calls)
            self.assertEqual(codes, ["ABORTED"] * 11 + ["OK"])

    def test_every_mismatch_is_listed_and_nothing_is_written(self):
        topic, group = self.filled(10, partitions=3), self.new_name("group")
        self.commit(group, *((topic, p, 5) for p in range(3)))
        details = self.assert_refused(
            lambda: self.commit(group, *(pb.OffsetToCommit(
                topic=topic, partition=p, offset=9, expected_offset=5 if p == 1 else 4)
                for p in range(3))), "ABORTED", "OFFSET_MISMATCH")
        self.assertEqual(sorted(v.subject for v in details.preconditions),
                         [f"topics/{topic}/partitions/0", f"topics/{topic}/partitions/2"])
        self.assertEqual(self.committed(group), [(topic, p, 5) for p in range(3)])

    def test_rewind_only_when_it_is_allowed(self):
        topic, group = self.filled(10, partitions=2), self.new_name("group")
        self.commit(group, (topic, 0, 8), (topic, 1, 8))
        self.assert_refused(lambda: self.commit(group, (topic, 1, 9), (topic, 0, 7)),
                            "FAILED_PRECONDITION", "OFFSET_REWIND", committed_offset=8, offset=7)
        self.assertEqual(self.committed(group), [(topic, 0, 8), (topic, 1, 8)])
        self.commit(group, (topic, 0, 2), allow_rewind=True)
        self.assertEqual(self.committed(group), [(topic, 0, 2), (topic, 1, 8)])
        member = self.member(group).until_events(8)
        self.assertEqual(member.owned, {(topic, 0): 2, (topic, 1): 8})

    def test_partition_of_a_live_member_is_refused(self):
        topic, group = self.filled(10), self.new_name("group")
        member = self.member(group, [topic], client_name="payroll").until_events(10)
        self.assert_refused(lambda: self.commit(group, (topic, 0, 5)), "FAILED_PRECONDITION",
                            "PARTITION_OWNED", member_id=member.joined.member_id,
                            client_name="payroll")
        member.leave()
        member.until_ended()
        self.commit(group, (topic, 0, 5))
        self.assertEqual(self.committed(group), [(topic, 0, 5)])

    def test_bad_commits(self):
        topic, group = self.filled(10, partitions=2), self.new_name("group")
        self.commit(group, (topic, 0, 1))
        cases = [([("no-such-topic", 0, 0)], "NOT_FOUND", "TOPIC_NOT_FOUND", None,
                  {"topic": "no-such-topic"}),
                 ([(topic, 0, 2), (topic, 2, 0)], "NOT_FOUND", "PARTITION_NOT_FOUND", None,
                  {"partition": 2, "partitions": 2}),
                 ([(topic, 0, 2), (topic, 1, 11)], "OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE", None,
                  {"offset": 11, "end_offset": 10, "partition": 1}),
                 ([(topic, 0, 2), (topic, 0, 2)], "INVALID_ARGUMENT", "INVALID_FIELD", "offsets[1]",
                  {}),
                 ([(topic, 0, 2), ("a b", 0, 2)], "INVALID_ARGUMENT", "INVALID_NAME",
                  "offsets[1].topic", {}),
                 ([], "INVALID_ARGUMENT", "INVALID_FIELD", "offsets", {})]
        for offsets, code, reason, field, metadata in cases:
            with self.subTest(offsets=offsets):
                self.check_details(self.refusal(lambda: self.commit(group, *offsets)),
                                   code, reason, field, metadata)
                self.assertEqual(self.committed(group), [(topic, 0, 1)])
        many = [(topic, p, 0) for p in range(10_001)]
        self.assert_over_limit(lambda: self.commit(group, *many), "offsets", "commit_offsets_max",
                               10_000, 10_001)

    def test_refused_first_commit_makes_no_group(self):
        topic, group = self.filled(10), self.new_name("group")
        self.assert_refused(lambda: self.commit(group, (topic, 0, 11)), "OUT_OF_RANGE",
                            "OFFSET_OUT_OF_RANGE")
        self.assert_refused(lambda: self.group(group), "NOT_FOUND", "GROUP_NOT_FOUND")

    def test_deleted_topic_takes_its_offsets_along(self):
        topic, group = self.filled(10), self.new_name("group")
        self.commit(group, (topic, 0, 9))
        self.server.topics.DeleteTopic(pb.DeleteTopicRequest(name=topic))
        self.server.topics.CreateTopic(pb.CreateTopicRequest(name=topic))
        self.append(topic, [event(id="new")])
        self.assertEqual(self.committed(group), [])
        self.assertEqual([o.event.id for o in self.member(group).until_events(1).events], ["new"])


class Description(GroupCase):

    def test_lag_and_partitions(self):
        topic, group = self.filled(10, partitions=2), self.new_name("group")
        self.commit(group, (topic, 0, 4))
        seen = self.group(group)
        self.assertEqual(seen.config.name, group)
        self.assertEqual(list(seen.config.topics), [topic])
        self.assertGreater(seen.create_time.seconds, 1_600_000_000)
        self.assertEqual([(p.topic, p.partition, p.HasField("committed_offset"), p.committed_offset,
                           p.start_offset, p.end_offset, p.lag_offsets, p.owner)
                          for p in seen.partitions],
                         [(topic, 0, True, 4, 0, 10, 6, ""), (topic, 1, False, 0, 0, 10, 10, "")])
        self.assertEqual(seen.lag_offsets, 16)
        self.assertTrue(seen.HasField("lag_time"))
        self.commit(group, (topic, 0, 10), (topic, 1, 10))
        seen = self.group(group)
        self.assertEqual((seen.lag_offsets, seen.HasField("lag_time")), (0, False))

    def test_members(self):
        topic, group = self.filled(10, partitions=2), self.new_name("group")
        joined = self.member(group, [topic], client_name="payroll").until_events(20).joined
        self.assertTrue(joined.created)
        seen = self.group(group)
        (member,) = seen.members
        self.assertEqual(member.client_name, "payroll")
        self.assertRegex(member.address, r"^ipv4:127\.0\.0\.1:\d+$")
        self.assertEqual(member.in_flight_events, 20)
        self.assertEqual([p.owner for p in seen.partitions], [member.member_id] * 2)
        self.assertEqual([p.in_flight_events for p in seen.partitions], [10, 10])

    def test_lag_counts_what_the_filter_wants(self):
        topic, group = self.new_topic(), self.new_name("group")
        self.append(topic, [event(type=kind) for kind in ["a", "b", "b"] * 10])
        member = self.member(group, [topic], filter=pb.Filter(types=["a"])).until_events(10)
        seen = self.group(group)
        self.assertEqual((seen.lag_events, seen.lag_offsets), (10, 30))
        self.assertEqual(seen.in_flight_events, 10)
        self.assertTrue(seen.members[0].HasField("last_delivery_time"))
        self.assertTrue(seen.members[0].HasField("oldest_unacked_time"))
        self.assertTrue(seen.HasField("last_progress_time"))
        self.assertFalse(seen.stalled)
        member.until_confirmed(member.ack_all())
        seen = self.group(group)
        self.assertTrue(seen.HasField("lag_events"))
        self.assertEqual((seen.lag_events, seen.in_flight_events), (0, 0))
        self.assertFalse(seen.HasField("oldest_unacked_time"))

    def test_redeliveries_are_counted(self):
        topic, group = self.filled(10), self.new_name("group")
        self.member(group, [topic]).until_events(10).close()
        self.member(group).until_events(10)
        self.assertEqual(self.group(group).redelivered_events, 10)

    def test_list_in_pages_by_name(self):
        topic, prefix = self.filled(3), self.new_name("page") + "-"
        names = [f"{prefix}{i:02}" for i in range(12)]
        for name in reversed(names):
            self.commit(name, (topic, 0, 1))
        found, token, pages = [], "", 0
        while pages == 0 or token:
            page = self.server.groups.ListGroups(
                pb.ListGroupsRequest(prefix=prefix, page_size=5, page_token=token))
            found += page.groups
            token = page.next_page_token
            pages += 1
        self.assertEqual(pages, 3)
        self.assertEqual([g.config.name for g in found], names)
        self.assertEqual({(g.members, g.lag_offsets) for g in found}, {(0, 2)})

    def test_delete(self):
        topic, group = self.filled(10), self.new_name("group")
        member = self.member(group, [topic]).until_events(10)
        request = pb.DeleteGroupRequest(group=group)
        self.assert_refused(lambda: self.server.groups.DeleteGroup(request), "FAILED_PRECONDITION",
                            "GROUP_HAS_MEMBERS", group=group, members=1)
        member.until_confirmed(member.ack_all())
        self.server.groups.DeleteGroup(pb.DeleteGroupRequest(group=group, force=True))
        member.until_ended()
        self.assertEqual(member.error.code.name, "NOT_FOUND")
        self.assert_refused(lambda: self.group(group), "NOT_FOUND", "GROUP_NOT_FOUND", group=group)
        self.assert_refused(lambda: self.server.groups.DeleteGroup(request), "NOT_FOUND",
                            "GROUP_NOT_FOUND")
        again = self.member(group, [topic]).until_events(10)
        self.assertTrue(again.joined.created, "a new group of the same name begins anew")


if __name__ == "__main__":
    main()
