"""Topics: create, get, list, update, delete, watermarks."""

from google.protobuf import field_mask_pb2

from support.case import ServerCase, main
from support.events import event
from support.stubs import pb


class Topics(ServerCase):

    def get(self, name):
        return self.server.topics.GetTopic(pb.GetTopicRequest(name=name)).topic

    def test_a_name_is_enough(self):
        name = self.new_name("topic")
        created = self.server.topics.CreateTopic(pb.CreateTopicRequest(name=name)).topic
        self.assertEqual(created.name, name)
        self.assertEqual(created.config.partitions, 1)
        self.assertEqual(created.config.durability, pb.DURABILITY_SYNCED)
        self.assertEqual(created.config.compression, pb.COMPRESSION_NONE)
        self.assertTrue(created.config.index_keys)
        self.assertFalse(created.config.HasField("retention"))
        self.assertGreater(created.create_time.seconds, 1_600_000_000)
        self.assertEqual(created.update_time, created.create_time)
        self.assertEqual(self.get(name), created)

    def test_settings_are_kept_across_a_restart(self):
        name = self.new_topic(partitions=7, durability=pb.DURABILITY_MEMORY, index_keys=False,
                              description="für Menschen")
        before = self.get(name)
        self.assertEqual(before.config.partitions, 7)
        self.assertEqual(before.config.durability, pb.DURABILITY_MEMORY)
        self.assertFalse(before.config.index_keys)
        self.assertEqual(before.config.description, "für Menschen")
        self.server.restart()
        self.assertEqual(self.get(name), before)

    def test_compression_is_kept_changed_and_read_through(self):
        name = self.new_topic(compression=pb.COMPRESSION_ZSTD)
        sent = []
        for compression in (None, pb.COMPRESSION_LZ4, pb.COMPRESSION_NONE, pb.COMPRESSION_ZSTD):
            if compression is not None:
                self.server.topics.UpdateTopic(pb.UpdateTopicRequest(
                    name=name, config=pb.TopicConfig(compression=compression),
                    update_mask=field_mask_pb2.FieldMask(paths=["compression"])))
                self.assertEqual(self.get(name).config.compression, compression)
            for n in range(5):
                sent.append(event(id=f"{compression}-{n}", data=b"again and " * 500))
                self.append(name, [sent[-1]])
        self.server.restart()  # Now all of it is in files.
        self.assertEqual(self.get(name).config.compression, pb.COMPRESSION_ZSTD)
        self.assertEqual([one.event.id for one in self.read(name)], [one.id for one in sent])
        self.assertEqual([one.event.data for one in self.read(name)], [one.data for one in sent])

    def test_longest_name_and_every_allowed_character(self):
        for name in ("a" * 200, "AZaz09._-", "...", "-", "_"):
            self.server.topics.CreateTopic(pb.CreateTopicRequest(name=name))
            self.assertEqual(self.get(name).name, name)
            self.server.topics.DeleteTopic(pb.DeleteTopicRequest(name=name))

    def test_list_in_pages_by_name(self):
        prefix = self.new_name("page") + "-"
        names = sorted(f"{prefix}{i:02}" for i in range(25))
        for name in reversed(names):
            self.server.topics.CreateTopic(pb.CreateTopicRequest(name=name))
        pages, token = [], ""
        while True:
            page = self.server.topics.ListTopics(
                pb.ListTopicsRequest(prefix=prefix, page_size=10, page_token=token))
            pages.append([topic.name for topic in page.topics])
            token = page.next_page_token
            if not token:
                break
        self.assertEqual([len(page) for page in pages], [10, 10, 5])
        self.assertEqual(sum(pages, []), names)
        whole = self.server.topics.ListTopics(pb.ListTopicsRequest(prefix=prefix, page_size=25))
        self.assertEqual([topic.name for topic in whole.topics], names)
        self.assertEqual(whole.next_page_token, "")

    def test_update_changes_what_the_mask_names(self):
        name = self.new_topic(partitions=2, description="before")
        created = self.get(name)
        updated = self.server.topics.UpdateTopic(pb.UpdateTopicRequest(
            name=name, config=pb.TopicConfig(description="after", durability=pb.DURABILITY_MEMORY),
            update_mask=field_mask_pb2.FieldMask(paths=["description"]))).topic
        self.assertEqual(updated.config.description, "after")
        self.assertEqual(updated.config.durability, pb.DURABILITY_SYNCED)
        self.assertEqual(updated.config.partitions, 2)
        self.assertEqual((updated.id, updated.create_time), (created.id, created.create_time))
        self.assertGreater(updated.update_time.ToNanoseconds(), created.update_time.ToNanoseconds())
        self.assertEqual(self.get(name), updated)
        # A masked field that is unset gets its default.
        again = self.server.topics.UpdateTopic(pb.UpdateTopicRequest(
            name=name, update_mask=field_mask_pb2.FieldMask(paths=["description"]))).topic
        self.assertEqual(again.config.description, "")

    def test_durability_of_a_topic_is_in_every_answer(self):
        name = self.new_topic()
        self.assertEqual(self.append(name, [event()]).durability, pb.DURABILITY_SYNCED)
        self.server.topics.UpdateTopic(pb.UpdateTopicRequest(
            name=name, config=pb.TopicConfig(durability=pb.DURABILITY_MEMORY),
            update_mask=field_mask_pb2.FieldMask(paths=["durability"])))
        self.assertEqual(self.append(name, [event()]).durability, pb.DURABILITY_MEMORY)

    def test_deleted_topic_is_gone_and_its_name_is_free(self):
        name = self.new_topic(partitions=3)
        first = self.get(name)
        self.append(name, [event(key=str(i)) for i in range(20)])
        self.server.topics.DeleteTopic(pb.DeleteTopicRequest(name=name))
        for call in (lambda: self.get(name), lambda: self.ends(name), lambda: self.read(name),
                     lambda: self.append(name, [event()])):
            self.assert_refused(call, "NOT_FOUND", "TOPIC_NOT_FOUND", topic=name)
        self.assertNotIn(name, self.topic_names())
        again = self.server.topics.CreateTopic(pb.CreateTopicRequest(name=name)).topic
        self.assertNotEqual(again.id, first.id)
        self.assertEqual(self.ends(name), {0: 0})
        self.assertEqual(self.read(name), [])


