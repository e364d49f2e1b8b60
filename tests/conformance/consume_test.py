"""Consume with one member: join, credits, acks, the end, and coming back."""

from google.protobuf import duration_pb2

from support.case import ServerCase, main
from support.consumer import Member
from support.events import event, hr_events
from support.stubs import pb


class Consume(ServerCase):

    FLAGS = ("--heartbeat-interval", "200ms")

    def member(self, group, topics=(), **join):
        member = Member(self.server.groups, group, topics, **join)
        self.addCleanup(member.close)
        return member

    def new_group(self):
        return self.new_name("group")

    def filled(self, count, partitions=1):
        topic = self.new_topic(partitions=partitions)
        self.append(topic, [event(id=str(n), key=str(n)) for n in range(count)])
        return topic

    def committed(self, group):
        answer = self.server.groups.GetOffsets(pb.GetOffsetsRequest(group=group))
        return {(at.topic, at.partition): at.offset for at in answer.offsets}

    def test_join_assign_deliver_ack_leave(self):
        topic, group = self.filled(40, partitions=4), self.new_group()
        member = self.member(group, [topic], client_name="payroll-1").until_events(40)
        self.assertEqual(member.messages[:2], ["joined", "assigned"])
        self.assertTrue(member.joined.created)
        self.assertTrue(member.joined.member_id)
        config = member.joined.group
        self.assertEqual((config.name, list(config.topics), config.mode),
                         (group, [topic], pb.GROUP_MODE_PARTITION_ORDERED))
        self.assertEqual(config.retry_policy.initial_backoff, duration_pb2.Duration(seconds=1))
        self.assertEqual(config.retry_policy.max_backoff, duration_pb2.Duration(seconds=300))
        self.assertEqual(member.owned, {(topic, p): 0 for p in range(4)})
        last = {}
        for one in member.events:
            self.assertEqual(one.offset, last.get(one.partition, -1) + 1)
            last[one.partition] = one.offset
        member.until(lambda m: m.caught_up == 1, "caught up")
        offsets = member.ack_all()
        member.until_confirmed(offsets)
        self.assertEqual(self.committed(group), offsets)
        member.leave()
        member.until_ended()
        self.assertIsNone(member.error, "Leave ends the stream with OK")

    def test_live_events_and_caught_up_once(self):
        topic, group = self.filled(3), self.new_group()
        member = self.member(group, [topic]).until(lambda m: m.caught_up, "caught up")
        for n in range(10):
            self.append(topic, [event(id=f"live-{n}")])
            member.until_events(4 + n)
        self.assertEqual([one.event.id for one in member.events[3:]],
                         [f"live-{n}" for n in range(10)])

    def test_promise_at_least_once_what_is_not_acked_comes_again(self):
        topic, group = self.filled(10), self.new_group()
        first = self.member(group, [topic]).until_events(10)
        first.ack((topic, 0, 4))
        first.until_confirmed({(topic, 0): 4})
        first.break_off()
        second = self.member(group).until_events(6)
        self.assertFalse(second.joined.created)
        self.assertEqual([one.offset for one in second.events], list(range(4, 10)))
        self.assertEqual(second.owned, {(topic, 0): 4})

    def test_promise_durable_offsets_continue_after_restart_and_crash(self):
        topic, group = self.filled(30), self.new_group()
        done = 0
        for end in (self.server.restart, lambda: (self.server.kill(), self.server.start()),
                    self.server.restart):
            member = self.member(group, [topic]).until_events(1)
            self.assertEqual(member.events[0].offset, done)
            done += 7
            member.until_events(7).ack((topic, 0, done))
            member.until_confirmed({(topic, 0): done})
            end()
            self.assertEqual(self.committed(group), {(topic, 0): done})
        member = self.member(group).until_events(30 - done)
        self.assertEqual([one.offset for one in member.events], list(range(done, 30)))

    def test_promise_at_least_once_a_late_joiner_gets_every_past_event(self):
        topic = self.new_topic(partitions=4)
        sent = hr_events(800, seed=2)
        for start in range(0, 800, 100):
            self.append(topic, sent[start:start + 100])
        first = self.member(self.new_group(), [topic]).until_events(800)
        first.until_confirmed(first.ack_all())
        late = self.member(self.new_group(), [topic],
                           filter=pb.Filter(types=["employee.created"]))
        wanted = [one for one in sent if one.type == "employee.created"]
        late.until_events(len(wanted)).until(lambda m: m.caught_up, "caught up")
        self.assertEqual({(one.event.id, one.event.key) for one in late.events},
                         {(one.id, one.key) for one in wanted})
        self.append(topic, [event(id="new", key="employee-new")])
        late.until_events(len(wanted) + 1)
        self.assertEqual(late.events[-1].event.id, "new")
        self.assertEqual(len(first.take_what_came().until_events(801).events), 801)

    def test_second_group_is_independent(self):
        topic, one, two = self.filled(20), self.new_group(), self.new_group()
        a = self.member(one, [topic]).until_events(20)
        a.until_confirmed(a.ack_all())
        b = self.member(two, [topic]).until_events(20)
        b.ack((topic, 0, 5))
        b.until_confirmed({(topic, 0): 5})
        self.assertEqual((self.committed(one), self.committed(two)),
                         ({(topic, 0): 20}, {(topic, 0): 5}))

    def test_starts_of_a_new_group(self):
        topic = self.new_topic()
        times = [self.append(topic, [event()]).append_time for _ in range(10)]
        for start, first in ((pb.Start(time=times[6]), 6), (pb.Start(earliest=pb.Earliest()), 0),
                             (pb.Start(latest=pb.Latest()), 10), (None, 0)):
            member = self.member(self.new_group(), [topic], start=start)
            member.until(lambda m: m.caught_up, "caught up")
            self.assertEqual([one.offset for one in member.events], list(range(first, 10)))

    def test_where_a_group_began_is_remembered_without_an_ack(self):
        topic, group = self.filled(10), self.new_group()
        first = self.member(group, [topic], start=pb.Start(latest=pb.Latest()))
        first.until(lambda m: m.caught_up, "caught up").leave()
        first.until_ended()
        self.append(topic, [event(id="while-away")])
        second = self.member(group).until_events(1)
        self.assertEqual([one.event.id for one in second.events], ["while-away"])

    def test_credits_hold_deliveries_back(self):
        topic, group = self.filled(100), self.new_group()
        member = self.member(group, [topic], credits=pb.Credits(events=10, bytes=1 << 20))
        member.until_events(10).until(lambda m: m.heartbeats >= 2, "two heartbeats")
        self.assertEqual(len(member.events), 10)
        member.until_confirmed(member.ack_all())
        member.until(lambda m: m.heartbeats >= 4, "heartbeats after the ack")
        self.assertEqual(len(member.events), 10, "acks do not give credits back")
        member.grant(25)
        member.until_events(35).until(lambda m: m.heartbeats >= 6, "heartbeats")
        self.assertEqual([one.offset for one in member.events], list(range(35)))

    def test_credits_in_bytes(self):
        topic, group = self.new_topic(), self.new_group()
        self.append(topic, [event(data=b"x" * 1000) for _ in range(50)])
        member = self.member(group, [topic], credits=pb.Credits(events=1000, bytes=5000))
        member.until_events(1).until(lambda m: m.heartbeats >= 2, "two heartbeats")
        self.assertLessEqual(len(member.events), 5)
        member.grant(0, bytes=1)  # Always at least one event while both are above zero.
        before = len(member.events)
        member.until_events(before + 1)

    def test_filter_lets_committed_offset_pass_what_it_leaves_out(self):
        topic, group = self.new_topic(), self.new_group()
        self.append(topic, [event(type="other")] * 5 + [event(type="wanted")]
                    + [event(type="other")] * 5)
        member = self.member(group, [topic], filter=pb.Filter(types=["wanted"]))
        member.until_events(1).until(lambda m: m.caught_up, "caught up")
        self.assertEqual([one.offset for one in member.events], [5])
        member.ack((topic, 0, 6))
        member.until(lambda m: m.confirmations, "a confirmation")
        self.assertIn(self.committed(group)[topic, 0], range(6, 12))
        again = self.member(group, [topic], filter=pb.Filter(types=["wanted"]))
        again.until(lambda m: m.joined, "joined")

    def test_acks_of_what_was_not_delivered_or_not_owned_are_rejected(self):
        topic, group = self.filled(10, partitions=1), self.new_group()
        member = self.member(group, [topic], credits=pb.Credits(events=4, bytes=1 << 20))
        member.until_events(4)
        member.ack((topic, 0, 9))
        member.until(lambda m: m.confirmations, "a confirmation")
        (rejected,) = member.confirmations[0].rejected
        self.assertEqual((rejected.reason, rejected.ack.topic, rejected.ack.offset),
                         ("OUT_OF_RANGE", topic, 9))
        member.ack(("no-such-topic", 0, 1), (topic, 5, 1), (topic, 0, 3))
        member.until(lambda m: len(m.confirmations) == 2, "a second confirmation")
        self.assertEqual([r.reason for r in member.confirmations[1].rejected], ["FENCED"] * 2)
        self.assertEqual(member.confirmed, {(topic, 0): 3})
        self.assertFalse(member.take_what_came().ended)

    def test_promise_committed_offsets_never_move_back_by_an_ack(self):
        topic, group = self.filled(10), self.new_group()
        member = self.member(group, [topic]).until_events(10)
        for offset in (8, 3, 0, 8):
            member.ack((topic, 0, offset))
        member.until(lambda m: len(m.confirmations) == 4, "four confirmations")
        self.assertEqual(self.committed(group), {(topic, 0): 8})

    def test_closing_the_sending_side_confirms_what_was_acked(self):
        topic, group = self.filled(10), self.new_group()
        member = self.member(group, [topic]).until_events(10)
        member.ack((topic, 0, 10))
        member.half_close()
        member.until_ended()
        self.assertIsNone(member.error)
        self.assertEqual(member.confirmed, {(topic, 0): 10})

    def test_several_topics(self):
        topics, group = [self.filled(10, partitions=2) for _ in range(3)], self.new_group()
        member = self.member(group, topics).until_events(30)
        self.assertEqual(set(member.owned), {(t, p) for t in topics for p in (0, 1)})
        offsets = member.ack_all()
        member.until_confirmed(offsets)
        self.assertEqual(self.committed(group), {**dict.fromkeys(member.owned, 0), **offsets})


if __name__ == "__main__":
    main()
