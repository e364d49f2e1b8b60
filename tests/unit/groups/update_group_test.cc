// UpdateGroup and pauses: settings change while members are at work.
#include "tests/unit/groups/coordinator_fixture.h"

namespace tidemark::groups {
namespace {

using ::testing::ElementsAre;

class UpdateGroupTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    CoordinatorTest::SetUp();
    for (uint32_t i = 0; i < 4; ++i) Append("hr", i, 10);
    CreateTopic("pay", 2);
  }
  absl::StatusOr<storage::GroupRecord> Update(GroupChange change) {
    return log::Await<storage::GroupRecord>(
        [&](auto done) { groups_->UpdateGroup("payroll", std::move(change), std::move(done)); });
  }
  storage::GroupRecord Record() { return groups_->FindRecord("payroll").value(); }
};

TEST_F(UpdateGroupTest, IsDurableWhenAnswered) {
  ASSERT_TRUE(Commit({Entry(0, 7)}).ok());
  GroupChange change{.topics = {{"pay", "hr", "pay"}},
                     .filter = storage::FilterSpec{.types = {"b", "a"}},
                     .retry = storage::RetryPolicy{.max_attempts = 7},
                     .paused = true};
  const absl::StatusOr<storage::GroupRecord> record = Update(change);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_THAT(record->topics, ElementsAre("hr", "pay"));
  Restart();
  EXPECT_THAT(Record().topics, ElementsAre("hr", "pay"));
  EXPECT_THAT(Record().filter.types, ElementsAre("a", "b"));
  EXPECT_EQ(Record().retry.max_attempts, 7u);
  EXPECT_TRUE(Record().paused_time_us.has_value());
  EXPECT_EQ(Offsets(), "hr/0@7");
}

TEST_F(UpdateGroupTest, BringsNewTopicsToLiveMembersAndLeavesTheOthersAlone) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(Update({.topics = {{"hr", "pay"}}}).ok());
  EXPECT_EQ(consumer->Owned(), "hr/0@0 hr/1@0 hr/2@0 hr/3@0 pay/0@0 pay/1@0");
  EXPECT_TRUE(consumer->RevokedUntil().empty());
  EXPECT_TRUE(consumer->Ack(0, 10).ok());
}

TEST_F(UpdateGroupTest, TakesTopicsAwayOnceWhatIsInHandIsDone) {
  const ConsumerPtr consumer = Join(Request({"hr", "pay"}));
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(Update({.topics = {{"pay"}}}).ok());
  ASSERT_TRUE(Settle(*consumer));
  EXPECT_EQ(consumer->Owned(), "hr/0@0 pay/0@0 pay/1@0");
  EXPECT_FALSE(consumer->Take(0, 10, 10));
  const absl::StatusOr<AckResult> acked = consumer->Ack(0, 10);
  ASSERT_TRUE(acked.ok());
  EXPECT_TRUE(acked->rejected.empty());
  ASSERT_TRUE(Settle(*consumer));
  EXPECT_EQ(consumer->Owned(), "pay/0@0 pay/1@0");
  // Its place is remembered.
  ASSERT_TRUE(Update({.topics = {{"hr", "pay"}}}).ok());
  EXPECT_EQ(consumer->Owned(), "hr/0@10 hr/1@0 hr/2@0 hr/3@0 pay/0@0 pay/1@0");
}

TEST_F(UpdateGroupTest, ATopicThatComesBackBeforeItIsGoneGoesOn) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(Update({.topics = {{"pay"}}}).ok());
  ASSERT_TRUE(Update({.topics = {{"hr"}}}).ok());
  ASSERT_TRUE(consumer->Ack(0, 10).ok());
  ASSERT_TRUE(Settle(*consumer));
  EXPECT_EQ(consumer->Owned(), "hr/0@10 hr/1@0 hr/2@0 hr/3@0");
}

TEST_F(UpdateGroupTest, ANewFilterComesWithANewAssignment) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(Update({.filter = storage::FilterSpec{.types = {"employee.created"}}}).ok());
  ASSERT_TRUE(Settle(*consumer));
  EXPECT_TRUE(consumer->Find(0)->filter->matches_all());  // In hand.
  EXPECT_FALSE(consumer->Find(1)->filter->matches_all());
  EXPECT_FALSE(consumer->Take(0, 10, 10));
  EXPECT_TRUE(consumer->Take(1, 10, 10));
  ASSERT_TRUE(consumer->Ack(0, 6).ok());
  ASSERT_TRUE(consumer->Ack(0, 10).ok());
  ASSERT_TRUE(Settle(*consumer));
  EXPECT_FALSE(consumer->Find(0)->filter->matches_all());
  EXPECT_EQ(consumer->Find(0)->from, Offset(10));
}

TEST_F(UpdateGroupTest, ChangesTheModeOnlyWithoutMembers) {
  const ConsumerPtr consumer = Join();
  const absl::Status status = Update({.mode = storage::GroupMode::kKeyOrdered}).status();
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(Record().mode, storage::GroupMode::kPartitionOrdered);
  EXPECT_TRUE(Update({.mode = storage::GroupMode::kPartitionOrdered}).ok());
}

TEST_F(UpdateGroupTest, RefusesWhatIsNotThere) {
  EXPECT_EQ(ReasonOf(Update({.paused = true}).status()), "GROUP_NOT_FOUND");
  ASSERT_TRUE(Commit({Entry(0, 7)}).ok());
  EXPECT_EQ(ReasonOf(Update({.topics = {{"hr", "nowhere"}}}).status()), "TOPIC_NOT_FOUND");
  EXPECT_THAT(Record().topics, ElementsAre("hr"));
}

TEST_F(UpdateGroupTest, APauseReachesMembersWhoAreThereAndWhoCome) {
  const ConsumerPtr first = Join();
  ASSERT_TRUE(Update({.paused = true}).ok());
  EXPECT_TRUE(first->paused());
  const ConsumerPtr second = Join();
  EXPECT_TRUE(second->paused());
  ASSERT_TRUE(Update({.paused = false}).ok());
  EXPECT_FALSE(first->paused());
  EXPECT_FALSE(second->paused());
  EXPECT_FALSE(Join()->paused());
}

TEST_F(UpdateGroupTest, APauseOutlivesARestart) {
  ASSERT_TRUE(Commit({Entry(0, 7)}).ok());
  ASSERT_TRUE(Update({.paused = true}).ok());
  const uint64_t since = *Record().paused_time_us;
  clock().Advance(absl::Seconds(5));
  ASSERT_TRUE(Update({.paused = true}).ok());
  Restart();
  EXPECT_EQ(Record().paused_time_us, since);
  EXPECT_TRUE(Join()->paused());
}

TEST_F(UpdateGroupTest, DoesNotBringADeletedGroupBack) {
  ASSERT_TRUE(Commit({Entry(0, 7)}).ok());
  absl::Notification updated;
  absl::Status status;
  groups_->DeleteGroup("payroll", false, [](absl::Status) {});
  groups_->UpdateGroup("payroll", {.paused = true}, [&](auto record) {
    status = record.status();
    updated.Notify();
  });
  updated.WaitForNotification();
  EXPECT_FALSE(status.ok());
  Restart();
  EXPECT_TRUE(absl::IsNotFound(groups_->FindRecord("payroll").status()));
}

}  // namespace
}  // namespace tidemark::groups
