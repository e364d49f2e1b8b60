// Conditions on keys through the whole pipeline: they see exactly the state that the commit sees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MakeRequest;
using testing::PipelinePause;
using testing::TestEvent;

using Expect = KeyCondition::Expect;

class CommitConditionsTest : public LogFixture {
 protected:
  void SetUp() override {
    // So that segments are sealed, tails evicted and partitions let go of all the time.
    harness_.options().log.index = {.segment_events = 8, .open_bytes_max = 1 << 20};
    harness_.options().log.partitions_cached_max = 1;
    pipeline_options().tail_bytes_max = 500;
    LogFixture::SetUp();
    topic_ = MakeTopic("hr", {.partitions = 2});
  }

  static KeyCondition About(const TopicPtr& topic, const std::string& key, Expect expect,
                            uint64_t revision = 0, uint32_t partition = 0) {
    return {.topic = topic,
            .partition = PartitionIndex(partition),
            .key = key,
            .expect = expect,
            .revision = revision};
  }
  KeyCondition Absent(const std::string& key) { return About(topic_, key, Expect::kAbsent); }
  KeyCondition Exists(const std::string& key) { return About(topic_, key, Expect::kExists); }
  KeyCondition Revision(const std::string& key, uint64_t revision) {
    return About(topic_, key, Expect::kRevision, revision);
  }

  AppendRequest Request(const std::vector<std::string>& keys, std::vector<KeyCondition> conditions,
                        std::optional<ProducerSequence> producer = std::nullopt) {
    std::vector<TestEvent> events;
    for (const std::string& key : keys) events.push_back({.key = key, .data = "data"});
    AppendRequest request = MakeRequest(topic_, {{0, std::move(events)}}, std::move(producer));
    request.conditions = std::move(conditions);
    return request;
  }
  absl::StatusOr<AppendResult> Append(const std::vector<std::string>& keys,
                                      std::vector<KeyCondition> conditions) {
    return harness_.Append(Request(keys, std::move(conditions)));
  }
  static std::optional<uint64_t> RevisionIn(const absl::StatusOr<AppendResult>& result) {
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok() || result->revisions.empty()) return std::nullopt;
    return result->revisions.front().revision;
  }
  static void ExpectFailed(const absl::Status& status, const std::string& description) {
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
    EXPECT_EQ(ReasonOf(status), "CONDITION_FAILED");
    const auto detail = DetailOf(status);
    ASSERT_TRUE(detail.has_value() && !detail->preconditions.empty());
    EXPECT_EQ(detail->preconditions.front().description, description);
  }

  TopicPtr topic_;
};

TEST_F(CommitConditionsTest, AbsentHoldsUntilTheFirstEvent) {
  EXPECT_EQ(RevisionIn(Append({"a"}, {Absent("a")})), 0);
  ExpectFailed(Append({"a"}, {Absent("a")}).status(), "expected absent, actual revision 0");
  EXPECT_EQ(EndOf(topic_, 0), Offset(1));
}

TEST_F(CommitConditionsTest, ExistsHoldsFromTheFirstEventOn) {
  ExpectFailed(Append({"b"}, {Exists("a")}).status(), "expected exists, actual absent");
  ASSERT_TRUE(Append({"a"}, {}).ok());
  EXPECT_EQ(RevisionIn(Append({"b"}, {Exists("a")})), 0);
}

TEST_F(CommitConditionsTest, ARevisionIsExactlyTheNewest) {
  ExpectFailed(Append({"a"}, {Revision("a", 0)}).status(), "expected revision 0, actual absent");
  ASSERT_TRUE(Append({"a", "b", "a"}, {}).ok());
  ExpectFailed(Append({"a"}, {Revision("a", 0)}).status(),
               "expected revision 0, actual revision 1");
  ExpectFailed(Append({"a"}, {Revision("a", 2)}).status(),
               "expected revision 2, actual revision 1");
  EXPECT_EQ(RevisionIn(Append({"a", "a", "c"}, {Revision("a", 1)})), 3);
}

TEST_F(CommitConditionsTest, AKeyNeedNotBeWritten) {
  ASSERT_TRUE(Append({"a", "a"}, {}).ok());
  const auto result = Append({"b"}, {Revision("a", 1), Absent("never")});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->revisions, ElementsAre(KeyRevision{topic_->id(), "a", 1},
                                             KeyRevision{topic_->id(), "never", std::nullopt}));
}

