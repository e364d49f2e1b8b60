// Garbage leaves the disk: whole files at once, half-empty ones by rewriting, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/unit/storage/store_fixture.h"

namespace tidemark::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// While it lives, no thread that flushes is free.
class HeldFlushes {
 public:
  HeldFlushes() {
    rocksdb::Env& env = *rocksdb::Env::Default();
    const int threads = env.GetBackgroundThreads(rocksdb::Env::HIGH);
    EXPECT_GT(threads, 0);
    for (int i = 0; i < threads; ++i) {
      held_.push_back(std::make_unique<Held>(release_));
      env.Schedule([](void* held) { static_cast<Held*>(held)->Run(); }, held_.back().get(),
                   rocksdb::Env::HIGH);
    }
    for (const auto& held : held_) held->began.WaitForNotification();
  }
  ~HeldFlushes() {
    release_.Notify();
    for (const auto& held : held_) held->ended.WaitForNotification();
  }
  HeldFlushes(const HeldFlushes&) = delete;
  HeldFlushes& operator=(const HeldFlushes&) = delete;

 private:
  struct Held {
    explicit Held(absl::Notification& release) : release(release) {}
    void Run() {
      began.Notify();
      release.WaitForNotification();
      ended.Notify();
    }
    absl::Notification& release;
    absl::Notification began;
    absl::Notification ended;
  };
  absl::Notification release_;
  std::vector<std::unique_ptr<Held>> held_;
};

class ReclaimTest : public StoreFixture {
 protected:
  void SetUp() override {
    options_.epoch_bytes = 64 << 10;
    StoreFixture::SetUp();
  }
  // `batches` of 10 kB of each log in turn; then all of it is in files.
  void Fill(int batches, int logs) {
    for (int i = 0; i < batches; ++i) {
      for (int log = 1; log <= logs; ++log) {
        Append(LogId(static_cast<uint32_t>(log)), 10, 1000, static_cast<uint64_t>(i + 1));
      }
    }
    Reopen();
  }
  // Moves the start of `log` to the batch that holds `start`, as retention does.
  void Trim(LogId log, Offset start) {
    const auto first = *store_->FirstBatch(log);
    const auto last = *store_->BatchAt(log, Offset(start.value() - 1));
    auto set = store_->Begin();
    set->PutLogStart(log, {.start = start, .end = ends_[log], .end_bytes = bytes_[log]});
    set->DeleteIndexRows(log, first->base_offset, start);
    Commit(std::move(set));
    store_->MarkTrimmed(log, start, {first->row.epoch, last->row.epoch});
  }
  // Until there is no more to do; what was done is added up.
  ReclaimReport Reclaim() {
    ReclaimReport all;
    do {
      const auto report = store_->Reclaim([] { return false; });
      EXPECT_TRUE(report.ok()) << report.status();
      if (!report.ok()) break;
      all.files_dropped += report->files_dropped;
      all.files_rewritten += report->files_rewritten;
      all.bytes_freed += report->bytes_freed;
      all.bytes_rewritten += report->bytes_rewritten;
      all.left_bytes = report->left_bytes;
      all.gone.insert(all.gone.end(), report->gone.begin(), report->gone.end());
      all.more = report->more;
      std::this_thread::yield();
    } while (all.more);
    return all;
  }
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
  double Figure(absl::string_view name) const {
    for (const StoreFigure& figure : store_->Figures()) {
      if (figure.name == name) return figure.value;
    }
    return -1;
  }
  void Scrub() {
    const auto scrubbed = store_->Scrub(
        {}, [] { return absl::OkStatus(); }, [] { return false; });
    EXPECT_TRUE(scrubbed.ok()) << scrubbed.status();
  }
  double WaitingMemtables() const {
    for (const StoreFigure& figure : store_->Figures()) {
      if (figure.name == "rocksdb_immutable_memtables" && figure.column_family == "data") {
        return figure.value;
      }
    }
    return -1;
  }
  // Until RocksDB has moved the new files down: what it has in hand it may filter too.
  void Settle() const {
    const auto busy = [this] {
      double compactions = 0;  // Those that wait come first: one that begins meanwhile is counted.
      for (const StoreFigure& figure : store_->Figures()) {
        if (figure.name == "rocksdb_compaction_pending") compactions += figure.value;
        if (figure.name == "rocksdb_running_compactions") compactions += figure.value;
      }
      return compactions > 0;
    };
    while (busy()) std::this_thread::yield();
  }
  void ExpectReadable(LogId log, Offset from) {
    const auto read = store_->ReadBatches(log, from, ends_[log], UINT64_MAX);
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_FALSE(read->empty());
    EXPECT_EQ(read->front()->header.base_offset, from);
    EXPECT_EQ(read->back()->header.end_offset(), ends_[log]);
  }
};

