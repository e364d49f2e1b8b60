// Retention: what a rule has passed is not readable, whoever looks first, and its bytes leave.
// Method: a manual clock; StepRetention is what the server does ten times a second.
#include "server/log/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <system_error>
#include <thread>

#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kMinuteUs = 60'000'000;

class RetentionTest : public LogFixture {
 protected:
  void SetUp() override {
    harness_.options().store.epoch_bytes = 64 << 10;
    LogFixture::SetUp();
  }
  void Append(const TopicPtr& topic, absl::string_view name, int count, size_t bytes = 10) {
    ASSERT_TRUE(harness_.Append(topic, 0, MakeEvents(name, count, bytes)).ok());
  }
  void Advance(absl::Duration time) { harness_.clock().Advance(time); }
  void Update(const std::string& name, std::optional<uint64_t> max_age_us,
              std::optional<uint64_t> max_bytes) {
    ASSERT_TRUE(Await<TopicPtr>([&](auto done) {
                  log().UpdateTopic(
                      name,
                      [=](storage::TopicConfig& config) {
                        config.retention_max_age_us = max_age_us;
                        config.retention_max_bytes = max_bytes;
                        return absl::OkStatus();
                      },
                      std::move(done));
                }).ok());
  }
  Partition::Ends EndsOf(const TopicPtr& topic) { return Open(topic, 0)->ends(); }
  uint64_t DataBytes() const {
    uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      if (entry.path().extension() != ".sst") continue;
      std::error_code gone;
      const uint64_t size = entry.file_size(gone);
      if (!gone) bytes += size;
    }
    return bytes;
  }
};

TEST_F(RetentionTest, KeepsEverythingByDefault) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, "a", 3);
  Advance(absl::Hours(1'000'000));
  log().StepRetention();
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic, 0)), SizeIs(3));
}

TEST_F(RetentionTest, PassesBatchesThatAreAsOldAsMaxAge) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_age_us = kMinuteUs});
  Append(topic, "a", 2);
  Advance(absl::Seconds(30));
  Append(topic, "b", 3);
  Advance(absl::Seconds(30) - absl::Microseconds(1));
  EXPECT_EQ(EndsOf(topic).start, Offset(0));
  Advance(absl::Microseconds(1));
  EXPECT_EQ(EndsOf(topic).start, Offset(2));
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic, 0)), ElementsAre("b0", "b1", "b2"));
}

// Nobody appends and no step was taken: who opens the partition finds it as the rule says.
TEST_F(RetentionTest, IsEnforcedOnAnIdleTopicTheMomentItIsOpened) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_age_us = kMinuteUs});
  Append(topic, "a", 2);
  Advance(absl::Minutes(2));
  const Partition::Ends ends = EndsOf(topic);
  EXPECT_EQ(ends.start, Offset(2));
  EXPECT_EQ(ends.end, Offset(2));
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic, 0)), IsEmpty());
}

TEST_F(RetentionTest, AStepEnforcesItWithoutAReader) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_age_us = kMinuteUs});
  Append(topic, "a", 2);
  const PartitionPtr partition = Open(topic, 0);
  log().StepRetention();
  EXPECT_EQ(partition->ends().start, Offset(0));
  Advance(absl::Minutes(2));
  log().StepRetention();
  EXPECT_EQ(partition->ends().start, Offset(2));
  // What comes later has its own time.
  Append(topic, "b", 1);
  Advance(absl::Seconds(59));
  log().StepRetention();
  EXPECT_EQ(partition->ends().start, Offset(2));
  Advance(absl::Seconds(1));
  log().StepRetention();
  EXPECT_EQ(partition->ends().start, Offset(3));
}

TEST_F(RetentionTest, AStepFindsPartitionsThatNobodyHasLoadedSinceTheStart) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_age_us = kMinuteUs});
  Append(topic, "a", 2);
  Reopen();
  log().StepRetention();
  Advance(absl::Minutes(2));
  log().StepRetention();
  EXPECT_EQ((*harness_.store().ReadLogStart(topic->log(PartitionIndex(0))))->start, Offset(2));
}

