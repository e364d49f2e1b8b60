#include "server/groups/offset_commits.h"

#include <memory>

#include "gtest/gtest.h"

namespace tidemark::groups {
namespace {

const LogId kLog(1);
const LogId kOther(2);
const storage::GroupId kGroup(7);

class OffsetCommitsTest : public ::testing::Test {
 protected:
  using Answer = std::shared_ptr<std::optional<absl::Status>>;

  Answer WhenDurable() {
    auto answer = std::make_shared<std::optional<absl::Status>>();
    commits_.WhenDurable([answer](absl::Status status) { *answer = std::move(status); });
    return answer;
  }
  // Calls who can be answered.
  void AnswerReady() {
    for (OffsetCommits::Ready& ready : commits_.TakeReady()) {
      std::move(std::get<log::DoneCallback>(ready.waiting))(ready.status);
    }
  }
  void End(const absl::Status& status) {
    commits_.EndWrite(status);
    AnswerReady();
  }
  // What the next write says of kLog; 0: nothing.
  uint64_t Begin() {
    for (const log::OffsetWrite& write : commits_.BeginWrite(kGroup)) {
      EXPECT_EQ(write.group, kGroup);
      if (write.log == kLog) return write.committed.value();
    }
    return 0;
  }

  OffsetCommits commits_;
};

TEST_F(OffsetCommitsTest, OnlyAcksArePatient) {
  commits_.Set(kLog, Offset(1));
  commits_.WhenDurable(PendingAck{.done = [](absl::StatusOr<AckResult>) {}});
  ASSERT_EQ(Begin(), 1u);
  EXPECT_EQ(commits_.haste(), log::Haste::kPatient);
  commits_.Set(kLog, Offset(2));
  commits_.WhenDurable(PendingAck{.done = [](absl::StatusOr<AckResult>) {}});
  const Answer answer = WhenDurable();
  commits_.EndWrite(absl::OkStatus());
  (void)commits_.TakeReady();
  ASSERT_EQ(Begin(), 2u);
  EXPECT_EQ(commits_.haste(), log::Haste::kNow);
}

TEST_F(OffsetCommitsTest, AnswersOnlyWhatIsDurable) {
  commits_.Set(kLog, Offset(5));
  const Answer answer = WhenDurable();
  EXPECT_EQ(Begin(), 5u);
  AnswerReady();
  EXPECT_FALSE(answer->has_value());
  EXPECT_EQ(commits_.Durable(kLog), std::nullopt);
  EXPECT_EQ(commits_.Newest(kLog), Offset(5));
  End(absl::OkStatus());
  EXPECT_TRUE((*answer)->ok());
  EXPECT_EQ(commits_.Durable(kLog), Offset(5));
}

TEST_F(OffsetCommitsTest, MergesWhatIsSetDuringAWriteIntoTheNext) {
  commits_.Set(kLog, Offset(5));
  EXPECT_EQ(Begin(), 5u);
  commits_.Set(kLog, Offset(6));
  commits_.Set(kLog, Offset(9));
  const Answer answer = WhenDurable();
  EXPECT_TRUE(commits_.BeginWrite(kGroup).empty());  // One at a time.
  End(absl::OkStatus());
  EXPECT_FALSE(answer->has_value());
  EXPECT_EQ(commits_.Newest(kLog), Offset(9));
  EXPECT_EQ(Begin(), 9u);
  End(absl::OkStatus());
  EXPECT_TRUE((*answer)->ok());
}

TEST_F(OffsetCommitsTest, WaitsForTheWriteUnderWay) {
  commits_.Set(kLog, Offset(5));
  EXPECT_EQ(Begin(), 5u);
  const Answer answer = WhenDurable();
  AnswerReady();
  EXPECT_FALSE(answer->has_value());
  End(absl::OkStatus());
  EXPECT_TRUE((*answer)->ok());
}

TEST_F(OffsetCommitsTest, AnswersAtOnceWhenNothingIsOnItsWay) {
  commits_.Load(kLog, Offset(3));
  const Answer answer = WhenDurable();
  AnswerReady();
  EXPECT_TRUE((*answer)->ok());
}

// A full queue must neither lose an offset, nor put an older one after a newer one.
TEST_F(OffsetCommitsTest, RepeatsAWriteThatTheQueueRefused) {
  commits_.Set(kLog, Offset(5));
  commits_.Set(kOther, Offset(1));
  const Answer first = WhenDurable();
  EXPECT_EQ(Begin(), 5u);
  commits_.Set(kLog, Offset(8));
  const Answer second = WhenDurable();
  End(absl::ResourceExhaustedError("full"));
  EXPECT_TRUE(commits_.BeginWrite(kGroup).empty());  // Not before Retry.
  EXPECT_TRUE(commits_.pending());
  commits_.Retry();
  const std::vector<log::OffsetWrite> writes = commits_.BeginWrite(kGroup);
  ASSERT_EQ(writes.size(), 2u);
  EXPECT_EQ(writes[0].committed, Offset(8));
  EXPECT_EQ(writes[1].committed, Offset(1));
  EXPECT_FALSE(first->has_value());
  End(absl::OkStatus());
  EXPECT_TRUE((*first)->ok());
  EXPECT_TRUE((*second)->ok());
}

TEST_F(OffsetCommitsTest, ForgetsWhatFailed) {
  commits_.Load(kLog, Offset(3));
  commits_.Set(kLog, Offset(5));
  const Answer answer = WhenDurable();
  EXPECT_EQ(Begin(), 5u);
  End(absl::UnavailableError("the store failed"));
  EXPECT_TRUE(absl::IsUnavailable(**answer));
  EXPECT_EQ(commits_.Newest(kLog), Offset(3));
  EXPECT_FALSE(commits_.pending());
}

TEST_F(OffsetCommitsTest, MovesBackWhenAsked) {
  commits_.Load(kLog, Offset(9));
  commits_.Set(kLog, Offset(2));
  EXPECT_EQ(commits_.Newest(kLog), Offset(2));
  EXPECT_EQ(Begin(), 2u);
  End(absl::OkStatus());
  EXPECT_EQ(commits_.Durable(kLog), Offset(2));
}

TEST_F(OffsetCommitsTest, ForgetsADeletedLogAndAnswersWhoWaitedForIt) {
  commits_.Set(kLog, Offset(5));
  const Answer answer = WhenDurable();
  commits_.Forget(kLog);
  EXPECT_TRUE(commits_.BeginWrite(kGroup).empty());
  AnswerReady();
  EXPECT_TRUE(answer->has_value());
  EXPECT_EQ(commits_.Newest(kLog), std::nullopt);
}

TEST_F(OffsetCommitsTest, DoesNotBringAForgottenLogBackAfterItsWrite) {
  commits_.Set(kLog, Offset(5));
  EXPECT_EQ(Begin(), 5u);
  commits_.Forget(kLog);
  End(absl::OkStatus());
  EXPECT_EQ(commits_.Durable(kLog), std::nullopt);
}

TEST_F(OffsetCommitsTest, AnswersEverybodyWhenAbandoned) {
  commits_.Set(kLog, Offset(5));
  const Answer answer = WhenDurable();
  commits_.Abandon(absl::NotFoundError("deleted"));
  AnswerReady();
  EXPECT_TRUE(absl::IsNotFound(**answer));
  EXPECT_FALSE(commits_.pending());
}

// --- Transactions.

TEST_F(OffsetCommitsTest, APutIsNewestAtOnceAndDurableAtItsEnd) {
  const uint64_t order = commits_.Put(kLog, Offset(5));
  EXPECT_EQ(commits_.Newest(kLog), Offset(5));
  EXPECT_EQ(commits_.Durable(kLog), std::nullopt);
  EXPECT_FALSE(commits_.pending());
  commits_.EndPut(kLog, Offset(5), order, true);
  EXPECT_EQ(commits_.Durable(kLog), Offset(5));
}

TEST_F(OffsetCommitsTest, AFailedPutLeavesWhatIsDurable) {
  commits_.Load(kLog, Offset(3));
  const uint64_t order = commits_.Put(kLog, Offset(5));
  commits_.EndPut(kLog, Offset(5), order, false);
  EXPECT_EQ(commits_.Newest(kLog), Offset(3));
}

TEST_F(OffsetCommitsTest, EndsMayBeToldInAnotherOrder) {
  const uint64_t first = commits_.Put(kLog, Offset(5));
  const uint64_t second = commits_.Put(kLog, Offset(7));
  commits_.EndPut(kLog, Offset(7), second, true);
  commits_.EndPut(kLog, Offset(5), first, true);
  EXPECT_EQ(commits_.Durable(kLog), Offset(7));
  EXPECT_EQ(commits_.Newest(kLog), Offset(7));
}

TEST_F(OffsetCommitsTest, AWriteThatIsPreparedLaterLeavesOutWhatWasPut) {
  commits_.Set(kLog, Offset(5));
  commits_.Set(kOther, Offset(1));
  std::vector<log::OffsetWrite> writes = commits_.BeginWrite(kGroup);
  ASSERT_EQ(writes.size(), 2);
  const uint64_t order = commits_.Put(kLog, Offset(7));
  commits_.Revise(writes);
  ASSERT_EQ(writes.size(), 1);
  EXPECT_EQ(writes.front().log, kOther);
  commits_.EndPut(kLog, Offset(7), order, true);
  End(absl::OkStatus());
  EXPECT_EQ(commits_.Durable(kLog), Offset(7));
  EXPECT_EQ(commits_.Durable(kOther), Offset(1));
}

TEST_F(OffsetCommitsTest, AWriteThatIsPreparedEarlierEndsBeforeThePut) {
  commits_.Set(kLog, Offset(5));
  std::vector<log::OffsetWrite> writes = commits_.BeginWrite(kGroup);
  commits_.Revise(writes);
  const uint64_t order = commits_.Put(kLog, Offset(7));
  EXPECT_EQ(writes.size(), 1);
  commits_.EndPut(kLog, Offset(7), order, true);
  End(absl::OkStatus());
  EXPECT_EQ(commits_.Durable(kLog), Offset(7));
  EXPECT_EQ(commits_.Newest(kLog), Offset(7));
}

TEST_F(OffsetCommitsTest, WhatWaitsForAWriteIsToldAfterThePutThatReplacesIt) {
  commits_.Set(kLog, Offset(5));
  EXPECT_EQ(Begin(), 5u);
  commits_.Put(kLog, Offset(7));
  const Answer answer = WhenDurable();
  End(absl::ResourceExhaustedError("full"));
  EXPECT_FALSE(answer->has_value());
  commits_.Retry();
  EXPECT_EQ(Begin(), 7u);
}

}  // namespace
}  // namespace tidemark::groups
