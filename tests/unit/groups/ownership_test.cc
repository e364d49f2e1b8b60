// Ownership: partitions move between members without being owned twice or losing an event.
#include "tests/unit/groups/coordinator_fixture.h"

namespace tidemark::groups {
namespace {

class OwnershipTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    CoordinatorTest::SetUp();
    for (uint32_t i = 0; i < 4; ++i) Append("hr", i, 10);
  }
};

TEST_F(OwnershipTest, MovesOnlyWhatMustMoveAndOnlyOnceDrained) {
  const ConsumerPtr first = Join();
  for (uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(first->Take(i, 10, 10));
  const ConsumerPtr second = Join();
  EXPECT_EQ(first->RevokedUntil(),
            std::vector<absl::Time>(2, clock().Now() + options_.revoke_timeout));
  EXPECT_EQ(second->owned(), 0u);  // Two owners would be one too many.
  EXPECT_FALSE(first->Take(2, 10, 10));
  EXPECT_TRUE(first->Take(0, 10, 10));  // The others flow on.
  ASSERT_TRUE(first->Ack(2, 9).ok());
  EXPECT_EQ(second->owned(), 0u);
  ASSERT_TRUE(first->Ack(2, 10).ok());
  EXPECT_EQ(second->Owned(), "hr/2@10");
  ASSERT_TRUE(first->Ack(3, 10).ok());
  EXPECT_EQ(second->Owned(), "hr/2@10 hr/3@10");
  EXPECT_EQ(first->Owned(), "hr/0@0 hr/1@0");
}

TEST_F(OwnershipTest, MovesIdlePartitionsAtOnce) {
  const ConsumerPtr first = Join();
  const ConsumerPtr second = Join();
  EXPECT_EQ(first->owned(), 2u);
  EXPECT_EQ(second->owned(), 2u);
}

TEST_F(OwnershipTest, DeliversUnackedEventsAgainAfterTheDeadlineAndFencesTheOldOwner) {
  const ConsumerPtr first = Join();
  for (uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(first->Take(i, 10, 10));
  ASSERT_TRUE(first->Ack(3, 4).ok());
  const ConsumerPtr second = Join();
  clock().Advance(options_.revoke_timeout - absl::Milliseconds(1));
  groups_->Tick(clock().Now());
  ASSERT_TRUE(Settle(*second));
  EXPECT_EQ(second->owned(), 0u);
  clock().Advance(absl::Milliseconds(1));
  groups_->Tick(clock().Now());
  ASSERT_TRUE(Settle(*second));
  EXPECT_EQ(second->Owned(), "hr/2@0 hr/3@4");
  const absl::StatusOr<AckResult> late = first->Ack(3, 10);
  ASSERT_TRUE(late.ok());
  ASSERT_EQ(late->rejected.size(), 1u);
  EXPECT_EQ(late->rejected[0].reason, AckRejection::kFenced);
  EXPECT_EQ(Offsets(), "hr/3@4");
}

TEST_F(OwnershipTest, ReleaseGivesARevokedPartitionBackAtOnce) {
  const ConsumerPtr first = Join();
  for (uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(first->Take(i, 10, 10));
  const ConsumerPtr second = Join();
  first->member->Release({{"hr", PartitionIndex(2)}, {"hr", PartitionIndex(0)}});
  ASSERT_TRUE(Settle(*second));
  EXPECT_EQ(second->Owned(), "hr/2@0");
  EXPECT_EQ(first->owned(), 3u);  // 0 was not revoked.
}

TEST_F(OwnershipTest, FencesLateAcksAlsoWhenThePartitionCameBack) {
  const ConsumerPtr first = Join();
  for (uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(first->Take(i, 10, 10));
  Join()->member->Leave();
  clock().Advance(options_.revoke_timeout);
  groups_->Tick(clock().Now());
  ASSERT_TRUE(Settle(*first));
  EXPECT_EQ(first->owned(), 4u);
  EXPECT_EQ(first->Ack(2, 10)->rejected.at(0).reason, AckRejection::kFenced);
  EXPECT_EQ(first->Ack(2, 11)->rejected.at(0).reason, AckRejection::kOutOfRange);
  ASSERT_TRUE(first->Take(2, 10, 10));
  EXPECT_EQ(first->Ack(2, 10)->committed.at(0).offset, Offset(10));
}

TEST_F(OwnershipTest, LeavingGivesEverythingToTheOthers) {
  const ConsumerPtr first = Join();
  const ConsumerPtr second = Join();
  ASSERT_TRUE(first->Take(0, 10, 10));
  ASSERT_TRUE(first->Ack(0, 6).ok());
  first->member->Leave();
  ASSERT_TRUE(Settle(*second));
  EXPECT_EQ(second->Owned(), "hr/0@6 hr/1@0 hr/2@0 hr/3@0");
  const absl::StatusOr<AckResult> late = first->Ack(0, 10);
  ASSERT_EQ(late->rejected.size(), 1u);
  EXPECT_EQ(late->rejected[0].reason, AckRejection::kFenced);
}

TEST_F(OwnershipTest, ABrokenStreamLeaves) {
  const ConsumerPtr first = Join();
  const ConsumerPtr second = Join();
  first->member.reset();
  ASSERT_TRUE(Settle(*second));
  EXPECT_EQ(second->owned(), 4u);
}

TEST_F(OwnershipTest, TheNextOwnerStartsBehindAcksThatAreStillOnTheirWayToTheDisk) {
  const ConsumerPtr first = Join();
  for (uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(first->Take(i, 10, 10));
  const ConsumerPtr second = Join();
  testing::PipelinePause pause(harness_.log());
  absl::Notification acked;
  first->member->Ack({{"hr", PartitionIndex(2), Offset(10)}},
                     [&](absl::StatusOr<AckResult> result) {
                       EXPECT_TRUE(result.ok());
                       acked.Notify();
                     });
  EXPECT_EQ(second->OwnedOnce(1), "hr/2@10");
  EXPECT_EQ(Offsets(), "");
  pause.Resume();
  acked.WaitForNotification();
  EXPECT_EQ(Offsets(), "hr/2@10");
}

TEST_F(OwnershipTest, SparesMembersWithoutPartitionsForLater) {
  std::vector<ConsumerPtr> consumers;
  for (int i = 0; i < 6; ++i) consumers.push_back(Join());
  size_t owned = 0;
  for (const ConsumerPtr& consumer : consumers) {
    EXPECT_LE(consumer->owned(), 1u);
    owned += consumer->owned();
  }
  EXPECT_EQ(owned, 4u);
  for (const ConsumerPtr& consumer : consumers) {
    if (consumer != consumers.back()) consumer->member->Leave();
  }
  ASSERT_TRUE(Settle(*consumers.back()));
  EXPECT_EQ(consumers.back()->owned(), 4u);
}

TEST_F(OwnershipTest, ADeletedTopicClosesItsMembers) {
  CreateTopic("pay", 1);
  const ConsumerPtr consumer = Join(Request({"hr", "pay"}));
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(consumer->Ack(0, 10).ok());
  ASSERT_TRUE(harness_.DeleteTopic("pay").ok());
  groups_->Tick(clock().Now());
  ASSERT_TRUE(Settle(*consumer));
  ASSERT_TRUE(consumer->closed().has_value());
  EXPECT_TRUE(absl::IsNotFound(*consumer->closed()));
  EXPECT_TRUE(absl::IsNotFound(JoinError(Request({}))));
  EXPECT_EQ(Offsets(), "hr/0@10");  // What was read of the others is kept.
}

TEST_F(OwnershipTest, ARecreatedTopicIsReadFromItsStart) {
  ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(consumer->Ack(0, 10).ok());
  ASSERT_TRUE(harness_.DeleteTopic("hr").ok());
  CreateTopic("hr", 2);
  const ConsumerPtr again = Join();
  EXPECT_TRUE(absl::IsNotFound(*consumer->closed()));
  EXPECT_EQ(again->Owned(), "hr/0@0 hr/1@0");
  EXPECT_EQ(Offsets(), "");
  const absl::StatusOr<AckResult> late = consumer->Ack(0, 10);
  EXPECT_EQ(late->rejected.size(), 1u);
}

}  // namespace
}  // namespace tidemark::groups
