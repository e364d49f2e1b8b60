#include "server/log/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/log/tail.h"
#include "tests/support/events.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using State = Partition::TailState;

storage::BatchPtr MakeBatch(uint64_t base, uint32_t count, size_t bytes = 100) {
  auto owner = std::make_shared<const std::string>(bytes, 'x');
  auto batch = std::make_shared<storage::StoredBatch>();
  batch->header = {
      .base_offset = Offset(base), .count = count, .events_bytes = static_cast<uint32_t>(bytes)};
  batch->events = *owner;
  batch->owner = std::move(owner);
  return batch;
}

void Publish(Partition& partition, const storage::BatchPtr& batch) {
  partition.Publish({&batch, 1});
}

std::vector<uint64_t> BasesOf(const Partition::TailRead& read) {
  std::vector<uint64_t> bases;
  for (const auto& batch : read.batches) bases.push_back(batch->header.base_offset.value());
  return bases;
}

class RecordingWaiter : public Waiter {
 public:
  void OnReady(uint32_t slot) override { slots.push_back(slot); }
  std::vector<uint32_t> slots;
};

TEST(PartitionTest, PublishingMovesTheEnd) {
  Partition partition(LogId(1), {.start = Offset(0), .end = Offset(0)});
  const std::vector<storage::BatchPtr> batches = {MakeBatch(0, 3), MakeBatch(3, 2)};
  partition.Publish(batches);
  EXPECT_EQ(partition.ends().start, Offset(0));
  EXPECT_EQ(partition.ends().end, Offset(5));
}

TEST(PartitionDeathTest, RefusesABatchThatDoesNotFollow) {
  Partition partition(LogId(1), {.start = Offset(0), .end = Offset(5)});
  EXPECT_DEATH(Publish(partition, MakeBatch(6, 1)), "check failed");
  EXPECT_DEATH(Publish(partition, MakeBatch(4, 2)), "check failed");
}

TEST(PartitionTest, NextOffsetBeginsAtTheEnd) {
  Partition partition(LogId(1), {.start = Offset(3), .end = Offset(7)});
  EXPECT_EQ(partition.next_offset(), Offset(7));
}

TEST(PartitionTest, ReadsTheTailFromTheBatchThatHoldsAnOffset) {
  Partition partition(LogId(1), {.start = Offset(0), .end = Offset(10)});
  for (uint64_t base : {10, 13, 14}) Publish(partition, MakeBatch(base, base == 10 ? 3 : 1));
  for (const auto& [from, bases] : std::vector<std::pair<uint64_t, std::vector<uint64_t>>>{
           {10, {10, 13, 14}}, {12, {10, 13, 14}}, {13, {13, 14}}, {14, {14}}}) {
    const auto read = partition.ReadTail(Offset(from), UINT64_MAX);
    EXPECT_EQ(read.state, State::kBatches) << from;
    EXPECT_EQ(BasesOf(read), bases) << from;
  }
}

TEST(PartitionTest, TellsWhyTheTailHasNothing) {
  Partition partition(LogId(1), {.start = Offset(5), .end = Offset(10)});
  Publish(partition, MakeBatch(10, 2));
  EXPECT_EQ(partition.ReadTail(Offset(4), 1).state, State::kTooOld);
  EXPECT_EQ(partition.ReadTail(Offset(5), 1).state, State::kInStore);
  EXPECT_EQ(partition.ReadTail(Offset(9), 1).state, State::kInStore);
  EXPECT_EQ(partition.ReadTail(Offset(11), 1).state, State::kBatches);
  EXPECT_EQ(partition.ReadTail(Offset(12), 1).state, State::kAtEnd);
  EXPECT_EQ(partition.ReadTail(Offset(99), 1).state, State::kAtEnd);
  partition.MarkDeleted();
  EXPECT_EQ(partition.ReadTail(Offset(11), 1).state, State::kDeleted);
}

TEST(PartitionTest, BoundsATailReadInBytesButGivesOneBatch) {
  Partition partition(LogId(1), {});
  for (uint64_t i = 0; i < 4; ++i) Publish(partition, MakeBatch(i, 1, 100));
  EXPECT_THAT(partition.ReadTail(Offset(0), 0).batches, SizeIs(1));
  EXPECT_THAT(partition.ReadTail(Offset(0), 299).batches, SizeIs(2));
  EXPECT_THAT(partition.ReadTail(Offset(0), 300).batches, SizeIs(3));
}