TEST_F(RetentionTest, PassesTheOldestBatchesAboveMaxBytes) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_bytes = 5'000});
  for (int i = 0; i < 10; ++i) Append(topic, absl::StrCat("e", i), 1, 1000);
  const Partition::Ends ends = EndsOf(topic);
  EXPECT_EQ(ends.end, Offset(10));
  EXPECT_EQ(ends.start, Offset(6));  // Four of a bit more than 1000 bytes each.
  EXPECT_LE(Open(topic, 0)->kept().bytes(), 5'000u);
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic, 0)), ElementsAre("e60", "e70", "e80", "e90"));
}

TEST_F(RetentionTest, MaxBytesKeepsTheNewestBatch) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_bytes = 1});
  Append(topic, "a", 2, 1000);
  EXPECT_EQ(EndsOf(topic).start, Offset(0));
  Append(topic, "b", 3, 1000);
  EXPECT_EQ(EndsOf(topic).start, Offset(2));
}

TEST_F(RetentionTest, AStepLetsALittleCollectAboveMaxBytesAndAReaderDoesNotSeeIt) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_bytes = 100'000});
  const PartitionPtr partition = Open(topic, 0);
  for (int i = 0; i < 97; ++i) Append(topic, "e", 1, 1000);
  while (partition->kept().bytes() <= 100'000) Append(topic, "e", 1, 1000);
  log().StepRetention();
  EXPECT_EQ(partition->ends().start, Offset(0));
  EXPECT_EQ(EndsOf(topic).start, Offset(1));
  for (int i = 0; i < 5; ++i) Append(topic, "e", 1, 1000);
  log().StepRetention();
  EXPECT_LE(partition->kept().bytes(), 100'000u);
}

TEST_F(RetentionTest, AShorterRuleTakesEffectAtOnce) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, "a", 2);
  Advance(absl::Minutes(10));
  Append(topic, "b", 1);
  Update("hr", kMinuteUs, std::nullopt);
  EXPECT_EQ(EndsOf(topic).start, Offset(2));
}

TEST_F(RetentionTest, ALongerRuleBringsNothingBack) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_age_us = kMinuteUs});
  Append(topic, "a", 2);
  Advance(absl::Minutes(2));
  Append(topic, "b", 1);
  EXPECT_EQ(EndsOf(topic).start, Offset(2));
  Update("hr", std::nullopt, std::nullopt);
  Advance(absl::Hours(1));
  EXPECT_EQ(EndsOf(topic).start, Offset(2));
  Reopen();
  EXPECT_EQ(EndsOf(topic).start, Offset(2));
  EXPECT_EQ(EndsOf(topic).end, Offset(3));
}

// A decision made under one rule has no effect under another.
TEST_F(RetentionTest, ATrimOfAnOldRuleHasNoEffect) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_age_us = kMinuteUs});
  Append(topic, "a", 2);
  const PartitionPtr partition = Open(topic, 0);
  Advance(absl::Minutes(2));
  testing::PipelinePause pause(log());
  Pending<absl::StatusOr<TopicPtr>> updated;
  log().UpdateTopic(
      "hr",
      [](storage::TopicConfig& config) {
        config.retention_max_age_us.reset();
        return absl::OkStatus();
      },
      updated.callback());
  std::thread step([&] { log().StepRetention(); });
  pause.Resume();
  step.join();
  ASSERT_TRUE(updated.value().ok());
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic, 0)), SizeIs(2));
}

TEST_F(RetentionTest, AnEmptiedPartitionGoesOnWhereItWasAfterARestart) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_age_us = kMinuteUs});
  Append(topic, "a", 5);
  Advance(absl::Minutes(2));
  EXPECT_EQ(EndsOf(topic).start, Offset(5));
  Reopen();
  EXPECT_EQ(EndsOf(topic).start, Offset(5));
  EXPECT_EQ(EndsOf(topic).end, Offset(5));
  const auto result = harness_.Append(topic, 0, MakeEvents("b", 1));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->ranges[0].first, Offset(5));
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic, 0)), ElementsAre("b0"));
}

