// Looking at groups and deleting them.
#include "tests/unit/groups/coordinator_fixture.h"

namespace tidemark::groups {
namespace {

using ::testing::ElementsAre;

class GroupAdminTest : public CoordinatorTest {
 protected:
  std::vector<std::string> List(const std::string& after, const std::string& prefix, size_t count,
                                bool more) {
    const absl::StatusOr<GroupPage> page = groups_->ListGroups(after, prefix, count);
    EXPECT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(page->more, more);
    std::vector<std::string> names;
    for (const GroupSummary& group : page->groups) names.push_back(group.record.name);
    return names;
  }
  std::optional<uint64_t> LagOf(const std::string& name) {
    for (const GroupLag& lag : groups_->Lag()) {
      if (lag.group == name) return lag.lag_offsets;
    }
    return std::nullopt;
  }
  // Ticks until the lag is known; the disk reads on threads of its own.
  std::optional<uint64_t> LagAfterLoading(const std::string& name) {
    for (int i = 0; i < 1'000 && !LagOf(name).has_value(); ++i) {
      groups_->Tick(clock().Now());
      WaitForDisk();
    }
    return LagOf(name);
  }
};

TEST_F(GroupAdminTest, DescribesMembersPartitionsAndLag) {
  Append("hr", 0, 10);
  clock().Advance(absl::Seconds(30));
  Append("hr", 1, 4);
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(consumer->Ack(0, 7).ok());
  clock().Advance(absl::Seconds(12));
  const absl::StatusOr<GroupDescription> group = groups_->GetGroup("payroll");
  ASSERT_TRUE(group.ok());
  ASSERT_EQ(group->members.size(), 1u);
  EXPECT_EQ(group->members[0].member_id, consumer->member->id());
  EXPECT_EQ(group->members[0].client_name, "payroll-1");
  EXPECT_EQ(group->members[0].address, "ipv4:127.0.0.1:40000");
  EXPECT_EQ(group->members[0].in_flight_events, 3u);
  ASSERT_EQ(group->partitions.size(), 4u);
  const PartitionDescription& first = group->partitions[0];
  EXPECT_EQ(first.committed, Offset(7));
  EXPECT_EQ(first.end, Offset(10));
  EXPECT_EQ(first.lag_offsets, 3u);
  EXPECT_EQ(first.lag_events, 3u);
  EXPECT_EQ(first.lag_time, absl::Seconds(42));
  EXPECT_EQ(first.owner, consumer->member->id());
  EXPECT_EQ(first.in_flight_events, 3u);
  EXPECT_EQ(group->partitions[1].committed, std::nullopt);
  EXPECT_EQ(group->partitions[1].lag_offsets, 4u);
  EXPECT_EQ(group->partitions[1].lag_time, absl::Seconds(12));
  EXPECT_EQ(group->partitions[2].lag_time, std::nullopt);
  EXPECT_EQ(group->lag_offsets, 7u);
  EXPECT_EQ(group->lag_events, 7u);
  EXPECT_EQ(group->lag_time, absl::Seconds(42));
}

TEST_F(GroupAdminTest, CountsTheLagOfAFilterInEvents) {
  const auto append = [this](std::vector<std::string> types) {
    std::vector<testing::TestEvent> events;
    for (std::string& type : types) events.push_back({.type = std::move(type)});
    ASSERT_TRUE(harness_.Append(*harness_.log().FindTopic("hr"), 0, std::move(events)).ok());
  };
  append({"a", "b", "a", "b"});
  clock().Advance(absl::Seconds(20));
  append({"b", "a"});
  append({"b"});
  JoinRequest request = Request();
  request.filter = storage::FilterSpec{.types = {"a"}};
  const ConsumerPtr consumer = Join(request);
  absl::StatusOr<GroupDescription> group = groups_->GetGroup("payroll");
  EXPECT_EQ(group->partitions[0].lag_offsets, 7u);
  EXPECT_EQ(group->partitions[0].lag_events, 3u);
  EXPECT_EQ(group->partitions[1].lag_events, 0u);
  EXPECT_EQ(group->lag_events, 3u);
  EXPECT_EQ(group->lag_time, absl::Seconds(20));
  ASSERT_TRUE(consumer->Take(0, 3, 2));
  ASSERT_TRUE(consumer->Ack(0, 3).ok());
  group = groups_->GetGroup("payroll");
  EXPECT_EQ(group->lag_events, 1u);
  EXPECT_EQ(group->lag_time, absl::ZeroDuration());  // Not that of what it leaves out.
  ASSERT_TRUE(consumer->Take(0, 6, 1));
  ASSERT_TRUE(consumer->Ack(0, 6).ok());
  group = groups_->GetGroup("payroll");
  EXPECT_EQ(group->lag_offsets, 1u);
  EXPECT_EQ(group->lag_events, 0u);
  EXPECT_EQ(group->lag_time, std::nullopt);
}

TEST_F(GroupAdminTest, TellsWhoHoldsWhatSinceWhen) {
  Append("hr", 0, 10);
  const ConsumerPtr consumer = Join();
  EXPECT_EQ(groups_->GetGroup("payroll")->last_progress, std::nullopt);
  const absl::Time begin = clock().Now();
  ASSERT_TRUE(consumer->Take(0, 4, 4));
  clock().Advance(absl::Seconds(10));
  ASSERT_TRUE(consumer->Take(0, 10, 6));
  absl::StatusOr<GroupDescription> group = groups_->GetGroup("payroll");
  EXPECT_EQ(group->members[0].oldest_unacked, begin);
  EXPECT_EQ(group->members[0].last_delivery, begin + absl::Seconds(10));
  EXPECT_EQ(group->partitions[0].oldest_unacked, begin);
  EXPECT_EQ(group->partitions[1].last_delivery, std::nullopt);
  EXPECT_EQ(group->last_progress, begin + absl::Seconds(10));
  clock().Advance(absl::Seconds(5));
  ASSERT_TRUE(consumer->Ack(0, 6).ok());
  consumer->member->Leave();
  const ConsumerPtr next = Join();
  ASSERT_TRUE(next->Take(0, 10, 4));
  group = groups_->GetGroup("payroll");
  EXPECT_EQ(group->redelivered_events, 4u);
  EXPECT_EQ(group->partitions[0].redelivered_events, 4u);
  EXPECT_EQ(group->last_progress, begin + absl::Seconds(15));
}

TEST_F(GroupAdminTest, AGroupForWhichEventsWaitIsStalledAfterAWhile) {
  Append("hr", 0, 10);
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  const auto look = [this](absl::Duration after) {
    clock().Advance(after);
    groups_->Tick(clock().Now());
    WaitForDisk();
    return groups_->Lag().front();
  };
  EXPECT_FALSE(look(absl::Seconds(1)).stalled);
  const GroupLag stalled = look(options_.stall_time);
  EXPECT_TRUE(stalled.stalled);
  EXPECT_EQ(stalled.lag_events, 10u);
  EXPECT_EQ(stalled.in_flight_events, 10u);
  EXPECT_TRUE(groups_->GetGroup("payroll")->stalled);
  ASSERT_TRUE(consumer->Ack(0, 3).ok());
  EXPECT_FALSE(look(absl::Seconds(2)).stalled);
  EXPECT_TRUE(look(options_.stall_time).stalled);
  ASSERT_TRUE(consumer->Ack(0, 10).ok());
  const GroupLag idle = look(options_.stall_time);
  EXPECT_FALSE(idle.stalled);
  EXPECT_EQ(idle.lag_events, 0u);
  Append("hr", 1, 1);  // It waits since now, not since the last ack.
  EXPECT_FALSE(look(absl::Seconds(2)).stalled);
}

TEST_F(GroupAdminTest, ListsByNameInPages) {
  for (const char* name : {"b1", "a", "b2", "c", "b3"}) {
    ASSERT_TRUE(Commit({Entry(0, 0)}, false, name).ok());
  }
  EXPECT_THAT(List("", "", 2, true), ElementsAre("a", "b1"));
  EXPECT_THAT(List("b1", "", 3, false), ElementsAre("b2", "b3", "c"));
  EXPECT_THAT(List("", "b", 2, true), ElementsAre("b1", "b2"));
  EXPECT_THAT(List("b2", "b", 2, false), ElementsAre("b3"));
  EXPECT_THAT(List("c", "b", 2, false), ElementsAre());
}

TEST_F(GroupAdminTest, SumsUpInTheList) {
  Append("hr", 0, 10);
  ASSERT_TRUE(Commit({Entry(0, 4)}).ok());
  Restart();
  const ConsumerPtr consumer = Join();
  const absl::StatusOr<GroupPage> page = groups_->ListGroups("", "", 10);
  ASSERT_EQ(page->groups.size(), 1u);
  EXPECT_EQ(page->groups[0].members, 1u);
  EXPECT_EQ(page->groups[0].lag_offsets, 6u);
}

TEST_F(GroupAdminTest, KnowsTheLagOfGroupsNobodyHasUsedSinceTheStart) {
  Append("hr", 0, 10);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(Commit({Entry(0, 4)}, false, absl::StrCat("group-", i)).ok());
  }
  Restart();
  EXPECT_EQ(groups_->Lag().size(), 40u);
  EXPECT_EQ(LagOf("group-7"), std::nullopt);  // The start has not read it.
  EXPECT_EQ(LagAfterLoading("group-7"), 6u);
  EXPECT_EQ(LagAfterLoading("group-39"), 6u);
  Append("hr", 0, 5);
  EXPECT_EQ(LagOf("group-7"), 11u);
}

TEST_F(GroupAdminTest, DeletesAGroupWithItsOffsets) {
  Append("hr", 0, 10);
  ASSERT_TRUE(Commit({Entry(0, 4)}).ok());
  ASSERT_TRUE(Delete("payroll", false).ok());
  EXPECT_TRUE(absl::IsNotFound(groups_->GetGroup("payroll").status()));
  EXPECT_TRUE(absl::IsNotFound(Delete("payroll", false)));
  Restart();
  EXPECT_EQ(List("", "", 10, false).size(), 0u);
  EXPECT_EQ(Join()->Owned(), "hr/0@0 hr/1@0 hr/2@0 hr/3@0");
}

TEST_F(GroupAdminTest, DeletesLiveMembersOnlyByForce) {
  Append("hr", 0, 10);
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  const absl::Status status = Delete("payroll", false);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(ReasonOf(status), "GROUP_HAS_MEMBERS");
  EXPECT_EQ(MetadataOf(status, "member_id"), consumer->member->id());
  ASSERT_TRUE(consumer->Ack(0, 3).ok());  // It goes on.
  ASSERT_TRUE(Delete("payroll", true).ok());
  EXPECT_TRUE(absl::IsNotFound(*consumer->closed()));
  EXPECT_FALSE(consumer->Take(1, 1, 1));
}

// An ack that comes while the group is being deleted must not leave a row behind, nor wait for
// ever.
TEST_F(GroupAdminTest, AnswersAcksThatTheDeletionOvertakes) {
  Append("hr", 0, 10);
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  const storage::GroupId id = consumer->joined.group.id;
  testing::PipelinePause pause(harness_.log());
  absl::Notification deleted;
  groups_->DeleteGroup("payroll", true, [&](absl::Status status) {
    EXPECT_TRUE(status.ok());
    deleted.Notify();
  });
  absl::Notification acked;
  consumer->member->Ack({{"hr", PartitionIndex(0), Offset(10)}},
                        [&](absl::StatusOr<AckResult> result) {
                          EXPECT_TRUE(absl::IsNotFound(result.status()));
                          acked.Notify();
                        });
  pause.Resume();
  deleted.WaitForNotification();
  acked.WaitForNotification();
  EXPECT_TRUE(harness_.log().store().ReadOffsets(id)->empty());
}

TEST_F(GroupAdminTest, KeepsTheGroupWhenItsDeletionFails) {
  const ConsumerPtr consumer = Join();
  harness_.log().Stop();
  EXPECT_TRUE(absl::IsUnavailable(Delete("payroll", true)));
  EXPECT_FALSE(consumer->closed().has_value());
  EXPECT_EQ(groups_->GetGroup("payroll")->members.size(), 1u);
}

TEST_F(GroupAdminTest, ForgetsTheLagOfADeletedTopic) {
  Append("hr", 0, 10);
  ASSERT_TRUE(Commit({Entry(0, 4)}).ok());
  EXPECT_EQ(LagAfterLoading("payroll"), 6u);
  ASSERT_TRUE(harness_.DeleteTopic("hr").ok());
  groups_->Tick(clock().Now());
  EXPECT_EQ(LagOf("payroll"), 0u);
  EXPECT_TRUE(groups_->GetGroup("payroll")->partitions.empty());
}

}  // namespace
}  // namespace tidemark::groups
