// WorkQueue, one promise at a time; what holds in random lives is in tests/model/groups.
#include "server/groups/work_queue.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/log/event_scan.h"
#include "server/log/wire.h"
#include "server/storage/key_schema.h"

namespace tidemark::groups {
namespace {

constexpr MemberNumber kAnn(1);
constexpr MemberNumber kBob(2);
constexpr uint64_t kSecond = 1'000'000;

class WorkQueueTest : public ::testing::Test {
 protected:
  WorkQueueTest() {
    auto topic = std::make_shared<log::Topic>();
    topic->record.name = "hr";
    topic->record.first_log = log_;
    topic_ = topic;
    options_.group = storage::GroupId(3);
    options_.retry.initial_backoff_us = kSecond;
    Open();
  }
  void Open(RestoredWork restored = {}, std::optional<Offset> committed = std::nullopt) {
    queue_ = std::make_unique<WorkQueue>(options_);
    queue_->AddPartition(topic_, PartitionIndex(0), committed, std::move(restored));
    queue_->Join(kAnn, "ann");
    queue_->Join(kBob, "bob");
  }
  // Events with these keys, one letter each; '-' is none.
  void Add(const std::string& keys, uint64_t not_before_us = 0) {
    const Offset from = queue_->ReadFrom(log_);
    auto bytes = std::make_shared<std::string>();
    std::vector<std::pair<size_t, std::string>> entries;
    for (const char key : keys) {
      std::string event;
      log::AppendBytesHeader(event, log::kEventTypeField, 1);
      event += "t";
      if (key != '-') {
        log::AppendBytesHeader(event, log::kEventKeyField, 1);
        event += key;
      }
      std::string entry;
      log::AppendBytesHeader(entry, log::kEventsField, event.size());
      entries.emplace_back(entry.size() + event.size(), std::string(key == '-' ? 0 : 1, key));
      *bytes += entry + event;
    }
    WorkChunk chunk{.header = {.log = log_,
                               .base_offset = from,
                               .count = static_cast<uint32_t>(keys.size()),
                               .events_bytes = static_cast<uint32_t>(bytes->size())},
                    .owners = {bytes}};
    size_t at = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
      chunk.events.push_back({.offset = from + i,
                              .entry = absl::string_view(*bytes).substr(at, entries[i].first),
                              .type = "t",
                              .key = entries[i].second,
                              .not_before_us = not_before_us});
      at += entries[i].first;
    }
    queue_->AddEvents(log_, chunk, from + keys.size(), now_us_);
    last_ = chunk;
  }
  // "0 1 2", with "x3" behind a third attempt.
  std::string Take(MemberNumber member, uint64_t events = 100) {
    queue_->CheckInvariants();
    const auto taken = queue_->Take(member, {.events_max = events, .bytes_max = 1 << 20}, now_us_);
    if (!taken.has_value()) return "";
    if (taken->gap.has_value())
      return absl::StrCat("gap ", taken->gap->from, "-", taken->gap->until);
    std::vector<std::string> words;
    for (uint32_t i = 0; i < taken->slice.count; ++i) {
      const uint32_t attempts = taken->attempts.empty() ? 1 : taken->attempts[i];
      words.push_back(absl::StrCat(taken->slice.OffsetAt(i), attempts == 1 ? "" : "x",
                                   attempts == 1 ? "" : absl::StrCat(attempts)));
    }
    return absl::StrJoin(words, " ");
  }
  bool Ack(MemberNumber member, uint64_t offset) {
    return !queue_->Ack(member, log_, Offset(offset), now_us_).has_value();
  }
  WorkQueue::NackOutcome Nack(MemberNumber member, uint64_t offset,
                              WorkQueue::NackOptions options = {}) {
    return queue_->Nack(member, log_, Offset(offset), options, now_us_);
  }
  void Pass(uint64_t by_us) {
    now_us_ += by_us;
    queue_->Tick(now_us_);
  }
  // Reads again what is asked for, from the last events that were added.
  void Reread() {
    for (const WorkQueue::Wanted& wanted : queue_->TakeWanted(100)) {
      for (const WorkEvent& event : last_.events) {
        if (event.offset == wanted.offset) queue_->Reread(log_, last_, event, now_us_);
      }
    }
  }
  uint64_t LowWater() {
    if (queue_->dirty()) {
      (void)queue_->BeginWrite();
      queue_->EndWrite(true);
    }
    return queue_->Durable(log_).value_or(Offset(0)).value();
  }