TEST_F(ReclaimTest, DropsFilesThatHoldOnlyGarbageWithoutRewritingAny) {
  Fill(60, 1);
  const uint64_t before = DataBytes();
  Trim(LogId(1), Offset(500));  // Of 600.
  const ReclaimReport report = Reclaim();
  EXPECT_GE(report.files_dropped, 1u);  // Up to three epochs may have been flushed into one.
  EXPECT_EQ(report.bytes_rewritten, 0u);
  EXPECT_LT(DataBytes(), before * 5 / 10);  // What is readable, and less than as much again.
  ExpectReadable(LogId(1), Offset(500));
  EXPECT_EQ(Reclaim().files_dropped, 0u);
}

TEST_F(ReclaimTest, RewritesFilesThatAreHalfGarbageOnceThereIsMuchGarbage) {
  Fill(100, 3);
  const uint64_t before = DataBytes();
  Trim(LogId(1), Offset(1000));  // A third of every file.
  EXPECT_EQ(Reclaim().files_rewritten, 0u);
  EXPECT_GT(Reclaim().left_bytes, before / 4);
  EXPECT_EQ(DataBytes(), before);
  Trim(LogId(2), Offset(1000));  // Two thirds.
  const ReclaimReport report = Reclaim();
  EXPECT_GE(report.files_rewritten, 3u);
  EXPECT_EQ(report.files_dropped, 0u);
  EXPECT_LE(report.left_bytes, before / 6);  // Of two thirds.
  EXPECT_LT(DataBytes(), before * 6 / 10);
  ExpectReadable(LogId(3), Offset(0));
}

// The file at the edge of a window is half garbage for a while: it waits until it can be dropped.
TEST_F(ReclaimTest, AMovingWindowRewritesNothing) {
  uint64_t rewritten = 0;
  uint64_t dropped = 0;
  for (int i = 0; i < 300; ++i) {
    for (const LogId log : {LogId(1), LogId(2), LogId(3)}) {
      Append(log, 10, 1000);
      if (i >= 50) Trim(log, Offset(10 * (static_cast<uint64_t>(i) - 49)));
    }
    const ReclaimReport report = Reclaim();
    rewritten += report.bytes_rewritten;
    dropped += report.files_dropped;
  }
  EXPECT_EQ(rewritten, 0u);
  EXPECT_GT(dropped, 30u);
}

