"""Transact: events of several topics, conditions and offsets of groups in one commit, or nothing."""

import threading

from support import errors
from support.case import ServerCase, main
from support.consumer import Member
from support.events import event
from support.server import PATIENCE_S
from support.stubs import pb


class Transact(ServerCase):

    FLAGS = ("--revoke-timeout", "300ms")

    def transact(self, *appends, **more):
        """`appends`: (topic, events) or (topic, events, partition)."""
        return self.server.events.Transact(pb.TransactRequest(appends=[
            pb.TopicAppend(topic=topic, events=events, **({"partition": at[0]} if at else {}))
            for topic, events, *at in appends], **more), timeout=PATIENCE_S)

    def member(self, group, topic, **join):
        member = Member(self.server.groups, group, [topic], **join)
        self.addCleanup(member.close)
        return member

    def committed(self, group):
        answer = self.server.groups.GetOffsets(pb.GetOffsetsRequest(group=group))
        return {(at.topic, at.partition): at.offset for at in answer.offsets}

    def commit_of(self, member, group, topic, partition, offset):
        return pb.OffsetCommit(group=group, topic=topic, partition=partition, offset=offset,
                               member_id=member.joined.member_id,
                               assignment=member.assignments[topic, partition])

    def test_events_of_several_topics(self):
        one, two = self.new_topic(partitions=2), self.new_topic(partitions=2)
        answer = self.transact((two, [event(id="1"), event(id="2")], 1), (one, [event(id="3")], 0),
                               (two, [event(id="4")], 0))
        self.assertEqual([(r.topic, r.partition, r.first_offset, r.count) for r in answer.ranges],
                         [(two, 0, 0, 1), (two, 1, 0, 2), (one, 0, 0, 1)])
        self.assertGreater(answer.position, 0)
        self.assertEqual([e.event.id for e in self.read(two, partitions=[1])], ["1", "2"])
        self.assertEqual((self.ends(one), self.ends(two)), ({0: 1, 1: 0}, {0: 1, 1: 2}))

    def test_promise_atomic_all_or_nothing(self):
        one, two = self.new_topic(), self.new_topic()
        group = self.new_name("group")
        self.server.groups.CommitOffsets(pb.CommitOffsetsRequest(group=group, offsets=[
            pb.OffsetToCommit(topic=one, offset=0)]))
        self.append(two, [event(key="taken")])
        commit = pb.OffsetCommit(group=group, topic=one, offset=0)
        free = pb.Condition(topic=two, key="free", absent=pb.KeyAbsent())
        taken = pb.Condition(topic=two, key="taken", absent=pb.KeyAbsent())
        wrong = pb.OffsetCommit(group=group, topic=one, offset=0, expected_offset=7)
        for more, code, reason in (
                ({"conditions": [free, taken]}, "ABORTED", "CONDITION_FAILED"),
                ({"conditions": [free], "offset_commits": [wrong]}, "ABORTED", "OFFSET_MISMATCH"),
                ({"offset_commits": [pb.OffsetCommit(group=group, topic=one, offset=9)]},
                 "OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE"),
                ({"offset_commits": [pb.OffsetCommit(group="nobody", topic=one)]}, "NOT_FOUND",
                 "GROUP_NOT_FOUND"),
                ({"offset_commits": [pb.OffsetCommit(group=group, topic=two)]},
                 "FAILED_PRECONDITION", "GROUP_SETTINGS_DIFFER")):
            with self.subTest(reason=reason), self.nothing_written(one, two):
                self.assert_refused(
                    lambda: self.transact((one, [event()]), (two, [event(key="free")]), **more),
                    code, reason)
        answer = self.transact((one, [event()]), (two, [event(key="free")]), conditions=[free],
                               offset_commits=[commit])
        self.assertEqual(list(answer.key_revisions),
                         [pb.KeyRevisionResult(topic=two, key="free", revision=0)])

    def test_offsets_alone(self):
        topic, group = self.new_topic(), self.new_name("group")
        self.append(topic, [event()] * 5)
        self.server.groups.CommitOffsets(pb.CommitOffsetsRequest(group=group, offsets=[
            pb.OffsetToCommit(topic=topic, offset=1)]))
        commit = pb.OffsetCommit(group=group, topic=topic, offset=3, expected_offset=1)
        producer = pb.Producer(id=self.new_name("producer"), sequence=1)
        answer = self.transact(offset_commits=[commit], producer=producer)
        self.assertEqual((answer.position, len(answer.ranges)), (0, 0))
        self.assertTrue(self.transact(offset_commits=[commit], producer=producer).duplicate)
        self.assertEqual(self.committed(group), {(topic, 0): 3})
        self.assert_refused(lambda: self.transact(offset_commits=[commit]), "ABORTED",
                            "OFFSET_MISMATCH")
        self.server.kill()
        self.server.start()
        self.assertEqual(self.committed(group), {(topic, 0): 3})
        self.assertTrue(self.transact(offset_commits=[commit], producer=producer).duplicate)

    def test_append_commits_offsets_too(self):
        topic, group = self.new_topic(), self.new_name("group")
        self.append(topic, [event()])
        self.server.groups.CommitOffsets(pb.CommitOffsetsRequest(group=group, offsets=[
            pb.OffsetToCommit(topic=topic, offset=0)]))
        commit = pb.OffsetCommit(group=group, topic=topic, offset=1, expected_offset=0)
        self.append(topic, [event()], offset_commits=[commit])
        self.assertEqual(self.committed(group), {(topic, 0): 1})
        request = pb.AppendRequest(topic=topic, events=[event()], offset_commits=[commit])
        (answer,) = self.server.events.AppendStream(iter([request]), timeout=PATIENCE_S)
        self.assertEqual(errors.of_stream_error(answer.error).reason, "OFFSET_MISMATCH")
        self.assertEqual(self.ends(topic), {0: 2})

    def test_promise_no_duplicates_from_retries_over_topics_and_restarts(self):
        one, two = self.new_topic(), self.new_topic(partitions=3)
        name = self.new_name("producer")

        def send(sequence, **more):
            return self.transact((one, [event(key="a")]), (two, [event(key="b"), event(key="c")]),
                                 producer=pb.Producer(id=name, sequence=sequence), **more)
        conditions = [pb.Condition(topic=one, key="a", absent=pb.KeyAbsent())]
        first = send(5, conditions=conditions)
        wanted = pb.TransactResponse()
        wanted.CopyFrom(first)
        wanted.duplicate = True
        self.assertEqual(send(5, conditions=conditions), wanted)
        self.server.restart()
        self.assertEqual(send(5, conditions=conditions), wanted)
        self.assert_refused(lambda: send(5), "INVALID_ARGUMENT", "PRODUCER_SEQUENCE_REUSED")
        self.assert_refused(lambda: send(7), "ABORTED", "PRODUCER_SEQUENCE_GAP",
                            expected_sequence=6)
        known = self.server.events.GetProducer(pb.GetProducerRequest(id=name))
        self.assertEqual(known.last_sequence, 5)
        self.assertEqual(known.last_response.ranges, first.ranges)
        self.assertEqual(self.ends(one), {0: 1})

    def test_a_member_commits_what_it_owns(self):
        topic, out, group = self.new_topic(), self.new_topic(), self.new_name("group")
        self.append(topic, [event()] * 10)
        member = self.member(group, topic).until_events(10)
        with self.nothing_written(out):
            self.assert_refused(
                lambda: self.transact((out, [event()]), offset_commits=[
                    pb.OffsetCommit(group=group, topic=topic, offset=5)]),
                "FAILED_PRECONDITION", "PARTITION_OWNED", member_id=member.joined.member_id)
            self.assert_refused(
                lambda: self.transact((out, [event()]), offset_commits=[
                    self.commit_of(member, group, topic, 0, 11)]),
                "OUT_OF_RANGE", "OFFSET_NOT_DELIVERED")
        self.transact((out, [event()]),
                      offset_commits=[self.commit_of(member, group, topic, 0, 5)])
        self.assertEqual(self.committed(group), {(topic, 0): 5})
        member.ack((topic, 0, 10))
        member.until_confirmed({(topic, 0): 10})

    def test_a_fenced_member_cannot_commit(self):
        topic, out, group = self.new_topic(), self.new_topic(), self.new_name("group")
        self.append(topic, [event()] * 10)
        slow = self.member(group, topic).until_events(10)
        late = self.commit_of(slow, group, topic, 0, 10)
        slow.break_off()
        fast = self.member(group, topic).until_events(10)
        self.transact((out, [event(id="fast")]),
                      offset_commits=[self.commit_of(fast, group, topic, 0, 4)])
        with self.nothing_written(out):
            self.assert_refused(lambda: self.transact((out, [event()]), offset_commits=[late]),
                                "ABORTED", "FENCED", topic=topic, partition=0,
                                owner=fast.joined.member_id)
        self.assertEqual(self.committed(group), {(topic, 0): 4})
        # Also after a restart, when names of members begin anew.
        self.server.restart()
        again = self.member(group, topic).until_events(6)
        self.assertEqual(again.joined.member_id, late.member_id)
        with self.nothing_written(out):
            self.assert_refused(lambda: self.transact((out, [event()]), offset_commits=[late]),
                                "ABORTED", "FENCED")

    def test_readers_in_commit_order_see_all_of_it_or_nothing(self):
        topic = self.new_topic(partitions=4)
        stop = threading.Event()
        halves = []

        def look():
            while not stop.is_set():
                seen = {}
                for one in self.read(topic, order=pb.ORDER_COMMIT):
                    seen.setdefault(one.event.id, []).append(one.partition)
                halves.extend(id for id, places in seen.items() if len(places) != 4)
        readers = [threading.Thread(target=look) for _ in range(2)]
        for reader in readers:
            reader.start()
        for n in range(150):
            self.transact(*((topic, [event(id=str(n))], partition) for partition in range(4)))
        stop.set()
        for reader in readers:
            reader.join()
        self.assertEqual(halves, [])
        self.assertEqual(len(self.read(topic)), 600)

    def test_promise_atomic_across_kill(self):
        one, two, group = self.new_topic(partitions=2), self.new_topic(), self.new_name("group")
        self.append(one, [event()] * 200, partition=1)
        self.server.groups.CommitOffsets(pb.CommitOffsetsRequest(group=group, offsets=[
            pb.OffsetToCommit(topic=one, partition=1, offset=0)]))
        known = [0]

        def work():
            try:
                for n in range(200):
                    self.transact((one, [event(id=str(n))], 0), (two, [event(id=str(n))]),
                                  offset_commits=[pb.OffsetCommit(
                                      group=group, topic=one, partition=1, offset=n + 1)])
                    known[0] = n + 1
            except Exception:
                pass
        worker = threading.Thread(target=work)
        worker.start()
        while known[0] < 20 and worker.is_alive():
            pass
        self.server.kill()
        worker.join()
        self.server.start()
        done = self.committed(group)[one, 1]
        self.assertGreaterEqual(done, known[0])
        self.assertEqual(self.ends(one), {0: done, 1: 200})
        self.assertEqual(self.ends(two), {0: done})

    def test_bad_requests(self):
        topic = self.new_topic(partitions=2)
        limits = self.server.operations.GetServerInfo(pb.GetServerInfoRequest()).limits
        commit = pb.OffsetCommit(group="g", topic=topic)
        with self.nothing_written(topic):
            for appends, more, field in (
                    ((), {}, "appends"),
                    (((topic, []),), {}, "appends[0].events"),
                    (((topic, [event()]), (topic, [event(), event(type="")])), {},
                     "appends[1].events[1].type"),
                    (((topic, [event()]),),
                     {"conditions": [pb.Condition(key="k", exists=pb.KeyExists())]},
                     "conditions[0].topic"),
                    ((), {"offset_commits": [commit, commit]}, "offset_commits[1]"),
                    ((), {"offset_commits": [pb.OffsetCommit(
                        group="g", topic=topic, member_id="member-1")]},
                     "offset_commits[0].assignment")):
                with self.subTest(field=field):
                    self.assert_refused(lambda: self.transact(*appends, **more),
                                        "INVALID_ARGUMENT", "INVALID_FIELD", field)
            self.assert_refused(lambda: self.transact(("nobody", [event()])), "NOT_FOUND",
                                "TOPIC_NOT_FOUND")
            self.assert_refused(lambda: self.transact((topic, [event()], 2)), "OUT_OF_RANGE",
                                "PARTITION_OUT_OF_RANGE")
            many = limits.transact_appends_max + 1
            self.assert_over_limit(lambda: self.transact(*[(topic, [event()])] * many), "appends",
                                   "transact_appends_max", many - 1, many)


if __name__ == "__main__":
    main()