TEST(PartitionTest, TellsAWaiterOnceWhenThereIsMore) {
  Partition partition(LogId(1), {});
  const auto waiter = std::make_shared<RecordingWaiter>();
  ASSERT_TRUE(partition.Wait(Offset(0), waiter, 7));
  EXPECT_THAT(waiter->slots, IsEmpty());
  Publish(partition, MakeBatch(0, 1));
  EXPECT_THAT(waiter->slots, ElementsAre(7));
  Publish(partition, MakeBatch(1, 1));
  EXPECT_THAT(waiter->slots, ElementsAre(7));
}

TEST(PartitionTest, DoesNotWaitForWhatIsThere) {
  Partition partition(LogId(1), {});
  Publish(partition, MakeBatch(0, 2));
  const auto waiter = std::make_shared<RecordingWaiter>();
  EXPECT_FALSE(partition.Wait(Offset(1), waiter, 0));
  EXPECT_TRUE(partition.Wait(Offset(2), waiter, 0));
}

TEST(PartitionTest, LeavesAWaiterAloneUntilItsOffsetIsThere) {
  Partition partition(LogId(1), {});
  const auto waiter = std::make_shared<RecordingWaiter>();
  ASSERT_TRUE(partition.Wait(Offset(2), waiter, 0));
  Publish(partition, MakeBatch(0, 2));
  EXPECT_THAT(waiter->slots, IsEmpty());
  Publish(partition, MakeBatch(2, 1));
  EXPECT_THAT(waiter->slots, ElementsAre(0));
}

TEST(PartitionTest, TellsEveryWaiterAtItsSlot) {
  Partition partition(LogId(1), {});
  const auto one = std::make_shared<RecordingWaiter>();
  const auto two = std::make_shared<RecordingWaiter>();
  ASSERT_TRUE(partition.Wait(Offset(0), one, 1));
  ASSERT_TRUE(partition.Wait(Offset(0), two, 2));
  ASSERT_TRUE(partition.Wait(Offset(0), one, 3));
  Publish(partition, MakeBatch(0, 1));
  EXPECT_THAT(one->slots, ElementsAre(1, 3));
  EXPECT_THAT(two->slots, ElementsAre(2));
}

TEST(PartitionTest, ForgetsAWaiterThatStops) {
  Partition partition(LogId(1), {});
  const auto stopped = std::make_shared<RecordingWaiter>();
  const auto other = std::make_shared<RecordingWaiter>();
  ASSERT_TRUE(partition.Wait(Offset(0), stopped, 1));
  ASSERT_TRUE(partition.Wait(Offset(0), other, 2));
  partition.StopWaiting(stopped.get());
  Publish(partition, MakeBatch(0, 1));
  EXPECT_THAT(stopped->slots, IsEmpty());
  EXPECT_THAT(other->slots, ElementsAre(2));
}

TEST(PartitionTest, ForgetsAWaiterThatIsGone) {
  Partition partition(LogId(1), {});
  auto waiter = std::make_shared<RecordingWaiter>();
  ASSERT_TRUE(partition.Wait(Offset(0), waiter, 1));
  waiter.reset();
  Publish(partition, MakeBatch(0, 1));
}

// A waiter is told without locks, so it may ask and wait again at once.
TEST(PartitionTest, AWaiterMayWaitAgainWhenTold) {
  class Again : public Waiter, public std::enable_shared_from_this<Again> {
   public:
    explicit Again(Partition& partition) : partition_(partition) {}
    void OnReady(uint32_t slot) override {
      ends.push_back(partition_.ends().end.value());
      EXPECT_TRUE(partition_.Wait(partition_.ends().end, weak_from_this(), slot));
    }
    std::vector<uint64_t> ends;

   private:
    Partition& partition_;
  };
  Partition partition(LogId(1), {});
  const auto waiter = std::make_shared<Again>(partition);
  ASSERT_TRUE(partition.Wait(Offset(0), waiter, 0));
  Publish(partition, MakeBatch(0, 2));
  Publish(partition, MakeBatch(2, 1));
  EXPECT_THAT(waiter->ends, ElementsAre(2, 3));
}

TEST(PartitionTest, DeletionTellsWhoWaits) {
  Partition partition(LogId(1), {});
  const auto waiter = std::make_shared<RecordingWaiter>();
  ASSERT_TRUE(partition.Wait(Offset(0), waiter, 4));
  partition.MarkDeleted();
  EXPECT_THAT(waiter->slots, ElementsAre(4));
  EXPECT_TRUE(partition.deleted());
  EXPECT_FALSE(partition.Wait(Offset(0), waiter, 4));
}

