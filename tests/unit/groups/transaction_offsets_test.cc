// Offsets committed together with an append: by whom, and how they meet acks and other commits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/groups/coordinator_fixture.h"

namespace tidemark::groups {
namespace {

using testing::MakeRequest;
using testing::PipelinePause;

class TransactionOffsetsTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    CoordinatorTest::SetUp();
    CreateTopic("out", 1);
    for (uint32_t p = 0; p < 4; ++p) Append("hr", p, 20);
  }

  // An append to "out" that commits offsets of groups.
  absl::StatusOr<log::AppendRequest> Request(std::vector<GroupOffsets> offsets) {
    auto participant = groups_->CommitWithAppend(std::move(offsets));
    if (!participant.ok()) return participant.status();
    log::AppendRequest request =
        MakeRequest(*harness_.log().FindTopic("out"), {{0, std::vector<testing::TestEvent>(1)}});
    request.participant = *std::move(participant);
    return request;
  }
  absl::Status Transact(std::vector<GroupOffsets> offsets) {
    absl::StatusOr<log::AppendRequest> request = Request(std::move(offsets));
    if (!request.ok()) return request.status();
    return harness_.Append(*std::move(request)).status();
  }
  absl::Status Transact(OffsetEntry entry) { return Transact({{"payroll", {std::move(entry)}}}); }
  static OffsetEntry By(const Consumer& consumer, uint32_t partition, uint64_t offset) {
    OffsetEntry entry = Entry(partition, offset);
    entry.member_id = consumer.member->id();
    const auto assigned = consumer.Find(partition);
    entry.assignment = assigned.has_value() ? assigned->assignment : 1;
    return entry;
  }
  uint64_t Appended() {
    return (*harness_.log().OpenPartition(**harness_.log().FindTopic("out"), PartitionIndex(0)))
        ->ends()
        .end.value();
  }
  void ExpectRefused(const absl::Status& status, absl::StatusCode code, const std::string& reason) {
    const uint64_t before = Appended();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(ReasonOf(status), reason) << status;
    EXPECT_EQ(Appended(), before);
  }
};

TEST_F(TransactionOffsetsTest, NobodysPartitionIsCommittedByAnybody) {
  ASSERT_TRUE(Commit({Entry(0, 0)}).ok());
  EXPECT_TRUE(Transact(Entry(0, 5)).ok());
  EXPECT_EQ(Offsets(), "hr/0@5");
  Restart();
  EXPECT_EQ(Offsets(), "hr/0@5");
}

TEST_F(TransactionOffsetsTest, AnUnknownGroupIsNotMade) {
  ExpectRefused(Transact(Entry(0, 5)), absl::StatusCode::kNotFound, "GROUP_NOT_FOUND");
}

TEST_F(TransactionOffsetsTest, AMembersPartitionIsCommittedByTheMemberOnly) {
  const ConsumerPtr owner = Join();
  ASSERT_TRUE(owner->Take(0, 10, 10));
  ExpectRefused(Transact(Entry(0, 5)), absl::StatusCode::kFailedPrecondition, "PARTITION_OWNED");
  OffsetEntry stranger = By(*owner, 0, 5);
  stranger.member_id = "member-999";
  ExpectRefused(Transact(stranger), absl::StatusCode::kAborted, "FENCED");
  OffsetEntry old = By(*owner, 0, 5);
  --old.assignment;
  ExpectRefused(Transact(old), absl::StatusCode::kAborted, "FENCED");
  EXPECT_TRUE(Transact(By(*owner, 0, 5)).ok());
  EXPECT_EQ(Offsets(), "hr/0@5");
  ExpectRefused(Transact(By(*owner, 0, 11)), absl::StatusCode::kOutOfRange, "OFFSET_NOT_DELIVERED");
  EXPECT_EQ(Appended(), 1);
}

