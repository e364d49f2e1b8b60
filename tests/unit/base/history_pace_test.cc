#include "server/base/history_pace.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "absl/synchronization/notification.h"
#include "server/base/executor.h"
#include "server/base/system_clock.h"

namespace tidemark::base {
namespace {

constexpr int64_t kMilli = 1'000'000;
constexpr absl::Duration kOnTime = absl::Microseconds(30);
constexpr absl::Duration kLong = absl::Milliseconds(2);
constexpr absl::Duration kTurn = absl::Microseconds(100);

// Late waits, far enough from each other, until the share cannot fall further.
int64_t SlowDown(HistoryPace& pace, int64_t now_nanos) {
  for (int i = 0; i < 10; ++i) pace.LiveWorkBegins(kLong, now_nanos += 20 * kMilli);
  return now_nanos;
}

TEST(HistoryPaceTest, HistoryGoesAtFullSpeedWhileNobodyIsLive) {
  HistoryPace pace;
  const int64_t now = SlowDown(pace, 0);
  EXPECT_FALSE(pace.holds_back(now));
  EXPECT_EQ(pace.RestAfter(kTurn, now), absl::ZeroDuration());

  pace.LiveDelivered(1, now);
  EXPECT_TRUE(pace.holds_back(now + 99 * kMilli));
  EXPECT_GT(pace.RestAfter(kTurn, now + 99 * kMilli), absl::ZeroDuration());
  EXPECT_FALSE(pace.holds_back(now + 100 * kMilli));
  EXPECT_EQ(pace.RestAfter(kTurn, now + 100 * kMilli), absl::ZeroDuration());
}

TEST(HistoryPaceTest, HistoryGoesAtFullSpeedWhileLiveWorkIsOnTime) {
  HistoryPace pace;
  pace.LiveDelivered(1, 0);
  for (int i = 0; i < 1000; ++i) pace.LiveWorkBegins(HistoryPace::kLate, i);
  EXPECT_EQ(pace.RestAfter(kTurn, kMilli), absl::ZeroDuration());
  EXPECT_EQ(pace.figures().share, 1);
}

TEST(HistoryPaceTest, HistoryMovesOnHoweverLateLiveWorkIs) {
  HistoryPace pace;
  const int64_t now = SlowDown(pace, 0);
  pace.LiveDelivered(1, now);
  EXPECT_EQ(pace.figures().share, HistoryPace::kShareMin);
  EXPECT_EQ(pace.RestAfter(kTurn, now), kTurn * 63);
}

TEST(HistoryPaceTest, WhoReplaysCatchesUpHoweverMuchIsAppended) {
  HistoryPace pace;
  const int64_t now = SlowDown(pace, 0);
  constexpr uint64_t kLive = HistoryPace::kShortTurnBytes / HistoryPace::kHistoryForLive;
  pace.LiveDelivered(3 * kLive - 1, now);
  EXPECT_EQ(pace.RestAfter(kTurn, now), absl::ZeroDuration());
  EXPECT_EQ(pace.RestAfter(kTurn, now), absl::ZeroDuration());
  EXPECT_EQ(pace.RestAfter(kTurn, now), kTurn * 63);
  pace.LiveDelivered(1, now);
  EXPECT_EQ(pace.RestAfter(kTurn, now), absl::ZeroDuration());
  EXPECT_EQ(pace.RestAfter(kTurn, now), kTurn * 63);
}

// What was not used while nobody replayed is no burst for who comes then.
TEST(HistoryPaceTest, WhatHistoryIsOwedIsBounded) {
  HistoryPace pace;
  const int64_t now = SlowDown(pace, 0);
  for (int i = 0; i < 100; ++i) pace.LiveDelivered(100 << 20, now);
  int turns = 0;
  while (pace.RestAfter(kTurn, now) == absl::ZeroDuration()) ++turns;
  EXPECT_LE(turns, 128);
}

// A stall of a few milliseconds makes all waits late that it meets.
TEST(HistoryPaceTest, WaitsThatAreLateTogetherCountOnce) {
  HistoryPace pace;
  for (int i = 0; i < 9; ++i) pace.LiveWorkBegins(kLong, i * kMilli);
  EXPECT_EQ(pace.figures().share, 0.5);
  pace.LiveWorkBegins(kLong, 10 * kMilli);
  EXPECT_EQ(pace.figures().share, 0.25);
  EXPECT_EQ(pace.figures().late_waits, 10u);
}

// Where a replay at full speed makes a tenth of the waits late, and less in proportion.
TEST(HistoryPaceTest, SettlesWhereFewWaitsAreLate) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  HistoryPace pace;
  constexpr int kWaits = 100'000;
  int64_t now = 0;
  for (int i = 0; i < kWaits; ++i) {
    std::bernoulli_distribution late(0.1 * pace.figures().share);
    pace.LiveWorkBegins(late(random) ? kLong : kOnTime, now += kMilli / 2);
  }
  const double late_share = static_cast<double>(pace.figures().late_waits) / kWaits;
  EXPECT_GT(late_share, 0.002);
  EXPECT_LT(late_share, 0.01);
}

TEST(HistoryPaceTest, APoolOfLiveThreadsTellsHowLongItsTasksWait) {
  HistoryPace pace;
  ThreadPool live("live", 1, Priority::kNormal, &pace);
  absl::Notification begun, go;
  live.Schedule([&] {
    begun.Notify();
    go.WaitForNotification();
  });
  begun.WaitForNotification();
  live.Schedule([] {});
  const int64_t since = MonotonicNanos();
  while (MonotonicNanos() - since <= absl::ToInt64Nanoseconds(HistoryPace::kLate)) {
  }
  go.Notify();
  live.Shutdown();
  EXPECT_EQ(pace.figures().waits, 2u);
  EXPECT_GE(pace.figures().late_waits, 1u);
}

// While somebody is live, whom a moment in the future stands for.
TEST(HistoryPaceTest, AThreadThatReadsHistoryRestsAfterWork) {
  HistoryPace pace;
  SlowDown(pace, 0);
  pace.LiveDelivered(1, MonotonicNanos() + 3'600'000 * kMilli);
  ThreadPool readers("reader", 1, Priority::kLow, &pace);
  EXPECT_TRUE(readers.crowded());

  int64_t end = 0;
  readers.Schedule([&end] {
    const std::clock_t begin = std::clock();  // Of the process: at least this thread's.
    while (std::clock() - begin < CLOCKS_PER_SEC / 1000) {
    }
    end = MonotonicNanos();
  });
  int64_t next_begin = 0;
  absl::Notification done;
  readers.Schedule([&] {
    next_begin = MonotonicNanos();
    done.Notify();
  });
  done.WaitForNotification();
  EXPECT_GE(next_begin - end, 10 * kMilli);
}

// Tasks that were scheduled still run.
TEST(HistoryPaceTest, ShutdownEndsARest) {
  HistoryPace pace;
  SlowDown(pace, 0);
  pace.LiveDelivered(1, MonotonicNanos() + 3'600'000 * kMilli);
  ThreadPool readers("reader", 1, Priority::kLow, &pace);
  int runs = 0;
  for (int i = 0; i < 5; ++i) readers.Schedule([&runs] { ++runs; });
  readers.Shutdown();
  EXPECT_EQ(runs, 5);
}

}  // namespace
}  // namespace tidemark::base