  const LogId log_ = LogId(10);
  log::TopicPtr topic_;
  WorkOptions options_;
  std::unique_ptr<WorkQueue> queue_;
  WorkChunk last_;
  uint64_t now_us_ = 1000 * kSecond;
};

TEST_F(WorkQueueTest, KeysAreSharedAndAKeyHasOneHolder) {
  Add("abab-");
  EXPECT_EQ(Take(kAnn, 1), "0");
  EXPECT_EQ(Take(kBob), "1 3 4");
  EXPECT_EQ(Take(kBob), "");
  EXPECT_EQ(Take(kAnn), "2");  // Its own key goes on before the first is acked.
  EXPECT_TRUE(Ack(kAnn, 0));
  EXPECT_TRUE(Ack(kAnn, 2));
}

TEST_F(WorkQueueTest, AFailedEventTakesBackThoseAfterItOfItsKeyWithoutCounting) {
  Add("aaba");
  EXPECT_EQ(Take(kAnn), "0 1 2 3");
  EXPECT_EQ(Nack(kAnn, 0), WorkQueue::NackOutcome::kRetried);
  EXPECT_FALSE(Ack(kAnn, 1));
  EXPECT_TRUE(Ack(kAnn, 2));
  EXPECT_EQ(Take(kBob), "");
  Pass(kSecond);
  Reread();
  EXPECT_EQ(Take(kBob, 1), "0x2");
  Reread();
  EXPECT_EQ(Take(kBob, 1), "1");
  Reread();
  EXPECT_EQ(Take(kBob, 1), "3");
}

TEST_F(WorkQueueTest, BackoffGrowsUpToItsMaximum) {
  options_.retry.backoff_factor = 3;
  options_.retry.max_backoff_us = 5 * kSecond;
  Open();
  Add("a");
  EXPECT_EQ(Take(kAnn), "0");
  uint32_t attempts = 1;
  for (const uint64_t pause : {1, 3, 5, 5}) {
    Nack(kAnn, 0);
    Pass(pause * kSecond - 1);
    Reread();
    EXPECT_EQ(Take(kAnn), "") << pause;
    Pass(1);
    Reread();
    EXPECT_EQ(Take(kAnn), absl::StrCat("0x", ++attempts)) << pause;
  }
}

TEST_F(WorkQueueTest, ALeaseEndsByTheClockAndAnExtensionMovesIt) {
  Add("ab");
  EXPECT_EQ(Take(kAnn), "0 1");
  EXPECT_FALSE(queue_->Extend(kAnn, log_, Offset(1), 100 * kSecond, now_us_).has_value());
  Pass(options_.retry.lease_us - 1);
  EXPECT_EQ(queue_->InFlight(kAnn), 2u);
  Pass(1);
  EXPECT_EQ(queue_->InFlight(kAnn), 1u);
  EXPECT_EQ(queue_->Ack(kAnn, log_, Offset(0), now_us_), WorkRejection::kFenced);
  EXPECT_TRUE(Ack(kAnn, 1));
}

TEST_F(WorkQueueTest, WhatIsDoneFromTheFrontIsCommitted) {
  Add("abcd");
  EXPECT_EQ(Take(kAnn), "0 1 2 3");
  EXPECT_TRUE(Ack(kAnn, 1));
  EXPECT_TRUE(Ack(kAnn, 2));
  EXPECT_EQ(LowWater(), 0u);
  EXPECT_TRUE(Ack(kAnn, 0));
  EXPECT_EQ(LowWater(), 3u);
}

TEST_F(WorkQueueTest, RowsBringBackWhatWasDoneAndTried) {
  Add("abcd");
  EXPECT_EQ(Take(kAnn), "0 1 2 3");
  EXPECT_TRUE(Ack(kAnn, 1));
  Nack(kAnn, 2);
  queue_->AgeDeliveries();
  queue_->AgeDeliveries();
  const WorkWrite write = queue_->BeginWrite();
  ASSERT_EQ(write.rows.size(), 1u);
  RestoredWork restored;
  restored.Add(0, *storage::DecodeWorkBlock(*write.rows[0].value));
  Open(std::move(restored));
  Add("abcd");
  EXPECT_EQ(Take(kBob), "0x2 3x2");
  Pass(kSecond);
  EXPECT_EQ(Take(kBob), "2x2");
}

TEST_F(WorkQueueTest, AWriteThatWasNotMadeIsMadeAgain) {
  Add("ab");
  EXPECT_EQ(Take(kAnn), "0 1");
  EXPECT_TRUE(Ack(kAnn, 1));
  const WorkWrite first = queue_->BeginWrite();
  queue_->EndWrite(false);
  ASSERT_TRUE(queue_->dirty());
  const WorkWrite again = queue_->BeginWrite();
  ASSERT_EQ(again.rows.size(), first.rows.size());
  EXPECT_EQ(again.rows[0].value, first.rows[0].value);
  queue_->EndWrite(true);
  EXPECT_FALSE(queue_->dirty());
}

TEST_F(WorkQueueTest, TheLastAttemptMakesADeadLetterAndTheKeyGoesOn) {
  options_.retry.max_attempts = 1;
  Open();
  Add("aa");
  EXPECT_EQ(Take(kAnn, 1), "0");
  EXPECT_EQ(Nack(kAnn, 0, {.reason = "no", .ticket = 9}), WorkQueue::NackOutcome::kDying);
  EXPECT_EQ(Take(kBob), "");  // Its story is not complete yet.
  Reread();
  EXPECT_EQ(queue_->TakeBuried(), std::vector<uint64_t>{9});
  EXPECT_EQ(Take(kBob), "1");
  EXPECT_EQ(queue_->Figures().dead_letters, 1u);
  const WorkWrite write = queue_->BeginWrite();
  std::optional<storage::DeadLetter> letter;
  for (const log::GroupRowChange& row : write.rows) {
    if (row.key[0] == storage::kDeadLetterPrefix) letter = *storage::DecodeDeadLetter(*row.value);
  }
  ASSERT_TRUE(letter.has_value());
  EXPECT_EQ(letter->reason, "no");
  EXPECT_EQ(letter->last_client, "ann");
  EXPECT_EQ(letter->key, "a");
  EXPECT_EQ(letter->attempts, 1u);
}

TEST_F(WorkQueueTest, DelayedEventsHoldUpTheirKeyOrNot) {
  for (const bool skip : {false, true}) {
    options_.retry.skip_delayed = skip;
    Open();
    Add("a", now_us_ + kSecond);
    Add("ab");
    EXPECT_EQ(Take(kAnn), skip ? "1 2" : "2");
    Pass(kSecond);
    EXPECT_EQ(Take(kAnn), skip ? "0" : "0");
    EXPECT_EQ(Take(kAnn), skip ? "" : "1");
  }
}

TEST_F(WorkQueueTest, AFullWindowIsSeenAndStopsReading) {
  options_.window_events_max = 3;
  Open();
  Add("abc", now_us_ + kSecond);
  EXPECT_TRUE(queue_->IsFull(log_));
  EXPECT_TRUE(queue_->Figures().window_blocked);
  EXPECT_EQ(queue_->Figures().waiting_events, 3u);
  Pass(kSecond);
  EXPECT_FALSE(queue_->Figures().window_blocked);
  EXPECT_EQ(Take(kAnn), "0 1 2");
  EXPECT_TRUE(Ack(kAnn, 0));
  EXPECT_TRUE(queue_->HasRoom(log_));
}

TEST_F(WorkQueueTest, BytesOfWhatWaitsAreLetGoAndReadAgain) {
  options_.readahead_bytes_max = 10;
  Open();
  Add("aaaaaaaa", now_us_ + kSecond);
  EXPECT_TRUE(queue_->wants_events());
  Pass(kSecond);
  EXPECT_EQ(Take(kAnn), "");
  Reread();
  EXPECT_EQ(Take(kAnn, 1), "0");
}

// Most events are done before anybody has to remember that they were delivered.
TEST_F(WorkQueueTest, AFirstDeliveryIsToldOnceItIsOld) {
  Add("ab");
  EXPECT_EQ(Take(kAnn), "0 1");
  queue_->AgeDeliveries();
  EXPECT_FALSE(queue_->dirty());
  EXPECT_TRUE(Ack(kAnn, 0));
  EXPECT_EQ(LowWater(), 1u);
  queue_->AgeDeliveries();
  ASSERT_TRUE(queue_->dirty());
  const WorkWrite write = queue_->BeginWrite();
  ASSERT_EQ(write.rows.size(), 1u);
  const auto row = storage::DecodeWorkBlock(*write.rows[0].value);
  ASSERT_TRUE(row.ok());
  ASSERT_EQ(row->tried.size(), 1u);
  EXPECT_EQ(row->tried[0].from, 1u);
  EXPECT_EQ(row->tried[0].attempts, 1u);
}

TEST_F(WorkQueueTest, ADeliveryTakesAllOfItsBatchThatIsReadyInOrder) {
  Add("abc");
  Add("def");
  EXPECT_EQ(Take(kAnn, 2), "0 1");
  Nack(kAnn, 0, {.delay_us = 0});
  Reread();  // Of the second batch only; so the first one's is still missed.
  EXPECT_EQ(Take(kBob), "2");
  EXPECT_EQ(Take(kBob), "3 4 5");
}

// After a seek back events before a dead letter of their key wait for it, if it blocks the key.
TEST_F(WorkQueueTest, WhatIsRedrivenGoesBeforeTheRestOfItsKey) {
  options_.retry.block_key_after_dead_letter = true;
  Open();
  Add("aa");
  EXPECT_EQ(Take(kAnn), "0 1");
  EXPECT_TRUE(Ack(kAnn, 0));
  Nack(kAnn, 1, {.dead_letter = true});
  Reread();
  std::optional<storage::DeadLetter> letter;
  for (const log::GroupRowChange& row : queue_->BeginWrite().rows) {
    if (row.key[0] == storage::kDeadLetterPrefix) letter = *storage::DecodeDeadLetter(*row.value);
  }
  queue_->EndWrite(true);
  ASSERT_TRUE(letter.has_value());
  queue_->PrepareRewind(log_);
  queue_->Rewind(log_, Offset(0), {Offset(1)});
  Add("aa");
  EXPECT_EQ(Take(kBob), "");
  ASSERT_TRUE(queue_->Redrive(log_, Offset(1), *letter, now_us_, now_us_));
  Reread();
  EXPECT_EQ(Take(kBob), "1x2");
  EXPECT_TRUE(Ack(kBob, 1));
  EXPECT_EQ(Take(kBob), "0");
}

TEST_F(WorkQueueTest, HungryMembersAreToldInTurn) {
  EXPECT_EQ(Take(kAnn), "");
  EXPECT_EQ(Take(kBob), "");
  EXPECT_EQ(queue_->TakeHungry(), std::nullopt);
  Add("ab");
  EXPECT_EQ(queue_->TakeHungry(), kAnn);
  EXPECT_EQ(Take(kAnn, 1), "0");
  EXPECT_EQ(queue_->TakeHungry(), kBob);
}

TEST_F(WorkQueueTest, WhatRetentionPassedIsAnnounced) {
  Add("ab");
  EXPECT_EQ(Take(kAnn), "0 1");
  Nack(kAnn, 0, {.delay_us = 0});
  for (const WorkQueue::Wanted& wanted : queue_->TakeWanted(9)) {
    queue_->RereadGone(wanted.log, wanted.offset, log::GapReason::kRetention, now_us_);
  }
  EXPECT_EQ(Take(kBob), "gap 0-1");
  queue_->ReadTo(log_, Offset(9), Offset(2));
  EXPECT_EQ(Take(kBob), "gap 2-9");
  EXPECT_TRUE(Ack(kAnn, 1));
  EXPECT_EQ(LowWater(), 9u);
}

TEST_F(WorkQueueTest, ReadsNoFurtherThanAllQueuesTogetherMay) {
  WorkBudget budget(1000);
  options_.budget = &budget;
  Open();
  Add("ab");
  EXPECT_FALSE(queue_->IsFull(log_));
  EXPECT_GT(queue_->memory_bytes(), 0u);
  budget.Change(1000);
  EXPECT_TRUE(queue_->IsFull(log_));
  EXPECT_FALSE(queue_->HasRoom(log_));
  EXPECT_EQ(Take(kAnn), "0 1");
  EXPECT_TRUE(Ack(kAnn, 0));
  EXPECT_TRUE(Ack(kAnn, 1));
  EXPECT_TRUE(queue_->HasRoom(log_));  // It has nothing: it may read a slice.
}

TEST_F(WorkQueueTest, RewindFencesWhatIsInFlightAndBeginsAgain) {
  Add("ab");
  EXPECT_EQ(Take(kAnn), "0 1");
  EXPECT_TRUE(Ack(kAnn, 0));
  EXPECT_EQ(LowWater(), 1u);
  queue_->Rewind(log_, Offset(0), {});
  EXPECT_EQ(queue_->Ack(kAnn, log_, Offset(1), now_us_), WorkRejection::kFenced);
  EXPECT_EQ(LowWater(), 0u);
  Add("ab");
  EXPECT_EQ(Take(kBob), "0 1");
}

}  // namespace
}  // namespace tidemark::groups