// The promise of exactly once: what was taken away cannot be committed any more, also if it came
// back meanwhile.
TEST_F(TransactionOffsetsTest, AMemberWhosePartitionWasGivenAwayIsFenced) {
  const ConsumerPtr slow = Join();
  ASSERT_TRUE(slow->Take(0, 10, 10));
  const OffsetEntry late = By(*slow, 0, 10);
  slow->member->Leave();
  ExpectRefused(Transact(late), absl::StatusCode::kAborted, "FENCED");
  const ConsumerPtr next = Join();
  ASSERT_TRUE(next->Take(0, 6, 6));
  EXPECT_TRUE(Transact(By(*next, 0, 6)).ok());
  ExpectRefused(Transact(late), absl::StatusCode::kAborted, "FENCED");
  EXPECT_EQ(Offsets(), "hr/0@6");
}

TEST_F(TransactionOffsetsTest, AssignmentsAreNotUsedAgainAfterARestart) {
  const ConsumerPtr before = Join();
  ASSERT_TRUE(before->Take(0, 10, 10));
  const OffsetEntry late = By(*before, 0, 10);
  before->member.reset();
  clock().Advance(absl::Microseconds(1));
  Restart();
  const ConsumerPtr after = Join();
  ASSERT_EQ(after->member->id(), late.member_id);  // Names begin anew.
  ASSERT_TRUE(after->Take(0, 10, 10));
  ExpectRefused(Transact(late), absl::StatusCode::kAborted, "FENCED");
}

TEST_F(TransactionOffsetsTest, ASeekFencesWhatWasDeliveredBefore) {
  const ConsumerPtr owner = Join();
  ASSERT_TRUE(owner->Take(0, 10, 10));
  const auto sought = log::Await<std::vector<SeekMove>>([&](auto done) {
    groups_->SeekGroup("payroll", {{"hr", PartitionIndex(0), Offset(2)}}, false, std::move(done));
  });
  ASSERT_TRUE(sought.ok()) << sought.status();
  ExpectRefused(Transact(By(*owner, 0, 10)), absl::StatusCode::kAborted, "FENCED");
  EXPECT_EQ(Offsets(), "hr/0@2");
}

TEST_F(TransactionOffsetsTest, TheExpectedOffsetDecides) {
  ASSERT_TRUE(Commit({Entry(0, 5)}).ok());
  OffsetEntry entry = Entry(0, 8);
  entry.expected = Offset(4);
  ExpectRefused(Transact(entry), absl::StatusCode::kAborted, "OFFSET_MISMATCH");
  entry.expected = Offset(5);
  EXPECT_TRUE(Transact(entry).ok());
  ExpectRefused(Transact(entry), absl::StatusCode::kAborted, "OFFSET_MISMATCH");
  ExpectRefused(Transact(Entry(0, 7)), absl::StatusCode::kFailedPrecondition, "OFFSET_REWIND");
  ExpectRefused(Transact(Entry(0, 21)), absl::StatusCode::kOutOfRange, "OFFSET_OUT_OF_RANGE");
}

TEST_F(TransactionOffsetsTest, OffsetsOfSeveralGroupsAreCommittedTogetherOrNotAtAll) {
  ASSERT_TRUE(Commit({Entry(0, 1)}, false, "payroll").ok());
  ASSERT_TRUE(Commit({Entry(1, 1)}, false, "audit").ok());
  OffsetEntry wrong = Entry(1, 5);
  wrong.expected = Offset(2);
  for (const bool first : {true, false}) {
    std::vector<GroupOffsets> offsets = {{"payroll", {Entry(0, 5)}}, {"audit", {wrong}}};
    if (!first) std::swap(offsets[0], offsets[1]);
    ExpectRefused(Transact(offsets), absl::StatusCode::kAborted, "OFFSET_MISMATCH");
    EXPECT_EQ(Offsets(), "hr/0@1");
  }
  EXPECT_TRUE(Transact({{"payroll", {Entry(0, 5), Entry(2, 7)}}, {"audit", {Entry(1, 5)}}}).ok());
  EXPECT_EQ(Offsets(), "hr/0@5 hr/2@7");
}