// A byte that stays is not rewritten for each byte that goes.
TEST_F(ReclaimTest, RewritesAtMostAsMuchAsItFrees) {
  Fill(40, 3);
  uint64_t rewritten = 0;
  uint64_t freed = 0;
  for (uint64_t start = 10; start <= 400; start += 10) {
    Trim(LogId(1), Offset(start));
    Trim(LogId(3), Offset(start));
    const ReclaimReport report = Reclaim();
    rewritten += report.bytes_rewritten;
    freed += report.bytes_freed;
  }
  EXPECT_GT(freed, 300'000u);
  EXPECT_LE(rewritten, freed * 11 / 10);
  ExpectReadable(LogId(2), Offset(0));
}

TEST_F(ReclaimTest, AppendingOnlyMovesFiles) {
  for (int i = 0; i < 200; ++i) Append(LogId(1 + static_cast<uint32_t>(i % 7)), 10, 1000);
  EXPECT_GT(Figure("rocksdb_flush_bytes_total"), 1'500'000);
  // The small column families; a single file of batches has 64 kB.
  EXPECT_LT(Figure("rocksdb_compaction_written_bytes_total"), 20'000);
}

TEST_F(ReclaimTest, WaitsForBatchesThatAreInNoFileYet) {
  for (int i = 0; i < 3; ++i) Append(LogId(1), 10, 1000);
  Trim(LogId(1), Offset(20));
  EXPECT_EQ(Reclaim().files_rewritten, 0u);
  ExpectReadable(LogId(1), Offset(20));
  EXPECT_EQ(Reclaim().left_bytes, 0u);
  Trim(LogId(1), Offset(30));
  Reopen();
  EXPECT_GT(Reclaim().bytes_freed, 30'000u);
}

// A flush takes all that waits: here the epoch before and, for a scrub, the open one.
TEST_F(ReclaimTest, AsksNoMoreForAFileThatWaitsForItsNewestEpoch) {
  Scrub();  // No other family has something to flush.
  std::optional<HeldFlushes> held(std::in_place);
  while (WaitingMemtables() < 1) Append(LogId(1), 10, 1000);
  const Offset start(ends_[LogId(1)].value() - 10);
  Append(LogId(1), 10, 1000);
  std::thread scrubber([this] { Scrub(); });
  while (WaitingMemtables() < 2) std::this_thread::yield();
  held.reset();
  scrubber.join();
  Settle();
  Trim(LogId(1), start);
  const auto report = store_->Reclaim([] { return false; });
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->bytes_freed, 0u);
  EXPECT_FALSE(report->more);
  Reopen();  // It begins an epoch.
  EXPECT_GT(Reclaim().left_bytes, 50'000u);
  ExpectReadable(LogId(1), start);
}

TEST_F(ReclaimTest, FindsGarbageAgainAfterARestart) {
  Fill(60, 1);
  const uint64_t before = DataBytes();
  Trim(LogId(1), Offset(500));
  Reopen();
  EXPECT_GE(Reclaim().files_dropped, 1u);
  EXPECT_LT(DataBytes(), before * 5 / 10);  // What is readable, and less than as much again.
  ExpectReadable(LogId(1), Offset(500));
}

TEST_F(ReclaimTest, SaysWhenNothingOfADeletedTopicIsLeft) {
  Fill(30, 3);
  ASSERT_TRUE(store_->MarkDeleted(LogId(2), 2, Store::Deleted::kNow).ok());
  auto set = store_->Begin();
  set->DeleteLogIndex(LogId(2), 2);
  Commit(std::move(set));
  const uint64_t before = DataBytes();
  EXPECT_THAT(Reclaim().gone, ElementsAre(LogId(2)));
  EXPECT_LT(DataBytes(), before * 5 / 10);  // Two thirds are gone.
  EXPECT_THAT(Reclaim().gone, IsEmpty());
  ExpectReadable(LogId(1), Offset(0));
}

TEST_F(ReclaimTest, KeepsADeletedTopicInMindWhileItsBytesAreNotWorthIt) {
  for (int i = 0; i < 20; ++i) {
    Append(LogId(1), 10, 1000);
    if (i % 5 == 0) Append(LogId(2), 1, 100);
  }
  Reopen();
  Settle();
  const auto deleted = [&](Store::Deleted when) {
    ASSERT_TRUE(store_->MarkDeleted(LogId(2), 1, when).ok());
    const ReclaimReport report = Reclaim();
    EXPECT_THAT(report.gone, IsEmpty());
    EXPECT_EQ(report.files_rewritten, 0u);
    EXPECT_GT(report.left_bytes, 100u);
  };
  deleted(Store::Deleted::kNow);
  auto set = store_->Begin();
  set->DeleteLogIndex(LogId(2), 1);
  Commit(std::move(set));
  Reopen();
  Settle();
  deleted(Store::Deleted::kBeforeOpening);
  // It goes with what it lies between.
  Trim(LogId(1), Offset(200));
  EXPECT_THAT(Reclaim().gone, ElementsAre(LogId(2)));
}

TEST_F(ReclaimTest, ATopicWithoutEventsIsGoneAtOnce) {
  Fill(3, 1);
  ASSERT_TRUE(store_->MarkDeleted(LogId(5), 3, Store::Deleted::kNow).ok());
  EXPECT_THAT(Reclaim().gone, ElementsAre(LogId(5)));
}

TEST_F(ReclaimTest, StopsBetweenFiles) {
  Fill(60, 1);
  Trim(LogId(1), Offset(500));
  const auto stopped = store_->Reclaim([] { return true; });
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(stopped->bytes_freed, 0u);
  EXPECT_GT(Reclaim().bytes_freed, 300'000u);
}

// Nothing is garbage before the starts are known: a start is, and stays, readable.
TEST_F(ReclaimTest, NeverTouchesWhatIsReadable) {
  Fill(20, 3);
  EXPECT_EQ(Reclaim().bytes_freed, 0u);
  Trim(LogId(2), Offset(100));
  Reclaim();
  for (const uint32_t log : {1u, 3u}) ExpectReadable(LogId(log), Offset(0));
  ExpectReadable(LogId(2), Offset(100));
  EXPECT_EQ((*store_->ReadLogStart(LogId(2)))->end, Offset(200));
  EXPECT_EQ(*store_->ReadLogStart(LogId(1)), std::nullopt);
}

TEST_F(ReclaimTest, FindsOffsetsByBytes) {
  for (int i = 0; i < 10; ++i) Append(LogId(1), 1, 1000);
  const uint64_t one = bytes_[LogId(1)] / 10;
  const auto at = [&](uint64_t bytes) {
    return store_->FirstOffsetAtBytes(LogId(1), bytes, Offset(0), Offset(10))->value();
  };
  EXPECT_EQ(at(0), 0u);
  EXPECT_EQ(at(1), 1u);
  EXPECT_EQ(at(one), 1u);
  EXPECT_EQ(at(one + 1), 2u);
  EXPECT_EQ(at(9 * one), 9u);
  EXPECT_EQ(at(9 * one + 1), 10u);
}

}  // namespace
}  // namespace tidemark::storage
