"""ListEventTypes and GetKey: exact at the moment of the answer, wherever the index is."""

import collections

from support.case import ServerCase, main
from support.events import event, hr_events
from support.stubs import pb


class Figures(ServerCase):
    """Small segments: most of the index is on disk, some in memory, and it moves meanwhile."""

    FLAGS = ("--index-segment-events=64", "--index-open-bytes-max=256KiB")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = cls.new_topic(partitions=4)
        cls.sent = hr_events(1500, seed=5)
        for start in range(0, 1500, 25):
            cls.append(cls.topic, cls.sent[start:start + 25])
        cls.everything = cls.read(cls.topic)

    def types(self, topic, **more):
        return self.server.topics.ListEventTypes(pb.ListEventTypesRequest(topic=topic, **more))

    def key(self, topic, key):
        return self.server.topics.GetKey(pb.GetKeyRequest(topic=topic, key=key))

    def check_types(self):
        counts = collections.Counter(one.event.type for one in self.everything)
        listed = self.types(self.topic).types
        self.assertEqual([(one.type, one.count) for one in listed], sorted(counts.items()))
        for info in listed:
            times = [(one.append_time.seconds, one.append_time.nanos)
                     for one in self.everything if one.event.type == info.type]
            self.assertEqual((info.first_time.seconds, info.first_time.nanos), min(times))
            self.assertEqual((info.last_time.seconds, info.last_time.nanos), max(times))

    def check_keys(self):
        events = collections.defaultdict(list)
        for one in self.everything:
            events[one.event.key].append(one)
        for key, found in events.items():
            answer = self.key(self.topic, key)
            self.assertEqual(
                (answer.partition, answer.revision, answer.first_offset, answer.last_offset),
                (found[0].partition, len(found) - 1, found[0].offset, found[-1].offset))

    def test_types_are_counted(self):
        self.check_types()

    def test_keys_are_counted(self):
        self.check_keys()

    def test_both_after_a_restart(self):
        self.server.restart()
        self.check_types()
        self.check_keys()

    def test_both_after_a_kill(self):
        self.server.kill()
        self.server.start()
        self.check_types()
        self.check_keys()

    def test_filters_find_the_same_as_reading_everything(self):
        for filter, wanted in [
                (pb.Filter(keys=["employee-7"]), lambda e: e.key == "employee-7"),
                (pb.Filter(types=["salary.changed"], keys=["employee-1", "employee-2"]),
                 lambda e: e.type == "salary.changed" and e.key in ("employee-1", "employee-2")),
                (pb.Filter(types=["title.*"]), lambda e: e.type.startswith("title."))]:
            expected = sorted(one.place for one in self.everything if wanted(one.event))
            found = sorted(one.place for one in self.read(self.topic, filter=filter))
            self.assertEqual(found, expected)

    def from_revision(self, topic, key, revision, **more):
        return self.read(topic, filter=pb.Filter(keys=[key]), start=pb.Start(revision=revision),
                         **more)

    def test_a_key_is_read_from_a_revision_on(self):
        events = collections.defaultdict(list)
        for one in self.everything:
            events[one.event.key].append(one.place)
        for key in sorted(events)[:40]:
            places = events[key]
            for revision in {0, len(places) // 3, len(places) - 1}:
                found = [one.place for one in self.from_revision(self.topic, key, revision)]
                self.assertEqual(found, places[revision:], (key, revision))
                back = [one.place for one in self.from_revision(
                    self.topic, key, revision, direction=pb.DIRECTION_BACKWARD, max_events=3)]
                self.assertEqual(back, places[revision::-1][:3], (key, revision))
            self.assertEqual(self.from_revision(self.topic, key, len(places)), [])
            details = self.assert_refused(
                lambda: self.from_revision(self.topic, key, len(places) + 1),
                "OUT_OF_RANGE", "REVISION_OUT_OF_RANGE", "start.revision", key=key)
            self.assertIn(f"its newest is {len(places) - 1}", details.message)

    def test_a_revision_needs_one_key(self):
        read = lambda **more: self.read(self.topic, start=pb.Start(revision=0), **more)
        for keys in ([], ["a", "b"]):
            self.assert_refused(lambda: read(filter=pb.Filter(keys=keys)), "INVALID_ARGUMENT",
                                "INVALID_FIELD", "start.revision")
        key = self.everything[0].event.key
        home = self.everything[0].partition
        self.assertEqual(read(filter=pb.Filter(keys=[key]), partitions=[home], max_events=1)[0].place,
                         self.everything[0].place)
        others = [p for p in range(4) if p != home]
        self.assert_refused(lambda: read(filter=pb.Filter(keys=[key]), partitions=others),
                            "INVALID_ARGUMENT", "INVALID_FIELD", "start.revision")
        self.assert_refused(lambda: read(filter=pb.Filter(keys=["nobody"]),
                                         direction=pb.DIRECTION_BACKWARD), "OUT_OF_RANGE",
                            "REVISION_OUT_OF_RANGE", "start.revision")

    def test_each_answer_includes_what_was_just_appended(self):
        topic = self.new_topic(partitions=3)
        for i in range(150):
            self.append(topic, [event(type=f"t{i % 5}", key="k"), event(type="other", key="j")])
            self.assertEqual(self.key(topic, "k").revision, i)
            listed = {one.type: one.count for one in self.types(topic).types}
            self.assertEqual(listed[f"t{i % 5}"], i // 5 + 1)
            self.assertEqual(listed["other"], i + 1)

    def test_types_in_pages(self):
        topic = self.new_topic(partitions=3)
        names = sorted(f"type-{i}" for i in range(57))
        for name in names:
            self.append(topic, [event(type=name, key=f"{name}/{i}") for i in range(3)])
        pages, token = [], ""
        while True:
            page = self.types(topic, page_size=20, page_token=token)
            pages.append([one.type for one in page.types])
            self.assertTrue(all(one.count == 3 for one in page.types))
            token = page.next_page_token
            if not token:
                break
        self.assertEqual([len(page) for page in pages], [20, 20, 17])
        self.assertEqual(sum(pages, []), names)

    def test_an_empty_topic_has_neither(self):
        topic = self.new_topic()
        self.assertEqual(list(self.types(topic).types), [])
        self.assert_refused(lambda: self.key(topic, "k"), "NOT_FOUND", "KEY_NOT_FOUND", key="k")

    def test_a_topic_of_the_same_name_begins_anew(self):
        topic = self.new_topic()
        self.append(topic, [event(key="k")])
        self.server.topics.DeleteTopic(pb.DeleteTopicRequest(name=topic))
        self.assert_refused(lambda: self.types(topic), "NOT_FOUND", "TOPIC_NOT_FOUND")
        self.server.topics.CreateTopic(pb.CreateTopicRequest(name=topic))
        self.assertEqual(list(self.types(topic).types), [])
        self.assert_refused(lambda: self.key(topic, "k"), "NOT_FOUND", "KEY_NOT_FOUND")

    def test_without_a_key_index(self):
        topic = self.new_topic(index_keys=False)
        self.append(topic, [event(key="k"), event(key="j"), event(key="k", type="x")])
        self.assert_refused(lambda: self.key(topic, "k"), "FAILED_PRECONDITION",
                            "KEYS_NOT_INDEXED", topic=topic)
        self.assert_refused(lambda: self.from_revision(topic, "k", 0), "FAILED_PRECONDITION",
                            "KEYS_NOT_INDEXED", topic=topic)
        self.assertEqual([one.offset for one in self.read(topic, filter=pb.Filter(keys=["k"]))],
                         [0, 2])
        self.assertEqual([(one.type, one.count) for one in self.types(topic).types],
                         [("employee.created", 2), ("x", 1)])

    def test_bad_requests(self):
        topic = self.new_topic()
        self.assert_refused(lambda: self.types("no-such"), "NOT_FOUND", "TOPIC_NOT_FOUND")
        self.assert_refused(lambda: self.types(""), "INVALID_ARGUMENT", "INVALID_FIELD", "topic")
        self.assert_refused(lambda: self.types(topic, page_token="?"), "INVALID_ARGUMENT",
                            "INVALID_FIELD", "page_token")
        self.assert_over_limit(lambda: self.types(topic, page_size=1001), "page_size",
                               "page_size_max", 1000, 1001)
        self.assert_refused(lambda: self.key("no-such", "k"), "NOT_FOUND", "TOPIC_NOT_FOUND")
        self.assert_refused(lambda: self.key(topic, ""), "INVALID_ARGUMENT", "INVALID_FIELD", "key")
        self.assert_over_limit(lambda: self.key(topic, "k" * 1025), "key", "key_bytes_max", 1024,
                               1025)


if __name__ == "__main__":
    main()
