// Acks: what they commit, and what filters pass.
#include "tests/unit/groups/coordinator_fixture.h"

namespace tidemark::groups {
namespace {

class AcksTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    CoordinatorTest::SetUp();
    for (uint32_t i = 0; i < 4; ++i) Append("hr", i, 10);
  }
  bool Progress(Consumer& consumer, uint32_t partition, uint64_t delivered_end, uint64_t scanned_to,
                uint64_t events) {
    return consumer.member->Progress(consumer.Find(partition)->log, Offset(delivered_end),
                                     Offset(scanned_to), events);
  }
  // After everything that is under way is on disk.
  std::string OffsetsSettled(Consumer& consumer) {
    EXPECT_TRUE(Settle(consumer));
    return Offsets();
  }
};

TEST_F(AcksTest, AreDurableWhenConfirmed) {
  {
    const ConsumerPtr consumer = Join();
    ASSERT_TRUE(consumer->Take(0, 10, 10));
    const absl::StatusOr<AckResult> result = consumer->Ack(0, 7);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->committed,
              (std::vector<TopicPartitionOffset>{{"hr", PartitionIndex(0), Offset(7)}}));
    EXPECT_TRUE(result->rejected.empty());
  }
  Restart();
  EXPECT_EQ(Offsets(), "hr/0@7");
}

TEST_F(AcksTest, NeverMoveBack) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(consumer->Ack(0, 7).ok());
  const absl::StatusOr<AckResult> older = consumer->Ack(0, 3);
  ASSERT_TRUE(older.ok());
  EXPECT_EQ(older->committed.at(0).offset, Offset(7));
  EXPECT_EQ(Offsets(), "hr/0@7");
}

TEST_F(AcksTest, OfWhatWasNotDeliveredAreRejectedOneByOne) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 5, 5));
  const absl::StatusOr<AckResult> result = log::Await<AckResult>([&](auto done) {
    consumer->member->Ack({{"hr", PartitionIndex(0), Offset(5)},
                           {"hr", PartitionIndex(1), Offset(1)},
                           {"hr", PartitionIndex(9), Offset(1)},
                           {"pay", PartitionIndex(0), Offset(1)}},
                          std::move(done));
  });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->committed.size(), 1u);
  ASSERT_EQ(result->rejected.size(), 3u);
  EXPECT_EQ(result->rejected[0].reason, AckRejection::kOutOfRange);
  EXPECT_EQ(result->rejected[0].ack.partition, PartitionIndex(1));
  EXPECT_EQ(result->rejected[1].reason, AckRejection::kFenced);
  EXPECT_EQ(result->rejected[2].reason, AckRejection::kFenced);
}

TEST_F(AcksTest, OfEverythingDeliveredCommitWhatTheFilterPassed) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(Progress(*consumer, 0, 4, 10, 2));
  EXPECT_EQ(consumer->Ack(0, 2)->committed.at(0).offset, Offset(2));
  EXPECT_EQ(consumer->Ack(0, 4)->committed.at(0).offset, Offset(10));
}

TEST_F(AcksTest, AreNotNeededForWhatTheFilterPassed) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(Progress(*consumer, 0, 0, 6, 0));
  groups_->Tick(clock().Now());
  EXPECT_EQ(OffsetsSettled(*consumer), "hr/0@6");
  ASSERT_TRUE(Progress(*consumer, 0, 0, 9, 0));
  clock().Advance(options_.scan_commit_interval - absl::Milliseconds(1));
  groups_->Tick(clock().Now());
  EXPECT_EQ(OffsetsSettled(*consumer), "hr/0@6");  // Not that often.
  clock().Advance(absl::Milliseconds(1));
  groups_->Tick(clock().Now());
  EXPECT_EQ(OffsetsSettled(*consumer), "hr/0@9");
}

TEST_F(AcksTest, AreNeededBeforeWhatTheFilterPassedBehindThem) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(Progress(*consumer, 0, 3, 3, 1));
  ASSERT_TRUE(Progress(*consumer, 0, 3, 9, 0));
  groups_->Tick(clock().Now());
  EXPECT_EQ(OffsetsSettled(*consumer), "");
}

