// Reading runs of batches straight from their files, while files come and go.
#include "server/storage/batch_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/random.h"
#include "tests/unit/storage/store_fixture.h"

namespace tidemark::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class BatchPageTest : public StoreFixture {
 protected:
  static constexpr uint32_t kCount = 3;  // Events of a batch.
  static constexpr size_t kBytes = 200;  // Of data in an event.

  // Reads from `next` to `until` in pages of random size; every batch must be what was put.
  void ReadThrough(LogId log, Offset next, Offset until, testing::Random& random) {
    while (next < until) {
      const auto page = store_->ReadBatches(log, next, until, random.Below(6000));
      ASSERT_TRUE(page.ok()) << page.status();
      ASSERT_THAT(*page, Not(IsEmpty())) << "at offset " << next.value();
      for (const BatchPtr& batch : *page) {
        ASSERT_EQ(batch->header.base_offset, next);
        ASSERT_EQ(batch->events, EventsAt(log, next, kCount, kBytes));
        next = batch->header.end_offset();
      }
    }
  }
  static std::string Content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // The largest table file that says to be of this family, in its properties.
  std::string FileOfFamily(const std::string& family) const {
    std::string found;
    for (const auto& entry : fs::directory_iterator(dir_.path())) {
      if (entry.path().extension() != ".sst") continue;
      if (Content(entry.path()).find(family) == std::string::npos) continue;
      if (found.empty() || fs::file_size(entry) > fs::file_size(found)) found = entry.path();
    }
    EXPECT_NE(found, "");
    return found;
  }
  // Changes a byte of what `needle` begins with, in whatever table file of the closed store holds
  // it.
  void FlipByteAfter(const std::string& needle, size_t distance) {
    for (const auto& entry : fs::directory_iterator(dir_.path())) {
      if (entry.path().extension() != ".sst") continue;
      std::string content = Content(entry.path());
      const size_t at = content.find(needle);
      if (at == std::string::npos) continue;
      content[at + distance] = static_cast<char>(content[at + distance] ^ 4);
      std::ofstream(entry.path(), std::ios::binary).write(content.data(), content.size());
      return;
    }
    ADD_FAILURE() << "no file holds " << needle;
  }
};

TEST_F(BatchPageTest, BatchesOfAFileStayInTheBlockThatWasRead) {
  for (int i = 0; i < 4; ++i) Append(LogId(1), kCount, kBytes);
  Reopen();
  const auto page = store_->ReadBatches(LogId(1), Offset(0), Offset(12), UINT64_MAX);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_THAT(*page, SizeIs(4));
  for (size_t i = 1; i < page->size(); ++i) {
    const absl::string_view before = (*page)[i - 1]->events;
    const ptrdiff_t distance = (*page)[i]->events.data() - (before.data() + before.size());
    EXPECT_GE(distance, static_cast<ptrdiff_t>(kBatchHeaderBytes));
    EXPECT_LE(distance, static_cast<ptrdiff_t>(kBatchHeaderBytes) + 64);
  }
}

// A stalled client must not keep a memtable.
TEST_F(BatchPageTest, BatchesInAMemtableAreCopied) {
  for (int i = 0; i < 4; ++i) Append(LogId(1), kCount, kBytes);
  const auto page = store_->ReadBatches(LogId(1), Offset(0), Offset(12), UINT64_MAX);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_THAT(*page, SizeIs(4));
  store_.reset();  // With its memtables.
  EXPECT_EQ((*page)[3]->events, EventsAt(LogId(1), Offset(9), kCount, kBytes));
}

TEST_F(BatchPageTest, ReadsThroughRunsEpochsAndMemtable) {
  options_.epoch_bytes = 8 << 10;
  Reopen();
  testing::Random random(testing::SeedOr(1));
  for (int i = 0; i < 400; ++i) {
    Append(LogId(1 + static_cast<uint32_t>(random.Below(3))), kCount, kBytes);
    if (random.OneIn(90)) Reopen();
  }
  for (int round = 0; round < 3; ++round) {
    for (uint32_t log = 1; log <= 3; ++log) {
      ReadThrough(LogId(log), Offset(0), ends_[LogId(log)], random);
    }
    if (round == 1) Reopen();
  }
}