TEST(PartitionTest, EvictingTheOldestSendsItsReadersToTheStore) {
  Partition partition(LogId(1), {});
  Publish(partition, MakeBatch(0, 2));
  Publish(partition, MakeBatch(2, 2));
  EXPECT_FALSE(partition.EvictOldest(Offset(2)));
  EXPECT_TRUE(partition.EvictOldest(Offset(0)));
  EXPECT_EQ(partition.ReadTail(Offset(1), 1).state, State::kInStore);
  EXPECT_EQ(partition.ReadTail(Offset(2), 1).state, State::kBatches);
  EXPECT_TRUE(partition.EvictOldest(Offset(2)));
  EXPECT_FALSE(partition.EvictOldest(Offset(2)));
  EXPECT_EQ(partition.ReadTail(Offset(3), 1).state, State::kInStore);
  EXPECT_EQ(partition.ReadTail(Offset(4), 1).state, State::kAtEnd);
}

TEST(PartitionTest, ATrimmedPartitionBeginsLaterAndForgetsWhatIsBefore) {
  Partition partition(LogId(1), {});
  Publish(partition, MakeBatch(0, 2, 100));
  Publish(partition, MakeBatch(2, 2, 50));
  const uint64_t all = partition.kept().end_bytes;
  const uint64_t first = MakeBatch(0, 2, 100)->events.size();
  EXPECT_EQ(partition.kept().bytes(), all);
  partition.TrimTo(Offset(2), first, 7);
  EXPECT_EQ(partition.ends().start, Offset(2));
  EXPECT_EQ(partition.kept().bytes(), all - first);
  EXPECT_EQ(partition.kept().oldest_time_us, 7u);
  EXPECT_EQ(partition.ReadTail(Offset(1), 1).state, State::kTooOld);
  EXPECT_EQ(partition.ReadTail(Offset(2), 1).state, State::kBatches);
  EXPECT_FALSE(partition.EvictOldest(Offset(0)));
}

TEST(PartitionTest, AnEmptiedPartitionGoesOnWhereItEnded) {
  Partition partition(LogId(1), {});
  Publish(partition, MakeBatch(0, 2));
  partition.TrimTo(Offset(2), partition.kept().end_bytes, 7);
  EXPECT_TRUE(partition.kept().empty());
  EXPECT_EQ(partition.kept().bytes(), 0u);
  EXPECT_EQ(partition.ReadTail(Offset(2), 1).state, State::kAtEnd);
  const auto next = MakeBatch(2, 1);
  Publish(partition, next);
  EXPECT_EQ(partition.kept().oldest_time_us, next->header.append_time_us);
  EXPECT_EQ(partition.kept().bytes(), next->events.size());
  EXPECT_EQ(partition.ReadTail(Offset(2), 1).state, State::kBatches);
}

class TailBudgetTest : public ::testing::Test {
 protected:
  void Add(TailBudget& tail, const PartitionPtr& partition, size_t bytes) {
    const auto batch = MakeBatch(partition->ends().end.value(), 1, bytes);
    Publish(*partition, batch);
    tail.Add(partition, *batch);
  }
  const PartitionPtr a_ = std::make_shared<Partition>(LogId(1), Partition::Ends{});
  const PartitionPtr b_ = std::make_shared<Partition>(LogId(2), Partition::Ends{});
};

TEST_F(TailBudgetTest, EvictsTheOldestBatchOfAllPartitionsFirst) {
  TailBudget tail(4000);
  Add(tail, a_, 1000);
  Add(tail, b_, 1000);
  Add(tail, a_, 1000);
  EXPECT_EQ(a_->ReadTail(Offset(0), 1).state, State::kBatches);
  Add(tail, b_, 1000);
  EXPECT_EQ(a_->ReadTail(Offset(0), 1).state, State::kInStore);
  EXPECT_EQ(a_->ReadTail(Offset(1), 1).state, State::kBatches);
  EXPECT_EQ(b_->ReadTail(Offset(0), 1).state, State::kBatches);
}

