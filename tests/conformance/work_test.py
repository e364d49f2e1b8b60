"""KEY_ORDERED and UNORDERED groups: single acks, nacks, leases, delays, dead letters."""

import datetime
import time

from google.protobuf import field_mask_pb2

from support.case import ServerCase, main
from support.events import event
from support.stubs import pb
from support.work import Worker, seconds


class Work(ServerCase):

    FLAGS = ("--heartbeat-interval", "200ms")

    def worker(self, group, topics=(), **join):
        worker = Worker(self.server.groups, group, topics, **join)
        self.addCleanup(worker.close)
        return worker

    def filled(self, keys, partitions=1):
        """A topic with one event for each of `keys`, ids 0, 1, ..."""
        topic = self.new_topic(partitions=partitions)
        self.append(topic, [event(id=str(n), key=key) for n, key in enumerate(keys)])
        return topic

    def group(self):
        return self.new_name("work")

    def committed(self, group):
        answer = self.server.groups.GetOffsets(pb.GetOffsetsRequest(group=group))
        return {(at.topic, at.partition): at.offset for at in answer.offsets}

    def work_state(self, group):
        return self.server.groups.GetGroup(pb.GetGroupRequest(group=group)).work

    def letters(self, group, **more):
        return list(self.server.groups.ListDeadLetters(
            pb.ListDeadLettersRequest(group=group, **more)).dead_letters)

    # Acks.

    def test_acks_one_by_one_and_commits_what_is_done_from_the_front(self):
        topic, group = self.filled("abcd"), self.group()
        worker = self.worker(group, [topic]).until_events(4)
        self.assertNotIn("assigned", worker.messages)
        self.assertEqual(worker.attempts, [1, 1, 1, 1])
        worker.until(lambda m: m.caught_up == 1, "caught up")
        worker.ack_events(worker.events[1:3])
        worker.until_answers(1)
        self.assertEqual(worker.confirmations[0].acked_events, 2)
        self.assertEqual(self.committed(group).get((topic, 0), 0), 0)
        worker.ack_sets(topic, 0, [0])
        worker.until_answers(2)
        self.assertEqual(self.committed(group), {(topic, 0): 3})

    def test_only_what_is_not_acked_comes_again_also_after_kill_9(self):
        topic, group = self.filled("abcdefgh", partitions=2), self.group()
        worker = self.worker(group, [topic]).until_events(8)
        worker.ack_events([one for one in worker.events if one.event.id in "1346"])
        worker.until_answers(1)
        self.server.kill()
        self.server.start()
        worker = self.worker(group).until_events(4)
        self.assertEqual(sorted(worker.ids_of()), ["0", "2", "5", "7"])

    def test_more_members_than_partitions_share_the_keys(self):
        topic, group = self.filled([str(n) for n in range(40)]), self.group()
        credits = pb.Credits(events=10, bytes=1 << 20)
        workers = [self.worker(group, [topic], credits=credits) for _ in range(4)]
        for worker in workers:
            worker.until_events(10)
        ids = sorted((int(i) for worker in workers for i in worker.ids_of()))
        self.assertEqual(ids, list(range(40)))

    def test_a_key_is_in_one_members_hands_in_order(self):
        topic, group = self.filled("aaab"), self.group()
        one = pb.Credits(events=1, bytes=1 << 20)
        first = self.worker(group, [topic], credits=one).until_events(1)
        second = self.worker(group, [topic], credits=pb.Credits(events=9, bytes=1 << 20))
        second.until_events(1)
        self.assertEqual(second.ids_of(), ["3"])
        first.ack_events(first.events)
        second.until_events(3)
        self.assertEqual(second.ids_of(), ["3", "1", "2"])

    def test_many_small_batches_come_in_one_message_to_who_asks(self):
        topic, group = self.new_topic(), self.group()
        for n in range(20):
            self.append(topic, [event(id=str(n), key=str(n))])
        plain = self.worker(group, [topic], credits=pb.Credits(events=10, bytes=1 << 20))
        plain.until_events(10)
        self.assertEqual(plain.messages.count("delivery"), 10)
        many = self.worker(group, [topic], deliveries_max=100).until_events(10)
        self.assertLess(many.messages.count("delivery"), 10)
        self.assertEqual([int(i) for i in plain.ids_of() + many.ids_of()], list(range(20)))
        for worker in (plain, many):
            worker.ack_events(worker.events)
            worker.until_answers(1)
        self.assertEqual(self.committed(group), {(topic, 0): 20})
        refused = self.worker(group, [topic], deliveries_max=1001)
        refused.until_ended()
        self.assertEqual((refused.error.code.name, refused.error.reason),
                         ("INVALID_ARGUMENT", "LIMIT_EXCEEDED"))

    def test_unordered_hands_out_events_of_a_key_at_once(self):
        topic, group = self.filled("aaa"), self.group()
        one = pb.Credits(events=1, bytes=1 << 20)
        workers = [self.worker(group, [topic], mode=pb.GROUP_MODE_UNORDERED, credits=one)
                   for _ in range(3)]
        for worker in workers:
            worker.until_events(1)
        self.assertEqual(sorted(i for w in workers for i in w.ids_of()), ["0", "1", "2"])

    def test_live_events_and_a_filter(self):
        topic, group = self.new_topic(), self.group()
        worker = self.worker(group, [topic], filter=pb.Filter(types=["wanted"]))
        worker.until(lambda m: m.caught_up, "caught up")
        self.append(topic, [event(id="0", type="other"), event(id="1", type="wanted"),
                            event(id="2", type="other")])
        worker.until_events(1)
        self.assertEqual(worker.ids_of(), ["1"])
        worker.ack_events(worker.events)
        worker.until_answers(1)
        self.assertIn(self.committed(group)[topic, 0], (2, 3))

    # Failures.

    def test_a_nack_comes_again_after_a_pause_with_its_attempts(self):
        topic, group = self.filled("ab"), self.group()
        policy = pb.RetryPolicy(initial_backoff=seconds(0.3), backoff_factor=1)
        worker = self.worker(group, [topic], retry_policy=policy).until_events(2)
        began = time.monotonic()
        worker.nack_events(worker.events[:1], reason="no such account")
        worker.until_nacked(1)
        self.assertEqual((worker.nacked[0].retried, worker.nacked[0].dead_letters), (1, 0))
        worker.until_events(3)
        self.assertGreater(time.monotonic() - began, 0.25)
        self.assertEqual((worker.ids_of()[2], worker.attempts[2]), ("0", 2))

    def test_a_failing_key_blocks_only_itself_and_keeps_its_order(self):
        topic, group = self.filled("aabb"), self.group()
        worker = self.worker(group, [topic]).until_events(4)
        worker.nack_events(worker.events[:1], delay=seconds(0.2))
        worker.until_nacked(1)
        worker.ack_events(worker.events[1:])    # "1" was taken back.
        worker.until_answers(1)
        self.assertEqual(worker.confirmations[0].acked_events, 2)
        rejected = worker.confirmations[0].rejected_events
        self.assertEqual([(r.id.offset, r.reason) for r in rejected], [(1, "FENCED")])
        worker.until_events(6)
        self.assertEqual(worker.ids_of()[4:], ["0", "1"])
        self.assertEqual(worker.attempts[4:], [2, 1])

    def test_a_lease_that_ends_is_a_failed_attempt_and_fences(self):
        topic, group = self.filled("a"), self.group()
        policy = pb.RetryPolicy(lease=seconds(0.4), initial_backoff=seconds(0.001))
        worker = self.worker(group, [topic], retry_policy=policy,
                             credits=pb.Credits(events=1, bytes=1 << 20)).until_events(1)
        other = self.worker(group, [topic]).until_events(1)
        self.assertEqual(other.attempts, [2])
        worker.ack_events(worker.events)
        worker.until_answers(1)
        self.assertEqual(worker.confirmations[0].rejected_events[0].reason, "FENCED")

    def test_extend_keeps_a_lease(self):
        topic, group = self.filled("ab"), self.group()
        policy = pb.RetryPolicy(lease=seconds(0.5), initial_backoff=seconds(0.001))
        worker = self.worker(group, [topic], retry_policy=policy).until_events(2)
        worker.extend_events(worker.events[:1], 60)
        worker.until(lambda m: m.extended, "the extension")
        self.assertEqual(worker.extended[0].extended, 1)
        worker.until_events(3)  # The other one's lease is over.
        self.assertEqual((worker.ids_of()[2], worker.attempts[2]), ("1", 2))
        worker.ack_events(worker.events[:1])
        worker.until_answers(1)
        self.assertEqual(worker.confirmations[0].acked_events, 1)

    def test_a_broken_stream_gives_its_events_to_others_at_once(self):
        topic, group = self.filled("ab"), self.group()
        self.worker(group, [topic]).until_events(2).break_off()
        other = self.worker(group, [topic]).until_events(2)
        self.assertEqual(other.attempts, [2, 2])
        self.assertGreaterEqual(self.work_state(group).redeliveries, 2)

    def test_leaving_in_order_does_not_count_as_an_attempt(self):
        topic, group = self.filled("ab"), self.group()
        first = self.worker(group, [topic]).until_events(2)
        first.leave()
        first.until_ended()
        self.assertEqual(self.worker(group, [topic]).until_events(2).attempts, [1, 1])

    # Dead letters.

    def test_dead_letters_after_max_attempts_list_redrive_discard(self):
        topic, group = self.filled("aab"), self.group()
        policy = pb.RetryPolicy(max_attempts=2, initial_backoff=seconds(0.01))
        worker = self.worker(group, [topic], retry_policy=policy, client_name="w1").until_events(3)
        worker.nack_events(worker.events[:1], reason="first")
        worker.until_events(4)
        worker.nack_events(worker.events[3:4], reason="second")
        worker.until_nacked(2)
        self.assertEqual(worker.nacked[1].dead_letters, 1)
        letter, = self.letters(group)
        self.assertEqual((letter.id.offset, letter.attempts, letter.reason, letter.last_client),
                         (0, 2, "second", "w1"))
        self.assertEqual(letter.event.id, "0")
        self.assertLessEqual(letter.first_time.ToMicroseconds(), letter.dead_time.ToMicroseconds())
        worker.until(lambda m: m.ids_of().count("1") >= 2, "the key goes on")
        self.server.restart()
        self.assertEqual(len(self.letters(group, filter=pb.Filter(keys=["a"]))), 1)
        self.assertEqual(self.letters(group, filter=pb.Filter(keys=["b"])), [])
        worker = self.worker(group)
        worker.until_events(2)
        redriven = self.server.groups.RedriveDeadLetters(pb.RedriveDeadLettersRequest(
            group=group, ids=pb.DeadLetterIds(ids=[letter.id])))
        self.assertEqual((redriven.events, redriven.left), (1, 0))
        self.assertEqual(self.letters(group), [])
        worker.ack_events(worker.events)
        worker.until_answers(1)
        worker.until_events(3)
        again = worker.events[-1]
        self.assertEqual((again.event.id, worker.attempts[-1]), ("0", 3))
        worker.nack_events([again], dead_letter=True, reason="third")
        worker.until_nacked(1)
        self.assertEqual(self.letters(group)[0].reason, "third")
        self.assertEqual(self.work_state(group).dead_letters, 1)
        discarded = self.server.groups.DiscardDeadLetters(pb.DiscardDeadLettersRequest(
            group=group, all=pb.AllDeadLetters()))
        self.assertEqual(discarded.events, 1)
        self.assertEqual(self.letters(group), [])
        self.assertEqual(self.committed(group), {(topic, 0): 3})

    def test_a_key_stays_blocked_if_the_policy_says_so(self):
        topic, group = self.filled("aab"), self.group()
        policy = pb.RetryPolicy(block_key_after_dead_letter=True)
        one = pb.Credits(events=1, bytes=1 << 20)
        worker = self.worker(group, [topic], retry_policy=policy, credits=one).until_events(1)
        worker.nack_events(worker.events, dead_letter=True)
        worker.until_nacked(1)
        worker.grant(5)
        worker.until_events(2)
        self.assertEqual(worker.ids_of(), ["0", "2"])
        self.assertEqual(self.work_state(group).blocked_keys, 1)
        self.server.restart()
        worker = self.worker(group, [topic]).until_events(1)
        self.assertEqual(worker.ids_of(), ["2"])
        self.server.groups.RedriveDeadLetters(pb.RedriveDeadLettersRequest(
            group=group, all=pb.AllDeadLetters()))
        worker.until_events(2)
        self.assertEqual(worker.ids_of(), ["2", "0"])
        worker.ack_events(worker.events)
        worker.until_events(3)
        self.assertEqual(worker.ids_of(), ["2", "0", "1"])
        self.assertEqual(self.work_state(group).blocked_keys, 0)

    def test_dead_letters_come_in_pages_and_are_redriven_at_a_rate(self):
        topic, group = self.filled([str(n) for n in range(7)], partitions=3), self.group()
        worker = self.worker(group, [topic]).until_events(7)
        worker.nack_events(worker.events, dead_letter=True)
        worker.until_nacked(1)
        self.assertEqual(worker.nacked[0].dead_letters, 7)
        seen, token = [], ""
        while True:
            page = self.server.groups.ListDeadLetters(pb.ListDeadLettersRequest(
                group=group, page_size=3, page_token=token))
            seen += [(one.id.partition, one.id.offset) for one in page.dead_letters]
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(seen, sorted(seen))
        self.assertEqual(len(set(seen)), 7)
        began = time.monotonic()
        self.server.groups.RedriveDeadLetters(pb.RedriveDeadLettersRequest(
            group=group, all=pb.AllDeadLetters(), events_per_second=10))
        worker.until_events(14)
        self.assertGreater(time.monotonic() - began, 0.5)

    def test_retention_does_not_take_dead_letters(self):
        topic, group = self.filled("ab"), self.group()
        worker = self.worker(group, [topic]).until_events(2)
        worker.nack_events(worker.events[:1], dead_letter=True)
        worker.ack_events(worker.events[1:])
        worker.until_nacked(1).until_answers(1)
        worker.break_off()
        self.append(topic, [event(id="2")])
        self.server.topics.UpdateTopic(pb.UpdateTopicRequest(
            name=topic, config=pb.TopicConfig(retention=pb.Retention(max_bytes=1)),
            update_mask=field_mask_pb2.FieldMask(paths=["retention"])))
        self.assertEqual([one.event.id for one in self.read(topic)], ["2"])
        for _ in range(2):
            letter, = self.letters(group)
            self.assertEqual(letter.event.id, "0")
            self.server.restart()
        worker = self.worker(group).until_events(1)
        self.server.groups.RedriveDeadLetters(pb.RedriveDeadLettersRequest(
            group=group, all=pb.AllDeadLetters()))
        worker.until_events(2)
        self.assertEqual(worker.ids_of(), ["2", "0"])
        worker.nack_events(worker.events[1:], dead_letter=True)
        worker.until_nacked(1)
        self.assertEqual(self.letters(group)[0].event.id, "0")

    def test_a_gap_is_announced(self):
        topic, group = self.filled("ab"), self.group()
        self.worker(group, [topic], credits=pb.Credits(events=0, bytes=1)).until(
            lambda m: m.joined, "joined").break_off()
        self.append(topic, [event(id="2")])
        self.server.topics.UpdateTopic(pb.UpdateTopicRequest(
            name=topic, config=pb.TopicConfig(retention=pb.Retention(max_bytes=1)),
            update_mask=field_mask_pb2.FieldMask(paths=["retention"])))
        self.server.restart()
        self.server.groups.CommitOffsets(pb.CommitOffsetsRequest(
            group=group, allow_rewind=True, offsets=[pb.OffsetToCommit(topic=topic, offset=0)]))
        worker = self.worker(group).until_events(1)
        self.assertEqual(worker.ids_of(), ["2"])
        worker.until(lambda m: m.gaps, "a gap")
        self.assertEqual((worker.gaps[0].from_offset, worker.gaps[0].until_offset), (0, 2))

    # Delays.

    def test_delayed_events_wait_and_delay_their_key(self):
        topic, group = self.new_topic(), self.group()
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1.2)
        self.append(topic, [event(id="0", key="a", attributes={"delay": "600ms"}),
                            event(id="1", key="a"), event(id="2", key="b"),
                            event(id="3", key="c", attributes={"deliverat": soon.isoformat()})])
        self.assertEqual([one.event.id for one in self.read(topic)], ["0", "1", "2", "3"])
        began = time.monotonic()
        worker = self.worker(group, [topic]).until_events(1)
        self.assertEqual(self.work_state(group).waiting_events, 2)
        worker.until_events(3)
        self.assertGreater(time.monotonic() - began, 0.3)
        self.assertEqual(worker.ids_of(), ["2", "0", "1"])
        worker.until_events(4)
        self.assertGreaterEqual(datetime.datetime.now(datetime.timezone.utc), soon)

    def test_skip_delayed_lets_the_key_go_on(self):
        topic, group = self.new_topic(), self.group()
        self.append(topic, [event(id="0", key="a", attributes={"delay": "500ms"}),
                            event(id="1", key="a")])
        policy = pb.RetryPolicy(skip_delayed=True)
        worker = self.worker(group, [topic], retry_policy=policy).until_events(2)
        self.assertEqual(worker.ids_of(), ["1", "0"])

    def test_malformed_delays_are_refused(self):
        topic = self.new_topic()
        for name, value in (("delay", "soon"), ("delay", "-1s"), ("delay", "900000h"),
                            ("deliverat", "tomorrow"), ("deliverat", "2026-13-01T00:00:00Z")):
            with self.nothing_written(topic):
                details = self.assert_refused(
                    lambda: self.append(topic, [event(attributes={name: value})]),
                    "INVALID_ARGUMENT", "INVALID_FIELD", f'events[0].attributes["{name}"]')
                self.assertIn(value, details.message)

    # Modes and mistakes.

    def test_acks_that_do_not_fit_the_mode_are_refused(self):
        topic, group = self.filled("a"), self.group()
        worker = self.worker(group, [topic]).until_events(1)
        worker.ack((topic, 0, 1))
        worker.until_ended()
        self.check_details(worker.error, "INVALID_ARGUMENT", "INVALID_FIELD", "ack.up_to")
        plain = self.worker(self.group(), [topic], mode=pb.GROUP_MODE_PARTITION_ORDERED)
        plain.until_events(1).nack_events(plain.events)
        plain.until_ended()
        self.check_details(plain.error, "FAILED_PRECONDITION", "GROUP_MODE_DIFFERS")

    def test_acks_of_what_was_never_delivered_are_told_apart(self):
        topic, group = self.filled("a"), self.group()
        worker = self.worker(group, [topic]).until_events(1)
        worker.ack_sets(topic, 0, [0, 0, 99])
        worker.until_answers(1)
        self.assertEqual(worker.confirmations[0].acked_events, 1)
        self.assertEqual([(r.id.offset, r.reason) for r in worker.confirmations[0].rejected_events],
                         [(0, "FENCED"), (99, "NOT_IN_FLIGHT")])

    def test_commit_offsets_begins_again_while_nobody_works(self):
        topic, group = self.filled("abc"), self.group()
        worker = self.worker(group, [topic]).until_events(3)
        worker.ack_events(worker.events[1:])
        worker.until_answers(1)
        commit = pb.CommitOffsetsRequest(group=group, allow_rewind=True, offsets=[
            pb.OffsetToCommit(topic=topic, partition=0, offset=1)])
        self.assert_refused(lambda: self.server.groups.CommitOffsets(commit),
                            "FAILED_PRECONDITION", "GROUP_HAS_MEMBERS")
        worker.leave()
        worker.until_ended()
        self.server.groups.CommitOffsets(commit)
        self.assertEqual(self.committed(group), {(topic, 0): 1})
        self.assertEqual(self.worker(group).until_events(2).ids_of(), ["1", "2"])

    def test_delete_group_and_topic_take_everything_with_them(self):
        topic, group = self.filled("abc"), self.group()
        worker = self.worker(group, [topic]).until_events(3)
        worker.nack_events(worker.events[:1], dead_letter=True)
        worker.until_nacked(1)
        worker.break_off()
        self.server.groups.DeleteGroup(pb.DeleteGroupRequest(group=group, force=True))
        fresh = self.worker(group, [topic]).until_events(3)
        self.assertEqual(fresh.attempts, [1, 1, 1])
        self.assertEqual(self.letters(group), [])
        fresh.nack_events(fresh.events[:1], dead_letter=True)
        fresh.until_nacked(1)
        self.server.topics.DeleteTopic(pb.DeleteTopicRequest(name=topic))
        fresh.until_ended()
        self.assertEqual(self.letters(group), [])


if __name__ == "__main__":
    main()