TEST_F(RetentionTest, BytesAreCountedOnAfterARestart) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_bytes = 5'000});
  for (int i = 0; i < 10; ++i) Append(topic, "e", 1, 1000);
  EXPECT_EQ(EndsOf(topic).start, Offset(6));
  Reopen();
  const uint64_t bytes = Open(topic, 0)->kept().bytes();
  EXPECT_GT(bytes, 4'000u);
  EXPECT_LE(bytes, 5'000u);
  Append(topic, "e", 1, 1000);
  EXPECT_EQ(EndsOf(topic).start, Offset(7));
}

// A reader in the middle of what goes is told so, not that its data is damaged.
TEST_F(RetentionTest, AReaderBelowTheStartIsToldThatItIsTooOld) {
  pipeline_options().tail_bytes_max = 0;  // Reads go to the store.
  Reopen();
  const TopicPtr topic = MakeTopic("hr", {.retention_max_age_us = kMinuteUs});
  for (int i = 0; i < 40; ++i) Append(topic, "e", 10, 1000);
  const PartitionPtr partition = Open(topic, 0);
  Advance(absl::Minutes(2));
  std::thread step([&] { log().StepRetention(); });
  while (true) {
    const auto read =
        log().reader().Read(*partition, Offset(0), Offset(400), 1 << 20, MayWait::kYes);
    ASSERT_TRUE(read.ok()) << read.status();
    if (read->state == PartitionRead::State::kTooOld) break;
    ASSERT_EQ(read->state, PartitionRead::State::kBatches);
  }
  step.join();
  EXPECT_EQ(harness_.metrics().corrupt_batches_total.Value(), 0);
}

TEST_F(RetentionTest, FreesTheDiskOfTopicsThatShareFiles) {
  const TopicPtr day = MakeTopic("day", {.retention_max_age_us = kMinuteUs});
  const TopicPtr week = MakeTopic("week", {.retention_max_age_us = 10 * kMinuteUs});
  const TopicPtr kept = MakeTopic("kept");
  const auto fill = [&] {
    for (int i = 0; i < 120; ++i) {
      Append(day, "d", 15, 1000);
      Append(week, "w", 10, 1000);
      if (i % 5 == 0) Append(kept, "k", 1, 1000);
    }
  };
  ASSERT_NO_FATAL_FAILURE(fill());
  Reopen();  // All of it is in files.
  const uint64_t before = DataBytes();
  Advance(absl::Minutes(2));
  log().StepRetention();
  log().reclaimer().WaitUntilIdle();
  Reopen();  // What compaction replaced is deleted by now.
  log().reclaimer().WaitUntilIdle();
  EXPECT_LT(DataBytes(), before * 6 / 10);
  EXPECT_THAT(IdsOf(harness_.ReadAll(*week, 0)), SizeIs(1200));
  Advance(absl::Minutes(10));
  log().StepRetention();
  log().reclaimer().WaitUntilIdle();
  Reopen();
  EXPECT_LT(DataBytes(), before * 2 / 10);
  EXPECT_THAT(IdsOf(harness_.ReadAll(*kept, 0)), SizeIs(24));
  EXPECT_THAT(IdsOf(harness_.ReadAll(*day, 0)), IsEmpty());
}

TEST_F(RetentionTest, CountsWhatItDoes) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_age_us = kMinuteUs});
  Append(topic, "a", 2, 1000);
  Append(topic, "b", 3, 1000);
  const uint64_t bytes = Open(topic, 0)->kept().bytes();
  Advance(absl::Minutes(2));
  log().StepRetention();
  const metrics::Metrics& metrics = harness_.metrics();
  EXPECT_EQ(metrics.retention_starts_moved_total.Value(), 1);
  EXPECT_EQ(metrics.retention_events_total.Value(), 5);
  EXPECT_EQ(metrics.retention_bytes_total.Value(), static_cast<double>(bytes));
}

// Every partition has its turn, however many there are.
TEST_F(RetentionTest, StepsTakeTurnsOverPartitions) {
  constexpr uint32_t kPartitions = 1500;
  std::vector<TopicPtr> topics;
  for (const char* name : {"a", "b", "c"}) {
    topics.push_back(
        MakeTopic(name, {.partitions = kPartitions, .retention_max_age_us = kMinuteUs}));
  }
  for (const TopicPtr& topic : topics) {
    ASSERT_TRUE(harness_.Append(topic, kPartitions - 1, MakeEvents("e", 1)).ok());
  }
  Advance(absl::Minutes(2));
  for (int i = 0; i < 3; ++i) log().StepRetention();
  EXPECT_EQ(harness_.metrics().retention_starts_moved_total.Value(), 3);
}

}  // namespace
}  // namespace tidemark::log
