#include "bench/workload/quick_goals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tidemark::bench {
namespace {

using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Result WithLatency(const char* name, double p50_us, double p99_us) {
  return {.name = name,
          .value = p50_us,
          .percentiles = Percentiles{.p50_us = p50_us, .p99_us = p99_us}};
}

const GoalCheck* Find(const std::vector<GoalCheck>& checks, const std::string& name) {
  for (const GoalCheck& check : checks) {
    if (check.name == name) return &check;
  }
  return nullptr;
}

TEST(QuickGoalsTest, LeavesOutGoalsWithoutFigures) { EXPECT_THAT(QuickGoals({}), IsEmpty()); }

TEST(QuickGoalsTest, LeavesOutARatioToABaselineOfZero) {
  EXPECT_EQ(Find(QuickGoals({{.name = kReplayBytesName, .value = 5}, {.name = kRawStreamName}}),
                 "replay / raw byte stream"),
            nullptr);
}

TEST(QuickGoalsTest, ComparesReplayWithTheRawStream) {
  const auto checks = QuickGoals(
      {{.name = kRawStreamName, .value = 1000}, {.name = kReplayBytesName, .value = 790}});
  ASSERT_THAT(checks, SizeIs(1));
  EXPECT_EQ(checks[0].goal, 3);
  EXPECT_DOUBLE_EQ(checks[0].value, 0.79);
  EXPECT_FALSE(checks[0].Holds());
}

TEST(QuickGoalsTest, AllowsOneCallerTheNoopAndASyncTogether) {
  const auto checks =
      QuickGoals({WithLatency(kSyncName, 100, 200), WithLatency(kNoopUnary1Name, 50, 60),
                  WithLatency(kUnary1Name, 180, 300)});
  const GoalCheck* const check = Find(checks, "unary p50 / (no-op p50 + fdatasync p50), 1 caller");
  ASSERT_NE(check, nullptr);
  EXPECT_DOUBLE_EQ(check->value, 1.2);
  EXPECT_TRUE(check->Holds());
}

TEST(QuickGoalsTest, CountsTheIndexCostAsLostThroughput) {
  const auto checks = QuickGoals(
      {{.name = kAppendName, .value = 600}, {.name = kAppendUnindexedName, .value = 1000}});
  const GoalCheck* const check = Find(checks, "append throughput lost to the key index");
  ASSERT_NE(check, nullptr);
  EXPECT_NEAR(check->value, 40, 1e-9);
  EXPECT_FALSE(check->Holds());
}

TEST(QuickGoalsTest, JudgesMemoryAndDiskBytesWhereTheyAreKnown) {
  Result append = {.name = kAppendName, .value = 1, .stores = true};
  append.cost = Cost{.bytes = 100, .server_rss_max_bytes = 600u << 20, .server_write_bytes = 205};
  const auto checks = QuickGoals({append});
  const GoalCheck* const memory = Find(checks, "resident memory, largest");
  ASSERT_NE(memory, nullptr);
  EXPECT_FALSE(memory->Holds());
  Result peer = {.name = "PostgreSQL table, default: append", .value = 1, .of_peer = true};
  peer.cost = Cost{.bytes = 100, .server_rss_max_bytes = 1000u << 20};
  append.cost->server_rss_max_bytes = 300u << 20;
  EXPECT_TRUE(Find(QuickGoals({append, peer}), "resident memory, largest")->Holds());
  const GoalCheck* const disk = Find(checks, "bytes to disk per stored byte");
  ASSERT_NE(disk, nullptr);
  EXPECT_TRUE(disk->Holds());
}

}  // namespace
}  // namespace tidemark::bench