TEST_F(AcksTest, AGapIsPassedWhenSomethingBehindItIsAcked) {
  const ConsumerPtr consumer = Join();
  const LogId log = consumer->Find(0)->log;
  ASSERT_TRUE(Progress(*consumer, 0, 3, 3, 3));
  ASSERT_TRUE(consumer->member->PassGap(log, Offset(3), Offset(6)));
  ASSERT_TRUE(Progress(*consumer, 0, 8, 9, 2));
  EXPECT_EQ(consumer->Ack(0, 3)->committed.at(0).offset, Offset(3));
  EXPECT_EQ(consumer->Ack(0, 7)->committed.at(0).offset, Offset(7));
  EXPECT_EQ(consumer->Ack(0, 8)->committed.at(0).offset, Offset(9));
}

TEST_F(AcksTest, AGapIsToldToTheNextOwnerWhenNothingBehindItIsAcked) {
  const ConsumerPtr consumer = Join();
  const ConsumerPtr other = Join();
  const LogId log = consumer->Find(0)->log;
  ASSERT_TRUE(Progress(*consumer, 0, 3, 3, 3));
  ASSERT_TRUE(consumer->member->PassGap(log, Offset(3), Offset(6)));
  ASSERT_TRUE(consumer->member->PassGap(log, Offset(6), Offset(8)));
  ASSERT_TRUE(
      Progress(*consumer, 0, 0, 9, 0));  // What the filter passes does not show that it came.
  EXPECT_EQ(consumer->Ack(0, 3)->committed.at(0).offset, Offset(3));
  consumer->member->Leave();
  EXPECT_EQ(OffsetsSettled(*other), "hr/0@3");
  EXPECT_EQ(other->Find(0)->from, Offset(3));
}

TEST_F(AcksTest, LeavingCommitsWhatTheFilterPassed) {
  const ConsumerPtr consumer = Join();
  const ConsumerPtr other = Join();
  ASSERT_TRUE(Progress(*consumer, 0, 0, 9, 0));
  consumer->member->Leave();
  EXPECT_EQ(OffsetsSettled(*other), "hr/0@9");
  EXPECT_EQ(other->Find(0)->from, Offset(9));
}

TEST_F(AcksTest, AreConfirmedAlsoAfterLeaving) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  testing::PipelinePause pause(harness_.log());
  absl::Notification acked;
  consumer->member->Ack({{"hr", PartitionIndex(0), Offset(10)}},
                        [&](absl::StatusOr<AckResult> result) {
                          EXPECT_TRUE(result.ok() && result->rejected.empty());
                          acked.Notify();
                        });
  consumer->member->Leave();
  pause.Resume();
  acked.WaitForNotification();
  EXPECT_EQ(Offsets(), "hr/0@10");
}

TEST_F(AcksTest, WaitOutAFullCommitQueue) {
  Close();
  harness_.options().log.pipeline.queue_bytes_max = 400;  // One small request.
  Open();
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  absl::Notification acked;
  absl::Notification room;
  {
    testing::PipelinePause pause(harness_.log());
    // Fills the queue.
    harness_.log().CommitOffsets({}, [&](absl::Status) { room.Notify(); });
    consumer->member->Ack({{"hr", PartitionIndex(0), Offset(10)}},
                          [&](absl::StatusOr<AckResult> result) {
                            EXPECT_TRUE(result.ok());
                            acked.Notify();
                          });
    groups_->Tick(clock().Now());
    EXPECT_FALSE(acked.HasBeenNotified());
  }
  room.WaitForNotification();
  groups_->Tick(clock().Now());
  acked.WaitForNotification();
  EXPECT_EQ(Offsets(), "hr/0@10");
}

TEST_F(AcksTest, FailWhenTheStoreStops) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  harness_.log().Stop();
  EXPECT_TRUE(absl::IsUnavailable(consumer->Ack(0, 10).status()));
}

}  // namespace
}  // namespace tidemark::groups