TEST_F(CommitConditionsTest, EveryFailedOneIsTold) {
  ASSERT_TRUE(Append({"a", "a", "b"}, {}).ok());
  const absl::Status status =
      Append({"a"}, {Revision("a", 0), Exists("b"), Absent("b"), Exists("c")}).status();
  const auto detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value());
  ASSERT_EQ(detail->preconditions.size(), 3);
  EXPECT_EQ(detail->preconditions[0].type, "KEY_REVISION");
  EXPECT_EQ(detail->preconditions[0].subject, "topics/hr/keys/a");
  EXPECT_EQ(detail->preconditions[1].type, "KEY_ABSENT");
  EXPECT_EQ(detail->preconditions[1].description, "expected absent, actual revision 0");
  EXPECT_EQ(detail->preconditions[2].subject, "topics/hr/keys/c");
  EXPECT_EQ(EndOf(topic_, 0), Offset(3));
}

TEST_F(CommitConditionsTest, WhatDoesNotFitIntoAStatusIsCounted) {
  std::vector<KeyCondition> conditions;
  for (int i = 0; i < 100; ++i)
    conditions.push_back(Exists(absl::StrCat(i, std::string(500, 'k'))));
  const absl::Status status = Append({"a"}, conditions).status();
  const auto detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_GE(detail->preconditions.size(), 2);
  EXPECT_LE(detail->preconditions.size(), 8);
  EXPECT_THAT(detail->metadata,
              ::testing::Contains(std::pair<std::string, std::string>("failed_conditions", "100")));
  EXPECT_THAT(std::string(status.message()), HasSubstr("100 conditions do not hold"));
}

TEST_F(CommitConditionsTest, OfTwoInOneGroupExactlyOneWins) {
  PipelinePause pause(log());
  const PendingAppend first = Start(Request({"a"}, {Absent("a")}));
  const PendingAppend second = Start(Request({"a"}, {Absent("a")}));
  pause.Resume();
  EXPECT_NE(first.value().ok(), second.value().ok());
  const absl::Status lost = first.value().ok() ? second.value().status() : first.value().status();
  ExpectFailed(lost, "expected absent, actual revision 0");
  EXPECT_EQ(EndOf(topic_, 0), Offset(1));
}

TEST_F(CommitConditionsTest, EarlierRequestsOfTheGroupCount) {
  ASSERT_TRUE(Append({"a"}, {Absent("a")}).ok());  // At hand from here on, so that order is kept.
  PipelinePause pause(log());
  const PendingAppend plain = Start(Request({"b", "a"}, {}));
  const PendingAppend old = Start(Request({"a"}, {Revision("a", 0)}));
  const PendingAppend fresh = Start(Request({"a"}, {Revision("a", 1)}));
  pause.Resume();
  EXPECT_TRUE(plain.value().ok());
  ExpectFailed(old.value().status(), "expected revision 0, actual revision 1");
  EXPECT_EQ(RevisionIn(fresh.value()), 2);
}

