#include "server/log/fair_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/log/drain_rate.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr FlowId kHeavy{1};
constexpr FlowId kLight{2};
constexpr uint64_t kTurn = FairQueue::kTurnBytes;

// A request is known by its number, which it carries as its time of queueing.
PipelineRequest Numbered(int number) { return QueuedAppend{.queued_at_nanos = number}; }

std::vector<int> NumbersOf(const std::vector<PipelineRequest>& requests) {
  std::vector<int> numbers;
  for (const PipelineRequest& request : requests) {
    const auto* append = std::get_if<QueuedAppend>(&request);
    numbers.push_back(append == nullptr ? -1 : static_cast<int>(append->queued_at_nanos));
  }
  return numbers;
}

TEST(FairQueueTest, IsEmptyAtFirst) {
  FairQueue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_THAT(queue.Take(1000), IsEmpty());
}

TEST(FairQueueTest, CountsWhatWaits) {
  FairQueue queue;
  queue.Push(Numbered(1), kHeavy, 10);
  queue.Push(Numbered(2), kLight, 20);
  queue.Push(Mutation{}, kHeavy, 5);
  EXPECT_EQ(queue.requests(), 3u);
  EXPECT_EQ(queue.bytes(), 35u);
  EXPECT_THAT(queue.Take(1000), SizeIs(2));
  EXPECT_EQ(queue.bytes(), 5u);
  EXPECT_THAT(queue.Take(1000), SizeIs(1));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes(), 0u);
}

TEST(FairQueueTest, KeepsTheOrderOfAFlow) {
  FairQueue queue;
  std::vector<int> taken;
  for (int i = 0; i < 100; ++i) queue.Push(Numbered(i), kHeavy, kTurn / 3);
  while (!queue.empty()) {
    for (const int number : NumbersOf(queue.Take(kTurn * 2))) taken.push_back(number);
  }
  std::vector<int> expected(100);
  for (int i = 0; i < 100; ++i) expected[i] = i;
  EXPECT_EQ(taken, expected);
}

TEST(FairQueueTest, TakesAsMuchAsFitsButAtLeastOne) {
  FairQueue queue;
  for (int i = 0; i < 4; ++i) queue.Push(Numbered(i), kHeavy, 600);
  queue.Push(Numbered(4), kHeavy, 5000);
  EXPECT_THAT(NumbersOf(queue.Take(1200)), ElementsAre(0, 1));
  EXPECT_THAT(NumbersOf(queue.Take(1799)), ElementsAre(2, 3));
  EXPECT_THAT(NumbersOf(queue.Take(1000)), ElementsAre(4));
}

TEST(FairQueueTest, ALightFlowDoesNotWaitForTheQueueOfAHeavyOne) {
  FairQueue queue;
  for (int i = 0; i < 50; ++i) queue.Push(Numbered(i), kHeavy, kTurn);
  queue.Push(Numbered(100), kLight, 100);
  EXPECT_THAT(NumbersOf(queue.Take(2 * kTurn)), ElementsAre(0, 100));
}

TEST(FairQueueTest, BusyFlowsShareByBytesWhateverTheSizeOfTheirRequests) {
  FairQueue queue;
  for (int i = 0; i < 400; ++i) queue.Push(Numbered(i), kHeavy, kTurn * 2);
  for (int i = 0; i < 4000; ++i) queue.Push(Numbered(1000 + i), kLight, kTurn / 10);
  uint64_t heavy_bytes = 0;
  uint64_t light_bytes = 0;
  for (int i = 0; i < 20; ++i) {
    for (const int number : NumbersOf(queue.Take(8 * kTurn))) {
      (number < 1000 ? heavy_bytes : light_bytes) += number < 1000 ? kTurn * 2 : kTurn / 10;
    }
  }
  EXPECT_NEAR(static_cast<double>(heavy_bytes) / static_cast<double>(light_bytes), 1.0, 0.1);
}

// A turn that ends with its group goes on in the next; it does not begin anew.
TEST(FairQueueTest, AGroupsEndIsNoNewTurn) {
  FairQueue queue;
  for (int i = 0; i < 100; ++i) {
    queue.Push(Numbered(i), kHeavy, kTurn / 4);
    queue.Push(Numbered(1000 + i), kLight, kTurn / 4);
  }
  int heavy = 0;
  int light = 0;
  for (int i = 0; i < 40; ++i) {
    for (const int number : NumbersOf(queue.Take(kTurn * 3 / 4))) ++(number < 1000 ? heavy : light);
  }
  EXPECT_NEAR(heavy, light, 4);
}

