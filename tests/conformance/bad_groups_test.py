"""Bad requests about groups and on a Consume stream: what each gets, and that nothing changes."""

import grpc

from google.protobuf import duration_pb2

from support.case import ServerCase, main
from support.consumer import Member
from support.events import event
from support.server import PATIENCE_S
from support.stubs import pb


class BadGroups(ServerCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = cls.new_topic(partitions=2)
        cls.append(cls.topic, [event()] * 10, partition=0)

    def group_names(self):
        groups = self.server.groups.ListGroups(pb.ListGroupsRequest(page_size=1000)).groups
        return [group.config.name for group in groups]

    def join_refused(self, code, reason, field=None, metadata=None, **join):
        join = {"group": "new", "topics": [self.topic], **join}
        before = self.group_names()
        member = Member(self.server.groups, join.pop("group"), join.pop("topics"), **join)
        member.until_ended()
        self.assertIsNotNone(member.error, "the stream ended with OK")
        self.check_details(member.error, code, reason, field, metadata)
        self.assertEqual(self.group_names(), before)
        self.assertEqual(member.messages, [])
        return member.error

    def said(self, code, reason, field=None, metadata=None, **message):
        """What a joined member gets for a bad message."""
        group = self.new_name("group")
        member = Member(self.server.groups, group, [self.topic]).until_events(10)
        member.say(**message)
        member.until_ended()
        self.assertIsNotNone(member.error, "the stream ended with OK")
        self.check_details(member.error, code, reason, field, metadata)
        offsets = self.server.groups.GetOffsets(pb.GetOffsetsRequest(group=group)).offsets
        self.assertEqual([at.offset for at in offsets if at.offset], [])

    def test_bad_names_in_every_call(self):
        calls = [("GetGroup", pb.GetGroupRequest), ("GetOffsets", pb.GetOffsetsRequest),
                 ("DeleteGroup", pb.DeleteGroupRequest),
                 ("CommitOffsets", lambda group: pb.CommitOffsetsRequest(
                     group=group, offsets=[pb.OffsetToCommit(topic=self.topic)]))]
        for method, make in calls:
            call = getattr(self.server.groups, method)
            with self.subTest(method=method):
                self.assert_refused(lambda: call(make(group="")), "INVALID_ARGUMENT",
                                    "INVALID_FIELD", "group")
                self.assert_refused(lambda: call(make(group="a b")), "INVALID_ARGUMENT",
                                    "INVALID_NAME", "group")
                self.assert_refused(lambda: call(make(group="g" * 201)), "INVALID_ARGUMENT",
                                    "LIMIT_EXCEEDED", "group", limit_name="name_bytes_max",
                                    limit=200, value=201)
                if method != "CommitOffsets":
                    self.assert_refused(lambda: call(make(group="nobody")), "NOT_FOUND",
                                        "GROUP_NOT_FOUND", group="nobody")

    def test_unknown_topic_of_get_offsets(self):
        self.server.groups.CommitOffsets(pb.CommitOffsetsRequest(
            group="known", offsets=[pb.OffsetToCommit(topic=self.topic)]))
        self.assert_refused(lambda: self.server.groups.GetOffsets(
            pb.GetOffsetsRequest(group="known", topics=["nowhere"])), "NOT_FOUND",
            "TOPIC_NOT_FOUND", topic="nowhere")

    def test_pages(self):
        self.assert_over_limit(lambda: self.server.groups.ListGroups(
            pb.ListGroupsRequest(page_size=1001)), "page_size", "page_size_max", 1000, 1001)
        self.assert_refused(lambda: self.server.groups.ListGroups(
            pb.ListGroupsRequest(page_token="nonsense")), "INVALID_ARGUMENT", "INVALID_FIELD",
            "page_token")

    def test_join_names(self):
        self.join_refused("INVALID_ARGUMENT", "INVALID_FIELD", "join.group", group="")
        self.join_refused("INVALID_ARGUMENT", "INVALID_NAME", "join.group", group="a/b")
        self.join_refused("INVALID_ARGUMENT", "INVALID_NAME", "join.topics[1]",
                          topics=[self.topic, "a b"])
        self.join_refused("INVALID_ARGUMENT", "INVALID_FIELD", "join.topics", topics=[])
        self.join_refused("INVALID_ARGUMENT", "LIMIT_EXCEEDED", "join.topics",
                          {"limit": 100, "value": 101}, topics=[f"t{n}" for n in range(101)])
        self.join_refused("NOT_FOUND", "TOPIC_NOT_FOUND", None, {"topic": "nowhere"},
                          topics=[self.topic, "nowhere"])
        self.join_refused("INVALID_ARGUMENT", "LIMIT_EXCEEDED", "join.client_name",
                          {"limit": 200, "value": 201}, client_name="c" * 201)
        self.join_refused("INVALID_ARGUMENT", "INVALID_FIELD", "join.client_name",
                          client_name="a\n")

    def test_join_settings(self):
        self.join_refused("INVALID_ARGUMENT", "UNKNOWN_ENUM_VALUE", "join.mode", mode=99)
        for start in (pb.Start(last_n=1), pb.Start(offsets=pb.PartitionOffsets()),
                      pb.Start(after_cursor="x")):
            self.join_refused("INVALID_ARGUMENT", "INVALID_FIELD", "join.start", start=start)
        self.join_refused("INVALID_ARGUMENT", "INVALID_FIELD", "join.filter.types[0]",
                          filter=pb.Filter(types=[""]))
        zero = duration_pb2.Duration()
        for field, value in (("initial_backoff", zero), ("max_backoff", zero),
                             ("backoff_factor", 0.5), ("backoff_factor", float("nan")),
                             ("max_attempts", 0), ("lease", zero),
                             ("lease", duration_pb2.Duration(nanos=1000)),
                             ("lease", duration_pb2.Duration(seconds=43201))):
            self.join_refused("INVALID_ARGUMENT", "INVALID_FIELD", f"join.retry_policy.{field}",
                              retry_policy=pb.RetryPolicy(**{field: value}))

    def test_join_with_other_settings(self):
        group = self.new_name("group")
        other = self.new_topic()
        first = Member(self.server.groups, group, [self.topic],
                       filter=pb.Filter(types=["a", "b"])).until(lambda m: m.joined, "joined")
        self.addCleanup(first.close)
        cases = [("topics", {"topics": [other]}), ("topics", {"topics": [self.topic, other]}),
                 ("filter", {"filter": pb.Filter(types=["a"])}),
                 ("retry_policy", {"retry_policy": pb.RetryPolicy(max_attempts=3)}),
                 ("topics,filter", {"topics": [other], "filter": pb.Filter(keys=["k"])})]
        for differs, join in cases:
            details = self.join_refused("FAILED_PRECONDITION", "GROUP_SETTINGS_DIFFER", None,
                                        {"group": group, "differs": differs}, group=group, **join)
            self.assertEqual([v.subject for v in details.preconditions], differs.split(","))
        same = Member(self.server.groups, group, [self.topic], filter=pb.Filter(types=["b", "a"]))
        same.until(lambda m: m.joined, "joined with the same settings").close()

    def test_first_message_must_be_join(self):
        for message in ({"credits": pb.Credits(events=1)}, {"leave": pb.Leave()}, {}):
            call = self.server.groups.Consume(iter([pb.ConsumeRequest(**message)]),
                                              timeout=PATIENCE_S)
            self.assert_refused(lambda: call, "INVALID_ARGUMENT", "INVALID_FIELD", "join")

    def test_stream_without_a_message_ends_with_ok(self):
        call = self.server.groups.Consume(iter([]), timeout=PATIENCE_S)
        self.assertEqual(list(call), [])
        self.assertEqual(call.code(), grpc.StatusCode.OK)

    def test_bad_messages_of_a_member(self):
        event_id = pb.EventId(topic=self.topic, partition=0, offset=0)
        differs = {"code": "FAILED_PRECONDITION", "reason": "GROUP_MODE_DIFFERS"}
        self.said(**differs, metadata={"message": "nack"}, nack=pb.Nack(ids=[event_id]))
        self.said(**differs, metadata={"message": "extend"},
                  extend=pb.Extend(ids=[event_id], lease=duration_pb2.Duration(seconds=1)))
        self.said(**differs, metadata={"message": "ack.ids"},
                  ack=pb.Ack(ids=pb.AckIds(ids=[event_id])))
        bad = {"code": "INVALID_ARGUMENT"}
        self.said(**bad, reason="INVALID_FIELD", field="join",
                  join=pb.Join(group="g", topics=[self.topic]))
        self.said(**bad, reason="INVALID_FIELD", field="message")
        self.said(**bad, reason="INVALID_FIELD", field="ack.up_to.offsets", ack=pb.Ack())
        self.said(**bad, reason="INVALID_FIELD", field="ack.up_to.offsets",
                  ack=pb.Ack(up_to=pb.AckUpTo()))
        self.said(**bad, reason="INVALID_NAME", field="ack.up_to.offsets[1].topic",
                  ack=pb.Ack(up_to=pb.AckUpTo(offsets=[
                      pb.TopicPartitionOffset(topic=self.topic, partition=0, offset=1),
                      pb.TopicPartitionOffset(topic="a b")])))
        self.said(**bad, reason="INVALID_FIELD", field="release.partitions", release=pb.Release())


if __name__ == "__main__":
    main()
