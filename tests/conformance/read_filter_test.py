"""Filters of Read: types, prefixes, keys, both, and how they go with starts and limits."""

from support.case import ServerCase, main
from support.events import by_partition, hr_events, offsets_of, stored
from support.stubs import pb


class Filters(ServerCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = cls.new_topic(partitions=3)
        cls.sent = hr_events(900, seed=21)
        for start in range(0, 900, 50):
            cls.append(cls.topic, cls.sent[start:start + 50])
        cls.everything = cls.read(cls.topic)

    def check(self, wanted, filter, **request):
        responses = self.responses(self.topic, filter=filter, **request)
        found = stored(responses)
        self.assertEqual(
            {p: [(one.offset, one.event) for one in events]
             for p, events in by_partition(found).items()},
            {p: [(one.offset, one.event) for one in events]
             for p, events in by_partition(o for o in self.everything if wanted(o.event)).items()})
        return responses

    def test_exact_types(self):
        self.check(lambda e: e.type == "salary.changed", pb.Filter(types=["salary.changed"]))
        self.check(lambda e: e.type in ("salary.changed", "title.changed"),
                   pb.Filter(types=["title.changed", "salary.changed", "no.such"]))
        self.check(lambda e: False, pb.Filter(types=["salary.change"]))
        self.check(lambda e: False, pb.Filter(types=["Salary.changed"]))

    def test_type_prefixes(self):
        self.check(lambda e: e.type.startswith("department."), pb.Filter(types=["department.*"]))
        self.check(lambda e: e.type[0] in "st", pb.Filter(types=["s*", "t*"]))
        self.check(lambda e: True, pb.Filter(types=["*"]))
        self.check(lambda e: e.type == "title.changed", pb.Filter(types=["title.changed*"]))
        self.check(lambda e: e.type[0] in "es",
                   pb.Filter(types=["employee.created", "salary.*"]))

    def test_keys(self):
        self.check(lambda e: e.key == "employee-7", pb.Filter(keys=["employee-7"]))
        many = [f"employee-{n}" for n in range(0, 40, 2)]
        self.check(lambda e: e.key in many, pb.Filter(keys=many))
        self.check(lambda e: False, pb.Filter(keys=["employee-"]))
        self.check(lambda e: False, pb.Filter(keys=["*"]), )

    def test_both_lists_must_match(self):
        self.check(lambda e: e.type.startswith("sal") and e.key in ("employee-1", "employee-2"),
                   pb.Filter(types=["sal*"], keys=["employee-1", "employee-2"]))

    def test_empty_filter_matches_everything(self):
        self.check(lambda e: True, pb.Filter())

    def test_a_hundred_entries(self):
        self.check(lambda e: e.type == "title.changed",
                   pb.Filter(types=[f"no.{n}" for n in range(99)] + ["title.changed"]))

    def test_with_limits_and_cursor(self):
        filter = pb.Filter(types=["salary.changed"])
        wanted = sorted(o.place for o in self.everything if o.event.type == "salary.changed")
        found, start = [], None
        for _ in range(len(wanted) + 2):
            responses = self.responses(self.topic, filter=filter, start=start, max_events=13)
            events = stored(responses)
            self.assertLessEqual(len(events), 13)
            found += [one.place for one in events]
            start = pb.Start(after_cursor=responses[-1].checkpoint.cursor)
            if not events:
                break
        self.assertEqual(sorted(found), wanted)

    def test_last_n_counts_what_matches(self):
        for n in (1, 5, 40, 10_000):
            found = by_partition(self.read(self.topic, filter=pb.Filter(types=["title.changed"]),
                                           start=pb.Start(last_n=n)))
            for partition, events in by_partition(
                    o for o in self.everything if o.event.type == "title.changed").items():
                self.assertEqual([one.place for one in found[partition]],
                                 [one.place for one in events][-n:])
        self.assertEqual(self.read(self.topic, filter=pb.Filter(types=["no.such"]),
                                   start=pb.Start(last_n=5)), [])

    def test_with_offsets(self):
        at = pb.PartitionOffsets(offsets={0: 50, 1: 60, 2: 70})
        found = self.read(self.topic, filter=pb.Filter(types=["title.changed"]),
                          start=pb.Start(offsets=at))
        self.assertEqual(sorted(one.place for one in found),
                         sorted(o.place for o in self.everything
                                if o.event.type == "title.changed"
                                and o.offset >= at.offsets[o.partition]))

    def test_cut_batches_have_rising_offsets_and_no_checksum(self):
        for response in self.responses(self.topic, filter=pb.Filter(types=["title.changed"])):
            if not response.HasField("batch"):
                continue
            offsets = offsets_of(response.batch)
            self.assertEqual(offsets, sorted(set(offsets)))
            self.assertFalse(response.batch.HasField("events_crc32c"))

    def test_cursor_moves_past_what_does_not_match(self):
        responses = self.responses(self.topic, filter=pb.Filter(types=["no.such"]))
        cursor = pb.Start(after_cursor=responses[-1].checkpoint.cursor)
        self.assertEqual(self.read(self.topic, start=cursor), [])

    def test_without_data(self):
        found = self.read(self.topic, filter=pb.Filter(keys=["employee-3"]), without_data=True)
        wanted = [one for one in self.sent if one.key == "employee-3"]
        for got, sent in zip(found, wanted, strict=True):
            bare = type(sent)()
            bare.CopyFrom(sent)
            bare.data = b""
            self.assertEqual(got.event, bare)


if __name__ == "__main__":
    main()
