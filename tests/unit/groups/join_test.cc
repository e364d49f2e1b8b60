// Joining: what a group is made of, and whom it takes.
#include "tests/unit/groups/coordinator_fixture.h"

namespace tidemark::groups {
namespace {

class JoinTest : public CoordinatorTest {};

TEST_F(JoinTest, MakesAGroupThatReadsFromTheStart) {
  Append("hr", 0, 5);
  const ConsumerPtr consumer = Join();
  ASSERT_NE(consumer, nullptr);
  EXPECT_TRUE(consumer->joined.created);
  EXPECT_EQ(consumer->joined.group.name, "payroll");
  EXPECT_EQ(consumer->Owned(), "hr/0@0 hr/1@0 hr/2@0 hr/3@0");
  EXPECT_EQ(Offsets(), "");
}

TEST_F(JoinTest, FindsTheGroupAgainAfterARestart) {
  {
    JoinRequest request = Request();
    request.filter = storage::FilterSpec{.types = {"employee.created"}};
    Append("hr", 1, 5);
    const ConsumerPtr consumer = Join(request);
    ASSERT_TRUE(consumer->Take(1, 5, 5));
    ASSERT_TRUE(consumer->Ack(1, 3).ok());
    consumer->member.reset();
  }
  Restart();
  const ConsumerPtr consumer = Join(Request({}));
  ASSERT_NE(consumer, nullptr);
  EXPECT_FALSE(consumer->joined.created);
  EXPECT_EQ(consumer->joined.group.filter.types, std::vector<std::string>{"employee.created"});
  EXPECT_EQ(consumer->Owned(), "hr/0@0 hr/1@3 hr/2@0 hr/3@0");
}

TEST_F(JoinTest, StartsAtTheEndAsItWasWhenTheGroupWasMade) {
  Append("hr", 0, 5);
  JoinRequest request = Request();
  request.start.kind = storage::GroupStart::Kind::kLatest;
  Join(request)->member.reset();
  Append("hr", 0, 2);
  Append("hr", 1, 2);
  Restart();
  EXPECT_EQ(Join()->Owned(), "hr/0@5 hr/1@0 hr/2@0 hr/3@0");
}

TEST_F(JoinTest, StartsAtATime) {
  Append("hr", 0, 5);
  clock().Advance(absl::Hours(1));
  const absl::Time start = clock().Now();
  Append("hr", 0, 2);
  JoinRequest request = Request();
  request.start = {.kind = storage::GroupStart::Kind::kTime,
                   .time_us = static_cast<uint64_t>(absl::ToUnixMicros(start))};
  Join(request)->member.reset();
  Restart();
  EXPECT_EQ(Join()->Owned(), "hr/0@5 hr/1@0 hr/2@0 hr/3@0");
}

// Opening such a partition makes a commit of its own, which the one that creates the group must not
// wait for.
TEST_F(JoinTest, MakesAGroupWhereRetentionIsDue) {
  ASSERT_TRUE(harness_.CreateTopic("log", {.retention_max_age_us = 1'000'000}).ok());
  using Kind = storage::GroupStart::Kind;
  uint64_t end = 0;
  for (const Kind kind : {Kind::kEarliest, Kind::kLatest, Kind::kTime}) {
    Append("log", 0, 3);
    end += 3;
    clock().Advance(absl::Seconds(2));
    JoinRequest request = Request({"log"});
    request.group = absl::StrCat("group-", static_cast<int>(kind));
    request.start.kind = kind;
    EXPECT_EQ(Join(request)->Owned(), absl::StrCat("log/0@", end));
  }
  Append("log", 0, 1);
  clock().Advance(absl::Seconds(2));
  EXPECT_TRUE(Commit({Entry(0, end, "log")}).ok());
  EXPECT_EQ(Offsets(), absl::StrCat("log/0@", end));
}

TEST_F(JoinTest, IsToldWhatWentBeforeItAckedAnything) {
  ASSERT_TRUE(harness_.CreateTopic("log", {.retention_max_age_us = 1'000'000}).ok());
  Append("log", 0, 3);
  EXPECT_EQ(Join(Request({"log"}))->Owned(), "log/0@0");
  clock().Advance(absl::Seconds(2));
  Restart();
  EXPECT_EQ(Join(Request({"log"}))->Owned(), "log/0@0");
}

TEST_F(JoinTest, IgnoresTheStartOfAGroupThatExists) {
  Append("hr", 0, 5);
  Join()->member.reset();
  JoinRequest request = Request();
  request.start.kind = storage::GroupStart::Kind::kLatest;
  EXPECT_EQ(Join(request)->Owned(), "hr/0@0 hr/1@0 hr/2@0 hr/3@0");
}

TEST_F(JoinTest, TakesTopicsAndFiltersInAnyOrder) {
  CreateTopic("pay", 1);
  JoinRequest request = Request({"pay", "hr", "pay"});
  request.filter = storage::FilterSpec{.types = {"b", "a"}};
  const ConsumerPtr first = Join(request);
  EXPECT_EQ(first->joined.group.topics, (std::vector<std::string>{"hr", "pay"}));
  request.topics = {"hr", "pay"};
  request.filter = storage::FilterSpec{.types = {"a", "b"}};
  EXPECT_NE(Join(request), nullptr);
}

TEST_F(JoinTest, RefusesOtherSettingsAndNamesEveryDifference) {
  CreateTopic("pay", 1);
  const ConsumerPtr consumer = Join();
  JoinRequest request = Request({"hr", "pay"});
  request.filter = storage::FilterSpec{.types = {"employee.created"}};
  request.retry = storage::RetryPolicy{.max_attempts = 5};
  const absl::Status status = JoinError(request);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(ReasonOf(status), "GROUP_SETTINGS_DIFFER");
  EXPECT_EQ(MetadataOf(status, "differs"), "topics,filter,retry_policy");
  EXPECT_EQ(MetadataOf(status, "group_topics"), "hr");
  EXPECT_EQ(MetadataOf(status, "asked_topics"), "hr,pay");
  EXPECT_EQ(MetadataOf(status, "asked_filter"), "types=employee.created keys=");
  EXPECT_EQ(DetailOf(status)->preconditions.size(), 3u);
}

TEST_F(JoinTest, RefusesANewGroupWithoutTopics) {
  const absl::Status status = JoinError(Request({}));
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(DetailOf(status)->fields.at(0).field, "join.topics");
}

TEST_F(JoinTest, RefusesATopicThatDoesNotExistAndMakesNoGroup) {
  const absl::Status status = JoinError(Request({"hr", "nothing"}));
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(MetadataOf(status, "topic"), "nothing");
  EXPECT_TRUE(absl::IsNotFound(groups_->GetGroup("payroll").status()));
}

TEST_F(JoinTest, RefusesMoreMembersThanTheLimit) {
  options_.members_max = 2;
  Restart();
  const ConsumerPtr first = Join();
  const ConsumerPtr second = Join();
  const absl::Status status = JoinError(Request());
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(ReasonOf(status), "GROUP_MEMBERS_EXHAUSTED");
  EXPECT_EQ(MetadataOf(status, "limit"), "2");
  second->member.reset();
  EXPECT_NE(Join(), nullptr);
}

TEST_F(JoinTest, RefusesMoreGroupsThanTheLimit) {
  options_.groups_max = 1;
  Restart();
  ASSERT_NE(Join(), nullptr);
  JoinRequest other = Request();
  other.group = "gift-cards";
  const absl::Status status = JoinError(other);
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(ReasonOf(status), "GROUPS_EXHAUSTED");
}

TEST_F(JoinTest, MakesOneGroupOfManyJoinsAtOnce) {
  testing::PipelinePause pause(harness_.log());
  absl::Mutex mu;
  std::vector<absl::StatusOr<JoinResult>> results;
  for (int i = 0; i < 5; ++i) {
    groups_->Join(Request(), std::make_shared<Consumer>(), [&](absl::StatusOr<JoinResult> result) {
      absl::MutexLock lock(&mu);
      results.push_back(std::move(result));
    });
  }
  pause.Resume();
  mu.LockWhen(absl::Condition(
      +[](std::vector<absl::StatusOr<JoinResult>>* all) { return all->size() == 5; }, &results));
  int created = 0;
  for (const auto& result : results) {
    ASSERT_TRUE(result.ok()) << result.status();
    created += result->created ? 1 : 0;
  }
  mu.Unlock();
  EXPECT_EQ(created, 1);
  EXPECT_EQ(groups_->GetGroup("payroll")->members.size(), 5u);
  results.clear();
}

TEST_F(JoinTest, RefusesJoinsOfAGroupThatIsBeingDeleted) {
  Join()->member.reset();
  testing::PipelinePause pause(harness_.log());
  absl::Notification deleted;
  groups_->DeleteGroup("payroll", false, [&](absl::Status status) {
    EXPECT_TRUE(status.ok());
    deleted.Notify();
  });
  EXPECT_EQ(ReasonOf(JoinError(Request())), "GROUP_DELETING");
  pause.Resume();
  deleted.WaitForNotification();
  EXPECT_TRUE(Join()->joined.created);
}

}  // namespace
}  // namespace tidemark::groups
