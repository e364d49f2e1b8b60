#include "server/log/reclaimer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class ReclaimerTest : public LogFixture {
 protected:
  void SetUp() override {
    harness_.options().store.epoch_bytes = 64 << 10;
    LogFixture::SetUp();
  }
  // Several epochs of both topics, interleaved.
  void Fill(const TopicPtr& one, const TopicPtr& two) {
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE(harness_.Append(one, i % one->partitions(), MakeEvents("one", 10, 1000)).ok());
      ASSERT_TRUE(harness_.Append(two, i % two->partitions(), MakeEvents("two", 10, 1000)).ok());
    }
  }
  uint64_t DataBytes() const {
    uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      if (entry.path().extension() != ".sst") continue;
      std::error_code gone;  // Compaction deletes files meanwhile.
      const uint64_t size = entry.file_size(gone);
      if (!gone) bytes += size;
    }
    return bytes;
  }
  void ExpectReclaimed(const TopicPtr& topic) {
    EXPECT_THAT(*harness_.store().ReadDeletedTopics(), IsEmpty());
    for (uint32_t i = 0; i < topic->partitions(); ++i) {
      const LogId log_id = topic->log(PartitionIndex(i));
      EXPECT_FALSE(harness_.store().FirstBatch(log_id)->has_value()) << i;
      EXPECT_THAT(*harness_.store().ReadBatches(log_id, Offset(0), Offset(1000), 1), IsEmpty());
    }
  }
};

TEST_F(ReclaimerTest, FreesTheBytesOfADeletedTopic) {
  const TopicPtr gone = MakeTopic("gone", {.partitions = 2});
  const TopicPtr kept = MakeTopic("kept");
  ASSERT_NO_FATAL_FAILURE(Fill(gone, kept));
  Reopen();  // Everything is in files now.
  const uint64_t before = DataBytes();
  ASSERT_TRUE(harness_.DeleteTopic("gone").ok());
  log().reclaimer().WaitUntilIdle();
  ExpectReclaimed(gone);
  Reopen();  // What compaction replaced is deleted by now.
  EXPECT_LT(DataBytes(), before * 6 / 10);
}

TEST_F(ReclaimerTest, LeavesOtherTopicsAlone) {
  const TopicPtr gone = MakeTopic("gone", {.partitions = 2});
  const TopicPtr kept = MakeTopic("kept");
  ASSERT_NO_FATAL_FAILURE(Fill(gone, kept));
  ASSERT_TRUE(harness_.DeleteTopic("gone").ok());
  log().reclaimer().WaitUntilIdle();
  EXPECT_THAT(IdsOf(harness_.ReadAll(*kept, 0)), SizeIs(400));
  Reopen();
  EXPECT_THAT(IdsOf(harness_.ReadAll(*kept, 0)), SizeIs(400));
}

TEST_F(ReclaimerTest, ForgetsTheGroupsOffsetsInATopic) {
  const TopicPtr gone = MakeTopic("gone", {.partitions = 2});
  const TopicPtr kept = MakeTopic("kept");
  const storage::GroupId group(1);
  const LogId kept_log = kept->log(PartitionIndex(0));
  ASSERT_TRUE(AwaitDone([&](auto done) {
                log().Mutate({.prepare =
                                  [&](storage::WriteSet& set) {
                                    set.PutGroup({.id = group, .name = "payroll"});
                                    return absl::OkStatus();
                                  },
                              .publish = [] {},
                              .done = std::move(done)});
              }).ok());
  ASSERT_TRUE(AwaitDone([&](auto done) {
                log().CommitOffsets({{group, gone->log(PartitionIndex(0)), Offset(1)},
                                     {group, gone->log(PartitionIndex(1)), Offset(1)},
                                     {group, kept_log, Offset(2)}},
                                    std::move(done));
              }).ok());
  ASSERT_TRUE(harness_.DeleteTopic("gone").ok());
  log().reclaimer().WaitUntilIdle();
  EXPECT_THAT(*harness_.store().ReadOffsets(group), ElementsAre(Pair(kept_log, Offset(2))));
}

TEST_F(ReclaimerTest, GoesOnAfterARestart) {
  const TopicPtr gone = MakeTopic("gone", {.partitions = 2});
  const TopicPtr kept = MakeTopic("kept");
  ASSERT_NO_FATAL_FAILURE(Fill(gone, kept));
  log().reclaimer().Stop();
  ASSERT_TRUE(harness_.DeleteTopic("gone").ok());
  EXPECT_THAT(*harness_.store().ReadDeletedTopics(), SizeIs(1));
  Reopen();
  log().reclaimer().WaitUntilIdle();
  ExpectReclaimed(gone);
  EXPECT_THAT(IdsOf(harness_.ReadAll(*kept, 0)), SizeIs(400));
}

TEST_F(ReclaimerTest, ReclaimsATopicThatNeverHadAnEvent) {
  const TopicPtr gone = MakeTopic("gone");
  ASSERT_TRUE(harness_.DeleteTopic("gone").ok());
  log().reclaimer().WaitUntilIdle();
  ExpectReclaimed(gone);
}

// A reader in the middle of a topic that goes away is told that, not that its data is damaged.
TEST_F(ReclaimerTest, AReaderLearnsThatTheTopicIsDeleted) {
  pipeline_options().tail_bytes_max = 0;  // Reads go to the store.
  Reopen();
  const TopicPtr gone = MakeTopic("gone");
  const TopicPtr kept = MakeTopic("kept");
  ASSERT_NO_FATAL_FAILURE(Fill(gone, kept));
  const PartitionPtr partition = Open(gone, 0);
  PendingDone deletion;
  log().DeleteTopic("gone", deletion.callback());
  while (true) {
    const auto read =
        log().reader().Read(*partition, Offset(0), Offset(400), 1 << 20, MayWait::kYes);
    ASSERT_TRUE(read.ok()) << read.status();
    if (read->state == PartitionRead::State::kDeleted) break;
    ASSERT_EQ(read->state, PartitionRead::State::kBatches);
  }
  EXPECT_TRUE(deletion.value().ok());
  EXPECT_EQ(harness_.metrics().corrupt_batches_total.Value(), 0);
}

}  // namespace
}  // namespace tidemark::log