TEST(FairQueueTest, RequestsWhoseDeadlineIsPastTakeNoRoom) {
  FairQueue queue;
  for (int i = 0; i < 10; ++i) {
    QueuedAppend append{.queued_at_nanos = i};
    if (i < 8) append.request.deadline_nanos = 100 + i;
    queue.Push(std::move(append), kHeavy, 600);
  }
  EXPECT_THAT(NumbersOf(queue.Take(1200, 103)), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(queue.last_taken_bytes(), 1200u);
  EXPECT_EQ(queue.bytes(), 4 * 600u);
  EXPECT_THAT(NumbersOf(queue.Take(1200, 1000)), ElementsAre(6, 7, 8, 9));
  EXPECT_EQ(queue.bytes(), 0u);
}

TEST(FairQueueTest, WhatIsBeforeARequestDependsOnItsFlow) {
  FairQueue queue;
  EXPECT_EQ(queue.BytesBefore(kLight), 0u);
  for (int i = 0; i < 50; ++i) queue.Push(Numbered(i), kHeavy, kTurn);
  EXPECT_EQ(queue.BytesBefore(kLight), kTurn);
  EXPECT_GE(queue.BytesBefore(kHeavy), 50 * kTurn);
  // Half of what there is, but the other gets as much as it.
  for (int i = 0; i < 25; ++i) queue.Push(Numbered(i), kLight, kTurn);
  EXPECT_GE(queue.BytesBefore(kLight), 50 * kTurn);
}

TEST(DrainRateTest, TellsHowLongWhatWaitsTakes) {
  DrainRate rate;
  EXPECT_EQ(rate.NanosFor(1000), 0);
  for (int i = 1; i <= 100; ++i) rate.Taken(1000, 5000, i * 10'000);
  EXPECT_EQ(rate.NanosFor(0), 0);
  // Ten nanoseconds a byte, then two takings.
  EXPECT_NEAR(static_cast<double>(rate.NanosFor(100'000)), 1'020'000, 10'000);
}

TEST(DrainRateTest, AnIdleQueueSaysNothing) {
  DrainRate rate;
  for (int i = 1; i <= 100; ++i) rate.Taken(1000, 0, i * 1'000'000'000);
  EXPECT_EQ(rate.NanosFor(1000), 0);
}

// Of a disk that stood still for a while, and works again.
TEST(DrainRateTest, AStallIsForgottenOnceTheQueueIsEmptyAgain) {
  DrainRate rate;
  int64_t now = 1;
  rate.Taken(1000, 5000, now);
  rate.Taken(1000, 5000, now += 1'000'000'000);
  EXPECT_GE(rate.NanosFor(1000), 1'000'000'000);
  for (int i = 0; i < 12; ++i) rate.Taken(1000, 0, now += 1'000'000);
  EXPECT_LT(rate.NanosFor(1000), 1'000'000);
}

TEST(FairQueueTest, AMutationLeavesAloneBetweenWhatCameBeforeAndAfter) {
  FairQueue queue;
  queue.Push(Numbered(1), kHeavy, 10);
  queue.Push(Numbered(2), kLight, 10);
  queue.Push(Mutation{}, FlowId{}, 10);
  queue.Push(Mutation{}, FlowId{}, 10);
  queue.Push(Numbered(3), kHeavy, 10);
  EXPECT_THAT(NumbersOf(queue.Take(1000)), ElementsAre(1, 2));
  EXPECT_THAT(NumbersOf(queue.Take(1000)), ElementsAre(-1));
  EXPECT_THAT(NumbersOf(queue.Take(1000)), ElementsAre(-1));
  EXPECT_THAT(NumbersOf(queue.Take(1000)), ElementsAre(3));
}

TEST(FairQueueTest, IsDroppedWithAnythingWaiting) {
  auto queue = std::make_unique<FairQueue>();
  for (int i = 0; i < 200'000; ++i) queue->Push(Numbered(i), kHeavy, 1);
  queue.reset();  // Without a recursion as deep as the queue.
}

}  // namespace
}  // namespace tidemark::log
