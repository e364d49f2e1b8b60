"""Append: where events go, what comes back of them, and what the answer says."""

import threading

from support.case import ServerCase, main
from support.checksums import partition_of_key
from support.events import by_key, by_partition, event, hr_events
from support.stubs import pb


class Append(ServerCase):

    def test_promise_ordered_and_dense_offsets(self):
        topic = self.new_topic()
        seen = 0
        for size in (1, 5, 1, 200, 3):
            answer = self.append(topic, [event(id=str(seen + i)) for i in range(size)])
            self.assertEqual([(r.topic, r.partition, r.first_offset, r.count)
                              for r in answer.ranges], [(topic, 0, seen, size)])
            seen += size
        found = self.read(topic)
        self.assertEqual([one.offset for one in found], list(range(seen)))
        self.assertEqual([one.event.id for one in found], [str(i) for i in range(seen)])

    def test_every_field_comes_back_as_it_was_sent(self):
        topic = self.new_topic()
        sent = hr_events(500)
        sent.append(pb.Event(type="t" * 200, id="i" * 256, source="s" * 1024, key="k" * 1024,
                             content_type="c" * 256,
                             attributes={f"a{n:02}": "v" * 4096 for n in range(64)}))
        sent.append(pb.Event(type="é\U0001f642", key="schlüssel", data=bytes(range(256))))
        for start in range(0, len(sent), 97):
            self.append(topic, sent[start:start + 97])
        self.assertEqual([one.event for one in self.read(topic)], sent)

    def test_promise_read_your_writes(self):
        topic = self.new_topic(partitions=4)
        for i in range(50):
            answer = self.append(topic, [event(id=str(i), key=f"k{i}", type=f"type.{i}")])
            place = (answer.ranges[0].partition, answer.ranges[0].first_offset)
            for filter in (None, pb.Filter(types=[f"type.{i}"]), pb.Filter(keys=[f"k{i}"])):
                found = self.read(topic, filter=filter, start=pb.Start(last_n=1))
                self.assertIn((place, str(i)), [(one.place, one.event.id) for one in found])

    def test_key_routes_as_kafkas_default_partitioner(self):
        keys = ["21", "foobar", "a-little-bit-long-string", "a-little-bit-longer-string",
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", "abc", "abcd", "abcde", "a",
                "schlüssel", "\U0001f511"] + [f"employee-{n}" for n in range(10001, 10301)]
        for partitions in (1, 2, 7, 8, 64):
            topic = self.new_topic(partitions=partitions)
            self.append(topic, [event(key=key) for key in keys])
            found = self.read(topic)
            self.assertEqual(len(found), len(keys))
            self.assertEqual({one.event.key: one.partition for one in found},
                             {key: partition_of_key(key, partitions) for key in keys})

    def test_promise_ordered_events_of_a_key_within_and_over_requests(self):
        topic = self.new_topic(partitions=8)
        sent = hr_events(1200, seed=5, keys=30)
        for start in range(0, len(sent), 83):
            self.append(topic, sent[start:start + 83])
        found = self.read(topic)
        self.assertEqual(by_key(one.event for one in found), by_key(sent))
        for events in by_partition(found).values():
            self.assertEqual([one.offset for one in events], list(range(len(events))))

    def test_keyless_events_spread_by_request(self):
        topic = self.new_topic(partitions=4)
        for i in range(40):
            answer = self.append(topic, [event(id=f"{i}-{n}") for n in range(3)])
            self.assertEqual(len(answer.ranges), 1, "a keyless request goes to one partition")
        ends = self.ends(topic)
        self.assertEqual(sum(ends.values()), 120)
        self.assertTrue(all(end > 0 for end in ends.values()), f"left one out: {ends}")

    def test_explicit_partition_wins_over_keys(self):
        topic = self.new_topic(partitions=3)
        for partition in (2, 0):
            answer = self.append(topic, [event(key=f"k{n}") for n in range(9)], partition=partition)
            self.assertEqual([(r.partition, r.count) for r in answer.ranges], [(partition, 9)])
        self.assertEqual(self.ends(topic), {0: 9, 1: 0, 2: 9})

    def test_ranges_are_by_partition_and_name_every_event(self):
        topic = self.new_topic(partitions=8)
        before = self.ends(topic)
        answer = self.append(topic, [event(key=f"k{n}") for n in range(100)])
        partitions = [r.partition for r in answer.ranges]
        self.assertEqual(partitions, sorted(set(partitions)))
        self.assertEqual(sum(r.count for r in answer.ranges), 100)
        after = self.ends(topic)
        for r in answer.ranges:
            self.assertEqual((r.first_offset, r.first_offset + r.count),
                             (before[r.partition], after[r.partition]))

    def test_answer_says_when_and_where(self):
        topic = self.new_topic(partitions=2)
        last = None
        for _ in range(20):
            answer = self.append(topic, [event(key="a"), event(key="b"), event(key="c")])
            self.assertFalse(answer.duplicate)
            self.assertEqual(answer.durability, pb.DURABILITY_SYNCED)
            if last is not None:
                self.assertGreater(answer.position, last.position)
                self.assertGreaterEqual(answer.append_time.ToNanoseconds(),
                                        last.append_time.ToNanoseconds())
            last = answer
        newest = self.read(topic, start=pb.Start(last_n=1))
        self.assertEqual({one.append_time.ToNanoseconds() for one in newest},
                         {last.append_time.ToNanoseconds()})

    def test_positions_order_the_batches_of_all_topics(self):
        topics = [self.new_topic(partitions=2) for _ in range(3)]
        for i in range(30):
            self.append(topics[i % 3], [event(key=str(i))])
        batches = [response.batch for topic in topics for response in self.responses(topic)
                   if response.HasField("batch")]
        positions = [batch.position for batch in batches]
        self.assertEqual(len(set(positions)), len(positions))
        for topic in topics:
            for partition in (0, 1):
                mine = [b.position for b in batches if (b.topic, b.partition) == (topic, partition)]
                self.assertEqual(mine, sorted(mine))

    def test_promise_ordered_and_dense_with_many_writers(self):
        topic = self.new_topic(partitions=2)
        answers, failures = [], []

        def write(writer):
            try:
                for i in range(40):
                    made = [event(id=f"{writer}-{i}-{n}") for n in range(3)]
                    answers.append((made, self.append(topic, made, partition=writer % 2)))
            except Exception as error:  # The test's own thread reports it.
                failures.append(error)

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        found = {one.place: one.event for one in self.read(topic)}
        self.assertEqual(self.ends(topic), {0: 480, 1: 480})
        self.assertEqual(set(found), {(p, o) for p in (0, 1) for o in range(480)})
        for made, answer in answers:
            (placed,) = answer.ranges
            self.assertEqual([found[placed.partition, placed.first_offset + i] for i in range(3)],
                             made)

    def test_event_of_the_largest_size(self):
        limit = self.server.operations.GetServerInfo(pb.GetServerInfoRequest()).limits
        largest = event(id="large", data=b"")
        largest.data = b"x" * (limit.event_bytes_max - largest.ByteSize() - 4)
        self.assertEqual(largest.ByteSize(), limit.event_bytes_max)
        topic = self.new_topic()
        self.append(topic, [event(id="before"), largest, event(id="after")])
        self.assertEqual([one.event.id for one in self.read(topic)], ["before", "large", "after"])
        self.assertEqual(self.read(topic)[1].event, largest)

    def test_unknown_fields_of_an_event_are_kept(self):
        topic = self.new_topic()
        newer = event(id="newer").SerializeToString() + b"\xfa\x3f\x03abc"  # Field 1023.
        self.append(topic, [pb.Event.FromString(newer)])
        self.assertIn(b"\xfa\x3f\x03abc", self.read(topic)[0].event.SerializeToString())


if __name__ == "__main__":
    main()
