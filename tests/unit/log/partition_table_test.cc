#include "server/log/partition_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using testing::CrashFileSystem;
using ::testing::ElementsAre;
using testing::MakeRequest;

constexpr uint32_t kPartitions = 40;

class PartitionTableTest : public LogFixture {
 protected:
  void OpenWith(size_t partitions_cached_max) {
    harness_.options().log.partitions_cached_max = partitions_cached_max;
    Reopen();
    topic_ = MakeTopic("hr", {.partitions = kPartitions});
  }
  Offset AppendTo(uint32_t partition, const std::string& name) {
    const auto result = harness_.Append(topic_, partition, MakeEvents(name, 1));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->ranges.front().first : Offset(UINT64_MAX);
  }
  std::vector<std::string> EventsIn(uint32_t partition) {
    return IdsOf(harness_.ReadAll(*topic_, partition));
  }

  TopicPtr topic_;
};

TEST_F(PartitionTableTest, KeepsNoMoreThanItsBound) {
  OpenWith(4);
  for (uint32_t i = 0; i < kPartitions; ++i) AppendTo(i, "event");
  log().TrimPartitions();  // The last commit may have been using one.
  EXPECT_LE(log().partitions_loaded(), 4u);
  EXPECT_GT(log().partitions_loaded(), 0u);
}

TEST_F(PartitionTableTest, OffsetsGoOnAfterEviction) {
  OpenWith(1);
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < kPartitions; ++i) {
      ASSERT_EQ(AppendTo(i, absl::StrCat("round", round, "-")), Offset(round));
    }
  }
  EXPECT_THAT(EventsIn(7), ElementsAre("round0-0", "round1-0", "round2-0"));
}

TEST_F(PartitionTableTest, WhatIsInUseStaysTheOnlyOne) {
  OpenWith(1);
  const PartitionPtr held = Open(topic_, 0);
  for (uint32_t i = 0; i < kPartitions; ++i) AppendTo(i, "event");
  EXPECT_EQ(Open(topic_, 0), held);
  EXPECT_EQ(held->ends().end, Offset(1));
  AppendTo(0, "more");
  EXPECT_EQ(held->ends().end, Offset(2));
}

TEST_F(PartitionTableTest, KeepsWhatWasUsedLatelyRatherThanWhatWasNot) {
  OpenWith(8);
  const auto cached = [&] {
    const auto hits = [&] { return harness_.metrics().read_tail_hits_total.Value(); };
    const double before = hits();
    EventsIn(0);
    return hits() > before;
  };
  for (uint32_t i = 0; i < kPartitions; ++i) {
    AppendTo(i, "event");
    Open(topic_, 0);  // Of all of them only this is used again and again.
  }
  EXPECT_TRUE(cached());
}

TEST_F(PartitionTableTest, WhatWasInUseLeavesWhenItNoLongerIs) {
  OpenWith(2);
  std::vector<PartitionPtr> held;
  for (uint32_t i = 0; i < kPartitions; ++i) held.push_back(Open(topic_, i));
  EXPECT_EQ(log().partitions_loaded(), kPartitions);
  held.clear();
  for (int i = 0; i < 3; ++i) log().TrimPartitions();  // A second chance, then out.
  EXPECT_LE(log().partitions_loaded(), 2u);
}

// An evicted partition's batches are still in the tail's books; they must not take from its
// successor.
TEST_F(PartitionTableTest, TheTailsBooksSurviveEviction) {
  harness_.options().log.pipeline.tail_bytes_max = 4096;
  OpenWith(1);
  for (int round = 0; round < 20; ++round) {
    for (uint32_t i = 0; i < 5; ++i) AppendTo(i, absl::StrCat("r", round, "-"));
  }
  for (uint32_t i = 0; i < 5; ++i) {
    const std::vector<std::string> events = EventsIn(i);
    ASSERT_EQ(events.size(), 20u);
    EXPECT_EQ(events.back(), "r19-0");
  }
}

// What was written but perhaps never synced must not be read from the store as if it were durable.
TEST_F(PartitionTableTest, EvictsNothingAfterACommitOfUnknownFate) {
  OpenWith(1);
  disk_.FailOnce(CrashFileSystem::Operation::kSync, ".log");
  EXPECT_FALSE(harness_.Append(topic_, 0, MakeEvents("lost", 1)).ok());
  for (uint32_t i = 0; i < kPartitions; ++i) Open(topic_, i);
  EXPECT_EQ(log().partitions_loaded(), kPartitions);
  EXPECT_EQ(EndOf(topic_, 0), Offset(0));
}

TEST_F(PartitionTableTest, ADeletedTopicLeavesNothingBehind) {
  OpenWith(1000);
  for (uint32_t i = 0; i < kPartitions; ++i) AppendTo(i, "event");
  const PartitionPtr held = Open(topic_, 3);
  ASSERT_TRUE(harness_.DeleteTopic("hr").ok());
  EXPECT_EQ(log().partitions_loaded(), 0u);
  EXPECT_TRUE(held->deleted());
}

// Loads, evictions and appends of the same few partitions by many threads at once: offsets stay
// dense, and every thread sees the events it was told of.
TEST_F(PartitionTableTest, ManyThreadsNeverSeeTwoOfOneLog) {
  OpenWith(1);
  constexpr int kThreads = 4;
  constexpr int kAppends = 100;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kAppends; ++i) {
        const auto partition = static_cast<uint32_t>((t + i) % 3);
        const auto first = AppendTo(partition, absl::StrCat("t", t, "-", i, "-"));
        ASSERT_GT(EndOf(topic_, partition), first);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  size_t events = 0;
  for (uint32_t i = 0; i < 3; ++i) events += EventsIn(i).size();
  EXPECT_EQ(events, size_t{kThreads} * kAppends);
}

}  // namespace
}  // namespace tidemark::log
