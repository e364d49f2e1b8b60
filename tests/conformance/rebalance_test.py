"""Consume with several members: who owns what when somebody comes, goes or breaks."""

from support.case import ServerCase, main
from support.consumer import Member, settle
from support.events import event
from support.stubs import pb


class Rebalance(ServerCase):

    FLAGS = ("--revoke-timeout", "700ms", "--heartbeat-interval", "200ms")

    def setUp(self):
        self.topic = self.new_topic(partitions=4)
        self.group = self.new_name("group")
        self.appended = 0

    def member(self, **join):
        member = Member(self.server.groups, self.group, [self.topic], **join)
        self.addCleanup(member.close)
        return member

    def fill(self, per_partition):
        for partition in range(4):
            self.append(self.topic, [event(id=f"{partition}-{self.appended + n}")
                                     for n in range(per_partition)], partition=partition)
        self.appended += per_partition

    def settle(self, *members, condition, what):
        settle(*members, condition=condition, what=what)

    def assert_everything_once(self, *members):
        places = sorted(one.place for member in members for one in member.events)
        self.assertEqual(places, [(p, o) for p in range(4) for o in range(self.appended)])

    def test_partitions_are_shared_and_come_back(self):
        first = self.member().until_owning(4)
        second = self.member()
        self.settle(first, second, condition=lambda: len(first.owned) == len(second.owned) == 2,
                    what="two partitions each")
        self.assertEqual(set(first.owned) | set(second.owned), {(self.topic, p) for p in range(4)})
        self.fill(10)
        first.until_events(20)
        second.until_events(20)
        self.assert_everything_once(first, second)
        for member in (first, second):
            member.until_confirmed(member.ack_all())
        second.leave()
        second.until_ended()
        first.until_owning(4)
        self.fill(5)
        first.until_events(40)
        self.assert_everything_once(first, second)

    def test_promise_one_owner_revoked_partition_moves_when_its_owner_is_done(self):
        self.fill(10)
        first = self.member().until_events(40)
        second = self.member().until(lambda m: m.joined, "joined")
        first.until(lambda m: len(m.revoked) == 2, "two partitions revoked")
        moved = set(first.revoked)
        self.assertEqual(second.take_what_came().owned, {}, "its owner still has events in hand")
        # Half of the first, all of the second: the rest is released.
        (topic, a), (_, b) = sorted(moved)
        first.ack((topic, a, 10), (topic, b, 4))
        first.until_confirmed({(topic, a): 10, (topic, b): 4})
        second.until(lambda m: (topic, a) in m.owned, "the acked partition")
        first.release((topic, b))
        second.until_owning(2)
        self.assertEqual(second.owned, {(topic, a): 10, (topic, b): 4})
        second.until_events(6)
        self.assertEqual([one.place for one in second.events], [(b, o) for o in range(4, 10)])

    def test_promise_one_owner_late_acks_are_fenced(self):
        self.fill(10)
        first = self.member().until_events(40)
        second = self.member().until(lambda m: m.joined, "joined")
        first.until(lambda m: len(m.revoked) == 2, "two partitions revoked")
        (topic, a), (_, b) = sorted(first.revoked)
        deadline = first.revoked[topic, a].deadline
        second.until_owning(2)  # Taken at the deadline.
        self.assertEqual(second.owned, {(topic, a): 0, (topic, b): 0})
        now = self.server.operations.GetServerInfo(pb.GetServerInfoRequest()).time
        self.assertGreaterEqual(now.ToNanoseconds(), deadline.ToNanoseconds())
        first.ack((topic, a, 10), (topic, b, 10))
        first.until(lambda m: m.confirmations, "a confirmation")
        self.assertEqual([(r.reason, r.ack.partition) for r in first.confirmations[0].rejected],
                         [("FENCED", a), ("FENCED", b)])
        self.assertEqual(list(first.confirmations[0].committed), [])
        second.until_events(20)
        self.assertEqual({one.partition for one in second.events}, {a, b})

    def test_member_whose_stream_breaks_is_replaced_at_once(self):
        first, second = self.member(), self.member()
        self.settle(first, second, condition=lambda: len(first.owned) == len(second.owned) == 2,
                    what="two partitions each")
        self.fill(10)
        first.until_events(20)
        second.until_events(20)
        (topic, p) = min(second.owned)
        second.ack((topic, p, 6))
        second.until_confirmed({(topic, p): 6})
        kept = dict(second.owned)
        second.break_off()
        first.until_owning(4)
        for at in kept:
            self.assertEqual(first.owned[at], 6 if at == (topic, p) else 0)
        first.until_events(20 + 4 + 10)
        again = [one.place for one in first.events[20:]]
        (_, q) = max(kept)
        self.assertEqual(sorted(again), sorted([(p, o) for o in range(6, 10)]
                                               + [(q, o) for o in range(10)]))

    def test_more_members_than_partitions(self):
        members = [self.member() for _ in range(6)]
        self.settle(*members, condition=lambda: sorted(len(m.owned) for m in members)
                    == [0, 0, 1, 1, 1, 1], what="one partition each, two members idle")
        idle = [m for m in members if not m.owned]
        self.fill(3)
        for member in members:
            if member.owned:
                member.until_events(3)
                member.break_off()
        self.settle(*idle, condition=lambda: all(len(m.owned) == 2 for m in idle),
                    what="the idle ones own everything")
        for member in idle:
            member.until_events(6)
        self.assert_everything_once(*idle)

    def test_promise_at_least_once_under_constant_rebalancing(self):
        self.fill(50)
        committed = {(self.topic, p): 0 for p in range(4)}

        def work(member):
            """Acks seven further events of each partition that it owns."""
            target = {at: start + 7 for at, start in member.owned.items()}
            for at, start in member.owned.items():
                self.assertEqual(start, committed[at], "delivery goes on where the last owner was")
            member.until(lambda m: set(target) <= {(one.topic, one.partition) for one in m.events
                                                   if one.offset + 1 == target.get(
                                                       (one.topic, one.partition))},
                         "seven events of each")
            member.ack(*((topic, p, offset) for (topic, p), offset in target.items()))
            member.until_confirmed(target)
            committed.update(target)

        for turn in range(4):
            one, two = self.member(), self.member()
            self.settle(one, two, condition=lambda: len(one.owned) == len(two.owned) == 2,
                        what="two partitions each")
            work(one)
            work(two)
            if turn % 2:
                two.break_off()
            else:
                two.leave()
            two.until_ended()
            one.break_off()
            one.until_ended()
        last = self.member().until_owning(4)
        self.assertEqual(last.owned, committed)
        last.until(lambda m: m.caught_up, "caught up")
        for (_, partition), start in committed.items():
            mine = [one.offset for one in last.events if one.partition == partition]
            self.assertEqual(mine, list(range(start, 50)))


if __name__ == "__main__":
    main()