// A group is in fsync while the next one is prepared: it counts, and is waited for.
TEST_F(CommitConditionsTest, TheGroupInFsyncCounts) {
  ASSERT_TRUE(Append({"a"}, {Absent("a")}).ok());
  disk_.HoldSyncs(".log");
  const PendingAppend first = Start(Request({"a", "a"}, {Revision("a", 0)}));
  // Long enough to be prepared ahead.
  AppendRequest big = MakeRequest(topic_, {{0, {{.key = "a", .data = std::string(200'000, 'x')}}}});
  big.conditions = {Revision("a", 2)};
  const PendingAppend second = Start(std::move(big));
  const PendingAppend third = Start(Request({"a"}, {Revision("a", 2)}));
  disk_.ReleaseSyncs();
  EXPECT_EQ(RevisionIn(first.value()), 2);
  EXPECT_EQ(RevisionIn(second.value()), 3);
  ExpectFailed(third.value().status(), "expected revision 2, actual revision 3");
}

TEST_F(CommitConditionsTest, CountsWhatIsSealedEvictedAndFromBeforeARestart) {
  for (uint64_t i = 0; i < 60; ++i) {
    SCOPED_TRACE(i);
    if (i % 20 == 19) Reopen();
    topic_ = *log().FindTopic("hr");
    ASSERT_TRUE(Append({"other", "more"}, {}).ok());
    ASSERT_TRUE(harness_.Append(topic_, 1, MakeEvents("evicts", 1)).ok());
    const KeyCondition condition = i == 0 ? Absent("a") : Revision("a", i - 1);
    EXPECT_EQ(RevisionIn(Append({"a"}, {condition})), i);
  }
}

TEST_F(CommitConditionsTest, LooksIntoTheGivenPartition) {
  ASSERT_TRUE(harness_.Append(topic_, 1, {{.key = "a"}}).ok());
  EXPECT_TRUE(Append({"b"}, {Absent("a")}).ok());
  EXPECT_TRUE(Append({"b"}, {About(topic_, "a", Expect::kExists, 0, 1)}).ok());
}

TEST_F(CommitConditionsTest, AnAbortedRequestUsesNoSequence) {
  const ProducerSequence first{"outbox", 1};
  ExpectFailed(harness_.Append(Request({"a"}, {Exists("a")}, first)).status(),
               "expected exists, actual absent");
  EXPECT_EQ(RevisionIn(harness_.Append(Request({"a"}, {Absent("a")}, first))), 0);
}

TEST_F(CommitConditionsTest, ARetryGetsTheFirstAnswerAlsoOfItsConditions) {
  const ProducerSequence sequence{"outbox", 1};
  const std::vector<KeyCondition> conditions = {Absent("a"), Absent("never")};
  const auto first = harness_.Append(Request({"a"}, conditions, sequence));
  ASSERT_TRUE(first.ok()) << first.status();
  Reopen();
  topic_ = *log().FindTopic("hr");
  const auto retry = harness_.Append(Request({"a"}, conditions, sequence));
  ASSERT_TRUE(retry.ok()) << retry.status();
  EXPECT_TRUE(retry->duplicate);
  EXPECT_EQ(retry->revisions, first->revisions);
  EXPECT_EQ(retry->position, first->position);
  EXPECT_EQ(EndOf(topic_, 0), Offset(1));
}

TEST_F(CommitConditionsTest, ADeletedTopicIsToldOf) {
  const TopicPtr other = MakeTopic("other");
  PipelinePause pause(log());
  const PendingAppend pending = Start(Request({"a"}, {About(other, "a", Expect::kAbsent)}));
  PendingDone deleted;
  log().DeleteTopic("other", deleted.callback());
  const PendingAppend late = Start(Request({"a"}, {About(other, "a", Expect::kAbsent)}));
  pause.Resume();
  EXPECT_TRUE(deleted.value().ok());
  EXPECT_EQ(late.value().status().code(), absl::StatusCode::kNotFound) << late.value().status();
}

// What is held for a look-up keeps its place before later requests of a stream.
TEST_F(CommitConditionsTest, AStreamKeepsItsOrder) {
  std::vector<PendingAppend> pending;
  for (uint64_t i = 0; i < 200; ++i) {
    AppendRequest request =
        Request({absl::StrCat("key-", i)},
                i % 3 == 0 ? std::vector<KeyCondition>{Absent(absl::StrCat("key-", i))}
                           : std::vector<KeyCondition>{},
                ProducerSequence{"stream", i});
    request.flow = FlowId{7};
    request.in_order = true;
    pending.push_back(Start(std::move(request)));
  }
  for (uint64_t i = 0; i < pending.size(); ++i) {
    ASSERT_TRUE(pending[i].value().ok()) << i << ": " << pending[i].value().status();
    EXPECT_EQ(pending[i].value()->ranges.front().first, Offset(i));
  }
}

TEST_F(CommitConditionsTest, ARequestHeldForALookUpHasAPlaceInTheQueue) {
  pipeline_options().queue_bytes_max = 4000;
  Reopen();
  topic_ = *log().FindTopic("hr");
  const auto answer =
      harness_.Append(Request({std::string(500, 'k')}, {Absent(std::string(4000, 'k'))}));
  EXPECT_EQ(ReasonOf(answer.status()), "QUEUE_FULL") << answer.status();
}

TEST_F(CommitConditionsTest, AfterTheEndARequestIsRefused) {
  log().Stop();
  const auto answer = Append({"a"}, {Absent("a")});
  EXPECT_EQ(ReasonOf(answer.status()), "SHUTTING_DOWN") << answer.status();
}

}  // namespace
}  // namespace tidemark::log