TEST_F(TransactionOffsetsTest, GroupsThatAckByEventAreRefused) {
  ASSERT_TRUE(Commit({Entry(0, 0)}).ok());
  const auto changed = log::Await<storage::GroupRecord>([&](auto done) {
    groups_->UpdateGroup("payroll", {.mode = storage::GroupMode::kUnordered}, std::move(done));
  });
  ASSERT_TRUE(changed.ok()) << changed.status();
  ExpectRefused(Transact(Entry(0, 5)), absl::StatusCode::kFailedPrecondition,
                "GROUP_ACKS_BY_EVENT");
}

// The group's own write is on its way while a transaction that was asked for later is committed
// before it: the later offset stays.
TEST_F(TransactionOffsetsTest, AnOlderWriteOfTheGroupDoesNotUndoIt) {
  ASSERT_TRUE(Commit({Entry(0, 1)}).ok());
  absl::StatusOr<log::AppendRequest> request = Request({{"payroll", {Entry(0, 9)}}});
  ASSERT_TRUE(request.ok());
  ASSERT_TRUE(request->participant->MakeReady().ok());
  ASSERT_TRUE(request->participant->IsReady());
  absl::Notification appended, committed;
  absl::Status outcome;
  {
    PipelinePause pause(harness_.log());
    request->flow = log::FlowId{1};
    harness_.log().Append(*std::move(request), [&](absl::StatusOr<log::AppendResult> result) {
      outcome = result.status();
      appended.Notify();
    });
    // Queued behind it, with what was newest when it was queued.
    groups_->CommitOffsets("payroll", {Entry(0, 5)}, false,
                           [&](absl::Status) { committed.Notify(); });
  }
  appended.WaitForNotification();
  committed.WaitForNotification();
  EXPECT_TRUE(outcome.ok()) << outcome;
  EXPECT_EQ(Offsets(), "hr/0@9");
  Restart();
  EXPECT_EQ(Offsets(), "hr/0@9");
}

// Acks and transactions of one member, one after the other without waiting.
TEST_F(TransactionOffsetsTest, AcksAndTransactionsKeepTheirOrder) {
  const ConsumerPtr owner = Join();
  ASSERT_TRUE(owner->Take(0, 20, 20));
  std::vector<std::shared_ptr<absl::Notification>> pending;
  for (uint64_t offset = 1; offset <= 20; ++offset) {
    auto done = pending.emplace_back(std::make_shared<absl::Notification>());
    if (offset % 2 == 0) {
      owner->member->Ack({{"hr", PartitionIndex(0), Offset(offset)}},
                         [done](absl::StatusOr<AckResult> result) {
                           EXPECT_TRUE(result.ok() && result->rejected.empty());
                           done->Notify();
                         });
      continue;
    }
    absl::StatusOr<log::AppendRequest> request = Request({{"payroll", {By(*owner, 0, offset)}}});
    ASSERT_TRUE(request.ok());
    harness_.log().Append(*std::move(request), [done](absl::StatusOr<log::AppendResult> result) {
      // The ack behind it may have been faster.
      if (!result.ok()) {
        EXPECT_EQ(ReasonOf(result.status()), "OFFSET_REWIND");
      }
      done->Notify();
    });
  }
  for (const auto& done : pending) done->WaitForNotification();
  EXPECT_EQ(Offsets(), "hr/0@20");
  Restart();
  EXPECT_EQ(Offsets(), "hr/0@20");
}

TEST_F(TransactionOffsetsTest, ARevokedPartitionMovesWhenATransactionFinishesIt) {
  const ConsumerPtr first = Join();
  for (uint32_t p = 0; p < 4; ++p) ASSERT_TRUE(first->Take(p, 20, 20));
  const ConsumerPtr second = Join();
  EXPECT_EQ(second->owned(), 0);
  std::vector<OffsetEntry> entries;
  for (uint32_t p = 0; p < 4; ++p) entries.push_back(By(*first, p, 20));
  EXPECT_TRUE(Transact({{"payroll", entries}}).ok());
  second->OwnedOnce(2);
  EXPECT_EQ(second->owned(), 2);
  EXPECT_EQ(first->owned(), 2);
  EXPECT_EQ(Offsets(), "hr/0@20 hr/1@20 hr/2@20 hr/3@20");
}

}  // namespace
}  // namespace tidemark::groups