class Watermarks(ServerCase):

    def test_of_all_and_of_some_partitions(self):
        topic = self.new_topic(partitions=3)
        self.assertEqual(self.ends(topic), {0: 0, 1: 0, 2: 0})
        self.append(topic, [event()] * 4, partition=1)
        self.append(topic, [event()], partition=2)
        self.assertEqual(self.ends(topic), {0: 0, 1: 4, 2: 1})
        some = self.server.topics.GetWatermarks(
            pb.GetWatermarksRequest(topic=topic, partitions=[2, 1])).partitions
        self.assertEqual({m.partition: (m.start_offset, m.end_offset) for m in some},
                         {1: (0, 4), 2: (0, 1)})
        self.assertFalse(any(m.HasField("time_offset") for m in some))

    def test_at_a_time(self):
        topic = self.new_topic()
        times = [self.append(topic, [event()] * 2).append_time for _ in range(5)]

        def offset_at(time):
            request = pb.GetWatermarksRequest(topic=topic, time=time)
            return self.server.topics.GetWatermarks(request).partitions[0].time_offset

        for i, time in enumerate(times):
            self.assertEqual(offset_at(time), 2 * i)
            later = type(time)()
            later.FromNanoseconds(time.ToNanoseconds() + 1)
            self.assertEqual(offset_at(later), 2 * (i + 1), "the first at or after, not before")
        self.assertEqual(offset_at(type(times[0])(seconds=-62135596800)), 0)
        self.assertEqual(offset_at(type(times[0])(seconds=253402300799)), 10)


if __name__ == "__main__":
    main()