TEST_F(TailBudgetTest, StaysWithinItsBytes) {
  TailBudget tail(10'000);
  for (int i = 0; i < 1000; ++i) {
    Add(tail, i % 3 == 0 ? a_ : b_, 10 + static_cast<size_t>(i) % 700);
    ASSERT_LE(tail.bytes(), 10'000u) << i;
  }
}

TEST_F(TailBudgetTest, ABatchLargerThanTheBudgetLeavesAtOnce) {
  TailBudget tail(500);
  Add(tail, a_, 100);
  Add(tail, a_, 1000);
  EXPECT_EQ(tail.bytes(), 0u);
  EXPECT_EQ(a_->ReadTail(Offset(1), 1).state, State::kInStore);
}

TEST_F(TailBudgetTest, OutlivesADeletedPartition) {
  TailBudget tail(3000);
  auto gone = std::make_shared<Partition>(LogId(3), Partition::Ends{});
  Add(tail, gone, 1000);
  gone->MarkDeleted();
  gone.reset();
  for (int i = 0; i < 5; ++i) Add(tail, a_, 1000);
  EXPECT_LE(tail.bytes(), 3000u);
  EXPECT_EQ(a_->ReadTail(Offset(4), 1).state, State::kBatches);
}

// --- Batches that are being committed.

BatchTerms KeysOf(const std::vector<std::string>& keys) {
  BatchTerms terms;
  for (const std::string& key : keys) terms.key_hashes.push_back(HashOfKey(key));
  return terms;
}

// The places of a key from `from` on: "3-5 5-6*"; a star: the batch is at hand.
std::string PlacesOf(const Partition& partition, const std::string& key, uint64_t from) {
  const auto places = partition.FindKeySince(HashOfKey(key), Offset(from));
  if (!places.has_value()) return "sealed";
  std::string text;
  for (const Partition::KeyPlace& place : places->places) {
    absl::StrAppend(&text, place.from, "-", place.until, place.batch != nullptr ? "* " : " ");
  }
  return absl::StrCat(text, "end ", places->end);
}

TEST(PartitionTest, StagedBatchesAreCountedAndNotReadable) {
  Partition partition(LogId(1), {.start = Offset(0), .end = Offset(0)});
  const std::vector<storage::BatchPtr> first = {MakeBatch(0, 3), MakeBatch(3, 2)};
  const std::vector<storage::BatchPtr> second = {MakeBatch(5, 1)};
  partition.Stage(first, {KeysOf({"a", "b", "a"}), KeysOf({"b", "c"})});
  partition.Stage(second, {KeysOf({"a"})});
  EXPECT_EQ(partition.ends().end, Offset(0));
  EXPECT_EQ(PlacesOf(partition, "a", 0), "0-3* 5-6* end 6");
  EXPECT_EQ(PlacesOf(partition, "c", 0), "3-5* end 6");
  partition.PublishStaged(2);
  EXPECT_EQ(partition.ends().end, Offset(5));
  EXPECT_EQ(PlacesOf(partition, "a", 0), "0-3* 5-6* end 6");
  partition.PublishStaged(1);
  EXPECT_EQ(partition.ends().end, Offset(6));
  EXPECT_EQ(PlacesOf(partition, "a", 0), "0-3* 5-6* end 6");
  EXPECT_TRUE(partition.EvictOldest(Offset(0)));
  EXPECT_EQ(PlacesOf(partition, "a", 0), "0-3 5-6* end 6");
}

TEST(PartitionTest, AKeyIsLookedForBehindAnOffsetWithinABatch) {
  Partition partition(LogId(1), {.start = Offset(0), .end = Offset(0)});
  const std::vector<storage::BatchPtr> batches = {MakeBatch(0, 4)};
  partition.Stage(batches, {KeysOf({"a", "b", "a", "b"})});
  for (const bool published : {false, true}) {
    if (published) partition.PublishStaged(1);
    EXPECT_EQ(PlacesOf(partition, "a", 1), "1-4* end 4");
    EXPECT_EQ(PlacesOf(partition, "a", 3), "end 4");
    EXPECT_EQ(PlacesOf(partition, "a", 4), "end 4");
  }
  // Where events without key lie between, their places are not known.
  const std::vector<storage::BatchPtr> mixed = {MakeBatch(4, 3)};
  partition.Stage(mixed, {KeysOf({"a", "b"})});
  EXPECT_EQ(PlacesOf(partition, "a", 6), "6-7* end 7");
}

TEST(PartitionTest, WhatIsSealedIsNotLookedForHere) {
  Partition partition(LogId(1), {.start = Offset(0), .end = Offset(0)});
  const std::vector<storage::BatchPtr> batches = {MakeBatch(0, 2), MakeBatch(2, 2)};
  partition.Stage(batches, {KeysOf({"a", "b"}), KeysOf({"a", "b"})});
  partition.PublishStaged(2);
  partition.Sealed(Offset(2));
  EXPECT_EQ(PlacesOf(partition, "a", 1), "sealed");
  EXPECT_EQ(PlacesOf(partition, "a", 2), "2-4* end 4");
}

}  // namespace
}  // namespace tidemark::log
