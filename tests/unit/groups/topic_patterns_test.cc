// Patterns: groups read topics that begin with a prefix, also those that are made later.
#include "absl/strings/match.h"
#include "server/groups/topic_names.h"
#include "tests/unit/groups/coordinator_fixture.h"

namespace tidemark::groups {
namespace {

TEST(TopicNamesTest, APatternStandsForWhatBeginsWithIt) {
  EXPECT_TRUE(Reads({"hr.*"}, "hr.pay"));
  EXPECT_TRUE(Reads({"hr.*"}, "hr."));
  EXPECT_FALSE(Reads({"hr.*"}, "hr"));
  EXPECT_TRUE(Reads({"a", "*"}, "anything"));
  EXPECT_TRUE(Reads({"a", "b"}, "b"));
  EXPECT_FALSE(Reads({"a", "b"}, "bb"));
}

class TopicPatternsTest : public CoordinatorTest {
 protected:
  // What a tick finds out, and does on the disk's threads, has reached `consumer`.
  void TickAndWait(Consumer& consumer) {
    groups_->Tick(clock().Now());
    WaitForDisk();
    ASSERT_TRUE(Settle(consumer));
  }
};

TEST_F(TopicPatternsTest, BringsTopicsMadeLaterToLiveMembers) {
  CreateTopic("hr.pay", 1);
  CreateTopic("hotel", 1);
  const ConsumerPtr consumer = Join(Request({"hr.*"}));
  EXPECT_EQ(consumer->Owned(), "hr.pay/0@0");
  const absl::StatusOr<log::PartitionPtr> partition =
      harness_.log().OpenPartition(**harness_.log().FindTopic("hr.pay"), PartitionIndex(0));
  ASSERT_TRUE(partition.ok());
  ASSERT_TRUE(consumer->member->Progress((*partition)->log(), Offset(0), Offset(0), 0));
  CreateTopic("hr.leave", 2);
  Append("hr.leave", 1, 5);
  TickAndWait(*consumer);
  EXPECT_EQ(consumer->Owned(), "hr.leave/0@0 hr.leave/1@0 hr.pay/0@0");
  EXPECT_TRUE(consumer->RevokedUntil().empty());  // Nobody paused for it.
}

TEST_F(TopicPatternsTest, SharesNewTopicsWithoutMovingOldOnes) {
  CreateTopic("hr.a", 2);
  const ConsumerPtr first = Join(Request({"hr.*"}));
  const ConsumerPtr second = Join(Request({"hr.*"}));
  EXPECT_EQ(first->owned(), 1u);
  const std::string before = second->Owned();
  CreateTopic("hr.b", 4);
  TickAndWait(*first);
  TickAndWait(*second);
  EXPECT_EQ(first->owned(), 3u);
  EXPECT_EQ(second->owned(), 3u);
  EXPECT_TRUE(absl::StrContains(second->Owned(), before));
}

TEST_F(TopicPatternsTest, BeginsAtTheFirstEventOfALaterTopicWhateverTheStartWas) {
  CreateTopic("hr.a", 1);
  Append("hr.a", 0, 5);
  JoinRequest request = Request({"hr.*"});
  request.start.kind = storage::GroupStart::Kind::kLatest;
  const ConsumerPtr consumer = Join(request);
  EXPECT_EQ(consumer->Owned(), "hr.a/0@5");
  CreateTopic("hr.b", 1);
  Append("hr.b", 0, 5);
  TickAndWait(*consumer);
  EXPECT_EQ(consumer->Owned(), "hr.a/0@5 hr.b/0@0");
}

TEST_F(TopicPatternsTest, MayMatchNothingYet) {
  const ConsumerPtr consumer = Join(Request({"later.*"}));
  EXPECT_EQ(consumer->Owned(), "");
  CreateTopic("later.on", 1);
  TickAndWait(*consumer);
  EXPECT_EQ(consumer->Owned(), "later.on/0@0");
}

TEST_F(TopicPatternsTest, OutliveARestartWithTopicsMadeMeanwhile) {
  { const ConsumerPtr consumer = Join(Request({"hr*"})); }
  CreateTopic("hr.b", 1);
  Append("hr.b", 0, 3);
  Restart();
  const ConsumerPtr consumer = Join(Request({"hr*"}));
  EXPECT_EQ(consumer->Owned(), "hr/0@0 hr/1@0 hr/2@0 hr/3@0 hr.b/0@0");
}

TEST_F(TopicPatternsTest, ADeletedTopicIsTakenAndItsMembersGoOn) {
  CreateTopic("hr.a", 1);
  const ConsumerPtr consumer = Join(Request({"hr*"}));
  ASSERT_TRUE(harness_.DeleteTopic("hr.a").ok());
  TickAndWait(*consumer);
  EXPECT_FALSE(consumer->closed().has_value());
  EXPECT_EQ(consumer->Owned(), "hr/0@0 hr/1@0 hr/2@0 hr/3@0");
}

TEST_F(TopicPatternsTest, CommitAndSeekKnowThem) {
  const ConsumerPtr consumer = Join(Request({"h*"}));
  consumer->member->Leave();
  Append("hr", 0, 5);
  EXPECT_TRUE(Commit({Entry(0, 5)}).ok());
  EXPECT_EQ(Offsets(), "hr/0@5");
}

}  // namespace
}  // namespace tidemark::groups
