// The run that judges every goal.
#include "bench/workload/goals_workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "bench/workload/quick_goals.h"

namespace tidemark::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One result of each name that a goal looks for.
std::vector<Result> AllResults() {
  std::vector<Result> results;
  for (const char* name :
       {kSyncName,        kSyncIdleName,      kDiskReadName,        kNoopUnary1Name,
        kNoopUnary64Name, kNoopUnaryIdleName, kNoopBidiName,        kRawStreamName,
        kRocksDbName,     kAppendName,        kAppendUnindexedName, kUnary1Name,
        kUnary64Name,     kUnaryIdleName,     kReplayBytesName,     kReplayColdName,
        kTailName,        kRareTypeName,      kUncommonTypeName,    kTailAloneName,
        kTailBesideName,  kIdleAloneName,     kIdleGroupsName,      kRestartName,
        kRestartColdName}) {
    results.push_back({.name = name,
                       .value = 10,
                       .percentiles = Percentiles{.p50_us = 1, .p99_us = 2},
                       .events = 100,
                       .stores = true,
                       .config = {{"stored_bytes", 1'000'000'000}}});
    results.back().cost =
        Cost{.bytes = 100, .server_rss_max_bytes = 300u << 20, .server_write_bytes = 200};
  }
  return results;
}

TEST(GoalsWorkloadTest, EveryGoalOfTheDesignIsJudged) {
  std::set<int> goals;
  for (const GoalCheck& check : GoalsOf(AllResults())) goals.insert(check.goal);
  EXPECT_THAT(goals, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

TEST(GoalsWorkloadTest, NamesOfChecksAreDistinct) {
  std::set<std::string> names;
  for (const GoalCheck& check : GoalsOf(AllResults())) {
    EXPECT_TRUE(names.insert(check.name).second) << check.name;
  }
}

TEST(GoalsWorkloadTest, WithoutFiguresNothingIsClaimed) { EXPECT_THAT(GoalsOf({}), IsEmpty()); }

TEST(GoalsWorkloadTest, SaysWhatAQuickRunShortens) {
  EXPECT_THAT(QuickAmounts().shortened, HasSubstr("goal 4 with 3 M events"));
  EXPECT_EQ(QuickAmounts().filtered.events, 3'000'000u);
  EXPECT_EQ(FullAmounts().filtered.events, 10'000'000u);
}

}  // namespace
}  // namespace tidemark::bench
