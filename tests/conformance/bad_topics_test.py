"""Bad requests about topics: what each gets, and that no topic is made or changed."""

from google.protobuf import field_mask_pb2, timestamp_pb2

from support.case import ServerCase, main
from support.events import event
from support.stubs import pb


class BadTopics(ServerCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = cls.new_topic(partitions=3, description="as it was")
        cls.append(cls.topic, [event()], partition=0)

    def refused(self, method, request, code, reason, field=None, **metadata):
        def topic():
            return self.server.topics.GetTopic(pb.GetTopicRequest(name=self.topic))
        before = topic()
        with self.nothing_written(self.topic):
            details = self.assert_refused(lambda: getattr(self.server.topics, method)(request),
                                          code, reason, field, **metadata)
        self.assertEqual(topic(), before)
        return details

    def create(self, code, reason, field=None, name="new", config=None, **metadata):
        return self.refused("CreateTopic", pb.CreateTopicRequest(name=name, config=config),
                            code, reason, field, **metadata)

    def update(self, code, reason, field, *paths, config=None):
        self.refused("UpdateTopic", pb.UpdateTopicRequest(
            name=self.topic, config=config, update_mask=field_mask_pb2.FieldMask(paths=paths)),
            code, reason, field)

    def test_existing_topic(self):
        for config in (None, pb.TopicConfig(partitions=3), pb.TopicConfig(partitions=9)):
            details = self.create("ALREADY_EXISTS", "TOPIC_EXISTS", name=self.topic, config=config,
                                  topic=self.topic)
            self.assertIn(self.topic, details.message)

    def test_unknown_topic(self):
        mask = field_mask_pb2.FieldMask(paths=["description"])
        for method, request in (("GetTopic", pb.GetTopicRequest(name="nowhere")),
                                ("DeleteTopic", pb.DeleteTopicRequest(name="nowhere")),
                                ("GetWatermarks", pb.GetWatermarksRequest(topic="nowhere")),
                                ("UpdateTopic", pb.UpdateTopicRequest(name="nowhere",
                                                                      update_mask=mask))):
            with self.subTest(method=method):
                details = self.refused(method, request, "NOT_FOUND", "TOPIC_NOT_FOUND",
                                       topic="nowhere")
                self.assertIn("nowhere", details.message)

    def test_bad_names_in_every_call(self):
        mask = field_mask_pb2.FieldMask(paths=["description"])
        calls = [("CreateTopic", "name", lambda n: pb.CreateTopicRequest(name=n)),
                 ("GetTopic", "name", lambda n: pb.GetTopicRequest(name=n)),
                 ("DeleteTopic", "name", lambda n: pb.DeleteTopicRequest(name=n)),
                 ("UpdateTopic", "name", lambda n: pb.UpdateTopicRequest(name=n, update_mask=mask)),
                 ("GetWatermarks", "topic", lambda n: pb.GetWatermarksRequest(topic=n))]
        for method, field, make in calls:
            with self.subTest(method=method):
                self.refused(method, make(""), "INVALID_ARGUMENT", "INVALID_FIELD", field)
                for name in ("a b", "a/b", "ä", "a\x00", ".", "..", "hr:1", "a*"):
                    self.refused(method, make(name), "INVALID_ARGUMENT", "INVALID_NAME", field)
                self.refused(method, make("n" * 201), "INVALID_ARGUMENT", "LIMIT_EXCEEDED", field,
                             limit_name="name_bytes_max", limit=200, value=201)

    def test_reserved_names(self):
        for name in ("tidemark.", "tidemark.receipts"):
            self.create("INVALID_ARGUMENT", "RESERVED_NAME", "name", name=name)

    def test_partition_counts(self):
        self.create("INVALID_ARGUMENT", "INVALID_FIELD", "config.partitions",
                    config=pb.TopicConfig(partitions=0))
        for count in (10_001, 2**32 - 1):
            self.create("INVALID_ARGUMENT", "LIMIT_EXCEEDED", "config.partitions",
                        config=pb.TopicConfig(partitions=count), limit_name="topic_partitions_max",
                        limit=10_000, value=count)

    def test_unknown_enum_values(self):
        for name in ("durability", "compression"):
            for value in (99, -1):
                config = pb.TopicConfig(**{name: value})
                self.create("INVALID_ARGUMENT", "UNKNOWN_ENUM_VALUE", f"config.{name}",
                            config=config)
                self.update("INVALID_ARGUMENT", "UNKNOWN_ENUM_VALUE", f"config.{name}", name,
                            config=config)

    def test_description(self):
        self.create("INVALID_ARGUMENT", "LIMIT_EXCEEDED", "config.description",
                    config=pb.TopicConfig(description="d" * 1025),
                    limit_name="description_bytes_max", limit=1024, value=1025)

    def test_update_masks(self):
        self.update("INVALID_ARGUMENT", "INVALID_FIELD", "update_mask")
        config = pb.TopicConfig(description="changed", partitions=4)
        for path in ("partitions", "no_such", "config.description", "", "name", "Description"):
            with self.subTest(path=path):
                self.update("INVALID_ARGUMENT", "INVALID_FIELD", "update_mask", "description", path,
                            config=config)

    def test_pages(self):
        request = pb.ListTopicsRequest(page_size=1001)
        self.refused("ListTopics", request, "INVALID_ARGUMENT", "LIMIT_EXCEEDED", "page_size",
                     limit_name="page_size_max", limit=1000, value=1001)
        for token in ("nonsense", "*", "AAAA"):
            self.refused("ListTopics", pb.ListTopicsRequest(page_token=token), "INVALID_ARGUMENT",
                         "INVALID_FIELD", "page_token")

    def test_watermarks(self):
        self.refused("GetWatermarks", pb.GetWatermarksRequest(topic=self.topic, partitions=[3]),
                     "OUT_OF_RANGE", "PARTITION_OUT_OF_RANGE", "partitions", value=3, partitions=3)
        self.refused("GetWatermarks", pb.GetWatermarksRequest(
            topic=self.topic, time=timestamp_pb2.Timestamp(nanos=-1)),
            "INVALID_ARGUMENT", "INVALID_FIELD", "time")

    def test_more_partitions_than_the_store_takes(self):
        info = self.server.operations.GetServerInfo(pb.GetServerInfoRequest())
        limit = info.limits.partitions_max
        made = [self.new_topic(partitions=10_000) for _ in range(limit // 10_000 - 1)]
        try:
            self.create("RESOURCE_EXHAUSTED", "PARTITIONS_EXHAUSTED",
                        config=pb.TopicConfig(partitions=10_000), limit_name="partitions_max",
                        limit=limit, value=limit + 3)
        finally:
            for name in made:
                self.server.topics.DeleteTopic(pb.DeleteTopicRequest(name=name))


if __name__ == "__main__":
    main()
