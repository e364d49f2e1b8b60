#include "server/groups/group_watch.h"

#include "gtest/gtest.h"

namespace tidemark::groups {
namespace {

using Change = GroupWatch::Change;

class GroupWatchTest : public ::testing::Test {
 protected:
  GroupDescription Group(std::optional<uint64_t> lag_events,
                         std::optional<absl::Time> last_progress = std::nullopt) const {
    GroupDescription group;
    group.lag_events = lag_events;
    group.last_progress = last_progress;
    return group;
  }

  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  GroupWatch watch_{absl::Minutes(5)};
};

TEST_F(GroupWatchTest, WaitsForAsLongAsItWasToldTo) {
  EXPECT_EQ(watch_.Saw(Group(3), now_), Change::kNone);
  EXPECT_EQ(watch_.Saw(Group(3), now_ + absl::Minutes(4)), Change::kNone);
  EXPECT_EQ(watch_.Saw(Group(3), now_ + absl::Minutes(5)), Change::kStalled);
  EXPECT_EQ(watch_.Saw(Group(3), now_ + absl::Minutes(6)), Change::kNone);
  EXPECT_TRUE(watch_.stalled());
  EXPECT_EQ(watch_.quiet_since(), now_);
  EXPECT_EQ(watch_.SawNothing(now_ + absl::Minutes(7)), Change::kGoesOn);
}

TEST_F(GroupWatchTest, ProgressBeginsTheWaitAnew) {
  watch_.Saw(Group(3), now_);
  const absl::Time later = now_ + absl::Minutes(4);
  EXPECT_EQ(watch_.Saw(Group(2, later), now_ + absl::Minutes(6)), Change::kNone);
  EXPECT_EQ(watch_.Saw(Group(2, later), later + absl::Minutes(5)), Change::kStalled);
  EXPECT_EQ(watch_.Saw(Group(2, later + absl::Minutes(6)), later + absl::Minutes(6)),
            Change::kGoesOn);
}

TEST_F(GroupWatchTest, WhatAFilterLeavesOutIsNothingToWaitFor) {
  watch_.Saw(Group(0), now_);
  EXPECT_EQ(watch_.Saw(Group(0), now_ + absl::Hours(1)), Change::kNone);
  // Not counted is not nothing.
  EXPECT_EQ(watch_.Saw(Group(std::nullopt), now_ + absl::Hours(2)), Change::kStalled);
}

TEST_F(GroupWatchTest, APausedGroupIsNotStalled) {
  GroupDescription group = Group(3);
  group.record.paused_time_us = 1;
  watch_.Saw(group, now_);
  EXPECT_EQ(watch_.Saw(group, now_ + absl::Hours(1)), Change::kNone);
}

TEST_F(GroupWatchTest, AClockThatStepsBackBeginsTheWaitAnew) {
  watch_.Saw(Group(3, now_), now_);
  EXPECT_EQ(watch_.Saw(Group(3, now_), now_ - absl::Hours(1)), Change::kNone);
  EXPECT_EQ(watch_.Saw(Group(3, now_), now_ - absl::Minutes(55)), Change::kStalled);
}

}  // namespace
}  // namespace tidemark::groups
