// The goals that the longer commands judge.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/workload/filtered_workload.h"
#include "bench/workload/idle_workload.h"
#include "bench/workload/mixed_workload.h"
#include "bench/workload/restart_workload.h"

namespace tidemark::bench {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

Result Milliseconds(const char* name, double ms, uint64_t events) {
  return {.name = name, .value = ms, .unit = "ms", .events = events};
}

TEST(LongGoalsTest, LeaveOutWhatWasNotMeasured) {
  EXPECT_THAT(FilteredGoals({}), IsEmpty());
  EXPECT_THAT(MixedGoals({}), IsEmpty());
  EXPECT_THAT(RestartGoals({}), IsEmpty());
}

TEST(LongGoalsTest, ARareTypeMustBeFast) {
  EXPECT_TRUE(FilteredGoals({Milliseconds(kRareTypeName, 49, 100)})[0].Holds());
  EXPECT_FALSE(FilteredGoals({Milliseconds(kRareTypeName, 51, 100)})[0].Holds());
}

TEST(LongGoalsTest, FewerMatchesHaveLessTime) {
  EXPECT_TRUE(FilteredGoals({Milliseconds(kRareTypeName, 15, 30)})[0].Holds());
  EXPECT_FALSE(FilteredGoals({Milliseconds(kRareTypeName, 16, 30)})[0].Holds());
}

// A scan of everything takes as long for few matches as for many.
TEST(LongGoalsTest, AScanIsNotInProportionToItsMatches) {
  const auto scan = FilteredGoals(
      {Milliseconds(kRareTypeName, 40, 100), Milliseconds(kUncommonTypeName, 40, 10'000)});
  ASSERT_THAT(scan, SizeIs(2));
  EXPECT_FALSE(scan[1].Holds());
  const auto index = FilteredGoals(
      {Milliseconds(kRareTypeName, 10, 100), Milliseconds(kUncommonTypeName, 1000, 10'000)});
  EXPECT_TRUE(index[1].Holds());
}

TEST(LongGoalsTest, AReplayMayCostTheTailAQuarter) {
  const auto tail = [](const char* name, double p99_us) {
    return Result{.name = name, .percentiles = Percentiles{.p99_us = p99_us}};
  };
  const auto held = MixedGoals({tail(kTailAloneName, 1000), tail(kTailBesideName, 1250)});
  ASSERT_THAT(held, SizeIs(1));
  EXPECT_TRUE(held[0].Holds());
  EXPECT_FALSE(MixedGoals({tail(kTailAloneName, 1000), tail(kTailBesideName, 1251)})[0].Holds());
}

TEST(LongGoalsTest, AStartTakesTwoSecondsAtMost) {
  Result ready = Milliseconds(kRestartName, 1999, 1);
  ready.config = {{"stored_bytes", uint64_t{10'000'000'000}}};
  EXPECT_TRUE(RestartGoals({ready})[0].Holds());
  ready.value = 2001;
  EXPECT_FALSE(RestartGoals({ready})[0].Holds());
}

TEST(LongGoalsTest, IdleGroupsMayCostTwoPercentOfACore) {
  Result alone = {.name = kIdleAloneName, .value = 1};
  Result groups = {.name = kIdleGroupsName, .value = 3};
  EXPECT_TRUE(IdleGoals({alone, groups})[0].Holds());
  groups.value = 3.1;
  EXPECT_FALSE(IdleGoals({alone, groups})[0].Holds());
}

TEST(LongGoalsTest, TheDiskBytesOfALongFillAreJudged) {
  Result fill = {.name = kRestartFillName, .stores = true};
  fill.cost = Cost{.bytes = 100, .server_write_bytes = 211};
  const auto goals = RestartGoals({fill});
  ASSERT_THAT(goals, SizeIs(1));
  EXPECT_EQ(goals[0].goal, 8);
  EXPECT_FALSE(goals[0].Holds());
}

}  // namespace
}  // namespace tidemark::bench