// Flushes and compactions put batches elsewhere between a look-up and the read.
TEST_F(BatchPageTest, ReadersGoOnWhileFilesComeAndGo) {
  options_.epoch_bytes = 8 << 10;
  Reopen();
  std::atomic<uint64_t> end = 0;
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    readers.emplace_back([&, seed] {
      testing::Random random(seed);
      while (!done) ReadThrough(LogId(1), Offset(0), Offset(end), random);
    });
  }
  for (int i = 0; i < 600; ++i) {
    Append(LogId(1), kCount, kBytes);
    end = ends_[LogId(1)].value();
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_F(BatchPageTest, ABatchOutlivesItsFile) {
  for (int i = 0; i < 4; ++i) Append(LogId(1), kCount, kBytes);
  Reopen();
  auto page = store_->ReadBatches(LogId(1), Offset(0), Offset(12), UINT64_MAX);
  ASSERT_TRUE(page.ok()) << page.status();
  const BatchPtr batch = page->at(1);
  page->clear();
  store_.reset();
  for (const auto& entry : fs::directory_iterator(dir_.path())) fs::remove(entry.path());
  EXPECT_EQ(batch->events, EventsAt(LogId(1), Offset(3), kCount, kBytes));
}

// Compression is a topic's choice and may change: batches of one log then lie in several families.
TEST_F(BatchPageTest, ReadsThroughFamiliesOfEveryCompression) {
  options_.epoch_bytes = 16 << 10;
  Reopen();
  testing::Random random(testing::SeedOr(4));
  auto compression = Compression::kNone;
  for (int i = 0; i < 400; ++i) {
    if (random.OneIn(20)) compression = static_cast<Compression>(random.Below(kCompressions));
    std::unique_ptr<WriteSet> set = store_->Begin();
    const LogId log(1 + static_cast<uint32_t>(random.Below(2)));
    Put(*set, log, kCount, kBytes, 1, log == LogId(1) ? compression : Compression::kNone);
    Commit(std::move(set));
    if (random.OneIn(90)) Reopen();
  }
  for (int round = 0; round < 2; ++round) {
    for (const LogId log : {LogId(1), LogId(2)}) ReadThrough(log, Offset(0), ends_[log], random);
    Reopen();
  }
}

TEST_F(BatchPageTest, CompressedBatchesTakeLessRoomOnDisk) {
  std::map<Compression, uint64_t> bytes;
  for (const Compression compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    const testing::TempDir directory;
    auto store = Store::Open({.path = directory.path()});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    ends_.clear();
    for (int i = 0; i < 100; ++i) {
      std::unique_ptr<WriteSet> set = store_->Begin();
      Put(*set, LogId(1), kCount, 1000, 1, compression);
      Commit(std::move(set));
    }
    store_.reset();
    store = Store::Open({.path = directory.path()});  // Everything is in files now.
    ASSERT_TRUE(store.ok()) << store.status();
    for (const StoreFigure& figure : (*store)->Figures()) {
      if (figure.name == "rocksdb_live_file_bytes" &&
          absl::StartsWith(figure.column_family, "data")) {
        bytes[compression] += static_cast<uint64_t>(figure.value);
      }
    }
    ASSERT_EQ((*store)->BatchAt(LogId(1), Offset(0)).value()->row.compression, compression);
  }
  EXPECT_GT(bytes[Compression::kNone], 300'000u);
  EXPECT_LT(bytes[Compression::kLz4], bytes[Compression::kNone] / 5);
  EXPECT_LT(bytes[Compression::kZstd], bytes[Compression::kNone] / 5);
}

TEST_F(BatchPageTest, NoticesDamageInACompressedBlock) {
  std::unique_ptr<WriteSet> set = store_->Begin();
  for (int i = 0; i < 50; ++i) Put(*set, LogId(1), kCount, kBytes, 1, Compression::kZstd);
  Put(*set, LogId(2), kCount, kBytes);
  Commit(std::move(set));
  Reopen();
  const std::string path = FileOfFamily("data_zstd");
  store_.reset();
  int noticed = 0;
  const std::string intact = Content(path);
  for (size_t at = 0; at < 400; at += 13) {
    std::string damaged = intact;
    damaged[at] = static_cast<char>(damaged[at] ^ 16);
    std::ofstream(path, std::ios::binary).write(damaged.data(), damaged.size());
    Open();
    Offset next;
    while (next < ends_[LogId(1)]) {
      const auto page = store_->ReadBatches(LogId(1), next, ends_[LogId(1)], UINT64_MAX);
      if (!page.ok()) {
        EXPECT_TRUE(absl::IsDataLoss(page.status())) << page.status();
        ++noticed;
        break;
      }
      ASSERT_THAT(*page, Not(IsEmpty()));
      for (const BatchPtr& batch : *page) {
        ASSERT_EQ(batch->events, EventsAt(LogId(1), next, kCount, kBytes)) << "byte " << at;
        next = batch->header.end_offset();
      }
    }
    EXPECT_TRUE(store_->ReadBatches(LogId(2), Offset(0), Offset(3), UINT64_MAX).ok());
    store_.reset();
  }
  EXPECT_GT(noticed, 10);
  std::ofstream(path, std::ios::binary).write(intact.data(), intact.size());
}

// In one block with its neighbours, so that a checksum of the block would take them along.
TEST_F(BatchPageTest, OnlyADamagedBatchIsLost) {
  for (int i = 0; i < 5; ++i) Append(LogId(1), kCount, kBytes);
  Append(LogId(2), kCount, kBytes);
  Reopen();
  store_.reset();
  FlipByteAfter(EventsAt(LogId(1), Offset(6), kCount, kBytes), 50);
  Open();
  const auto before = store_->ReadBatches(LogId(1), Offset(0), Offset(15), UINT64_MAX);
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_THAT(*before, SizeIs(2));
  for (int attempt = 0; attempt < 2; ++attempt) {
    for (const uint64_t from : {6, 7, 8}) {
      const auto read = store_->ReadBatches(LogId(1), Offset(from), Offset(15), UINT64_MAX);
      EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
      EXPECT_THAT(std::string(read.status().message()), HasSubstr("offset 6 of log 1"));
    }
  }
  const auto behind = store_->ReadBatches(LogId(1), Offset(9), Offset(15), UINT64_MAX);
  ASSERT_TRUE(behind.ok()) << behind.status();
  EXPECT_THAT(*behind, SizeIs(2));
  EXPECT_TRUE(store_->ReadBatches(LogId(2), Offset(0), Offset(3), UINT64_MAX).ok());
}

// Lengths and keys between the batches, too: RocksDB refuses the block, and the intact batches in
// it are still found.
TEST_F(BatchPageTest, AFlippedByteInABlockCostsOneBatch) {
  constexpr int kBatches = 12;
  for (int i = 0; i < kBatches; ++i) Append(LogId(1), kCount, kBytes);
  Reopen();
  const std::string path = FileOfFamily("data");
  store_.reset();
  const std::string intact = Content(path);
  const size_t block_bytes = kBatches * (kBatchHeaderBytes + kCount * kBytes);
  testing::Random random(testing::SeedOr(5));
  for (size_t at = random.Below(20); at < block_bytes; at += 1 + random.Below(400)) {
    SCOPED_TRACE(absl::StrCat("byte ", at));
    std::string damaged = intact;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.Below(8)));
    std::ofstream(path, std::ios::binary).write(damaged.data(), damaged.size());
    Open();
    int lost = 0;
    for (Offset base; base < ends_[LogId(1)]; base = base + kCount) {
      const auto page = store_->ReadBatches(LogId(1), base, base + kCount, UINT64_MAX);
      if (!page.ok()) {
        EXPECT_TRUE(absl::IsDataLoss(page.status())) << page.status();
        ++lost;
        continue;
      }
      ASSERT_THAT(*page, SizeIs(1));
      EXPECT_EQ(page->at(0)->events, EventsAt(LogId(1), base, kCount, kBytes));
    }
    EXPECT_LE(lost, 1);
    store_.reset();
  }
  std::ofstream(path, std::ios::binary).write(intact.data(), intact.size());
}

}  // namespace
}  // namespace tidemark::storage
