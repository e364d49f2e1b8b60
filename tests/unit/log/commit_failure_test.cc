// What a failed commit leaves: its fate is unknown, so nothing is written after it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using testing::CrashFileSystem;
using ::testing::ElementsAre;
using testing::MakeRequest;
using testing::PipelinePause;

void ExpectFailed(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "STORE_FAILED");
}

class CommitFailureTest : public LogFixture,
                          public ::testing::WithParamInterface<CrashFileSystem::Operation> {
 protected:
  void SetUp() override {
    LogFixture::SetUp();
    topic_ = MakeTopic("hr");
    ASSERT_TRUE(harness_.Append(topic_, 0, MakeEvents("before", 2)).ok());
  }
  void FailNextCommit() { disk_.FailOnce(GetParam(), ".log"); }
  PendingAppend StartEvents(const std::string& name) {
    return Start(MakeRequest(topic_, {{0, MakeEvents(name, 1)}}));
  }

  TopicPtr topic_;
};

TEST_P(CommitFailureTest, IsAnsweredUnavailableAndNotReadable) {
  FailNextCommit();
  ExpectFailed(StartEvents("lost").value().status());
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic_, 0)), ElementsAre("before0", "before1"));
}

TEST_P(CommitFailureTest, StopsEveryLaterWrite) {
  FailNextCommit();
  ExpectFailed(StartEvents("lost").value().status());
  ExpectFailed(log().health());
  EXPECT_EQ(harness_.metrics().store_failed.Value(), 1);
  ExpectFailed(StartEvents("later").value().status());
  ExpectFailed(harness_.CreateTopic("later").status());
  ExpectFailed(harness_.DeleteTopic("hr"));
  ExpectFailed(AwaitDone([&](auto done) {
    log().CommitOffsets({{storage::GroupId(1), LogId(1), Offset(1)}}, std::move(done));
  }));
  EXPECT_EQ(EndOf(topic_, 0), Offset(2));
}

TEST_P(CommitFailureTest, AnswersEverybodyWhoWaits) {
  pipeline_options().commit_bytes_max = 1;  // Every request is a group.
  Reopen();
  std::vector<PendingAppend> pending;
  PendingDone offsets, mutation;
  {
    PipelinePause pause(log());
    for (int i = 0; i < 5; ++i) pending.push_back(StartEvents("lost"));
    log().CommitOffsets({{storage::GroupId(1), LogId(1), Offset(1)}}, offsets.callback());
    log().DeleteTopic("hr", mutation.callback());
    FailNextCommit();
  }
  for (const PendingAppend& append : pending) ExpectFailed(append.value().status());
  ExpectFailed(offsets.value());
  ExpectFailed(mutation.value());
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic_, 0)), ElementsAre("before0", "before1"));
}

// A refusal that was right only because of what is lost now would be wrong.
TEST_P(CommitFailureTest, TakesBackRefusalsOfTheSameGroup) {
  PendingAppend first, gap;
  {
    PipelinePause pause(log());
    first = Start(MakeRequest(topic_, {{0, MakeEvents("a", 1)}}, ProducerSequence{"p", 1}));
    gap = Start(MakeRequest(topic_, {{0, MakeEvents("b", 1)}}, ProducerSequence{"p", 3}));
    FailNextCommit();
  }
  ExpectFailed(first.value().status());
  ExpectFailed(gap.value().status());
}

// A retry in the group behind must not be told that its first try is stored.
TEST_P(CommitFailureTest, DoesNotCallALostAppendADuplicate) {
  pipeline_options().commit_bytes_max = 1;
  Reopen();
  PendingAppend first, retry;
  const auto request = [&] {
    return MakeRequest(topic_, {{0, MakeEvents("a", 1)}}, ProducerSequence{"p", 1});
  };
  {
    PipelinePause pause(log());
    first = Start(request());
    retry = Start(request());
    FailNextCommit();
  }
  ExpectFailed(first.value().status());
  ExpectFailed(retry.value().status());
}

TEST_P(CommitFailureTest, EndsWithTheNextOpen) {
  FailNextCommit();
  const auto request = [&] {
    return MakeRequest(topic_, {{0, MakeEvents("unknown", 1)}}, ProducerSequence{"p", 1});
  };
  ExpectFailed(Start(request()).value().status());
  Reopen();
  EXPECT_TRUE(log().health().ok());
  ASSERT_TRUE(Start(request()).value().ok());  // New or known: stored once.
  ASSERT_TRUE(harness_.Append(topic_, 0, MakeEvents("after", 1)).ok());
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic_, 0)),
              ElementsAre("before0", "before1", "unknown0", "after0"));
}

TEST_P(CommitFailureTest, ATopicIsNotCreatedByAFailedCommit) {
  FailNextCommit();
  ExpectFailed(harness_.CreateTopic("new").status());
  EXPECT_EQ(log().FindTopic("new").status().code(), absl::StatusCode::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Disk, CommitFailureTest,
                         ::testing::Values(CrashFileSystem::Operation::kSync,
                                           CrashFileSystem::Operation::kWrite),
                         [](const auto& info) {
                           return info.param == CrashFileSystem::Operation::kSync ? "Sync"
                                                                                  : "Write";
                         });

}  // namespace
}  // namespace tidemark::log
