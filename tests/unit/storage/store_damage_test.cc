// A byte that flips on the disk is noticed: the store is not opened, or the read fails, or what is
// read is what was written.
// Method: an undamaged directory is copied, one byte of one file is changed, everything is read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/random.h"
#include "tests/unit/storage/store_fixture.h"

namespace tidemark::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr uint32_t kLogs = 2;
constexpr int kBatches = 8;  // Of each log.

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void WriteFile(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary).write(content.data(), content.size());
}

class StoreDamageTest : public StoreFixture {
 protected:
  void Fill() {
    for (int i = 0; i < kBatches; ++i) {
      for (uint32_t log = 1; log <= kLogs; ++log) {
        auto set = store_->Begin();
        Put(*set, LogId(log), 3, 150);
        set->PutCommitMark({.position = Position(position_), .append_time_us = 1});
        Commit(std::move(set));
      }
    }
  }
  // Copies the store's directory as a kill would leave it.
  void Snapshot() {
    for (const auto& entry : fs::directory_iterator(dir_.path())) {
      fs::copy(entry.path(), fs::path(image_.path()) / entry.path().filename());
    }
  }
  std::vector<fs::path> FilesOf(const std::string& extension) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(image_.path())) {
      if (entry.path().extension() == extension && fs::file_size(entry) > 0) {
        files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    return files;
  }
  // Opens a copy of the image with one byte changed. "intact", "noticed", or what is wrong.
  std::string TryFlip(const fs::path& file, size_t at, uint8_t mask) {
    const testing::TempDir copy;
    for (const auto& entry : fs::directory_iterator(image_.path())) {
      fs::copy(entry.path(), fs::path(copy.path()) / entry.path().filename());
    }
    const fs::path damaged = fs::path(copy.path()) / file.filename();
    std::string content = ReadFile(damaged);
    content[at] = static_cast<char>(content[at] ^ mask);
    WriteFile(damaged, content);
    const auto store = Store::Open({.path = copy.path()});
    if (!store.ok()) {
      return absl::IsDataLoss(store.status()) ? "noticed" : store.status().ToString();
    }
    return ReadAll(**store);
  }
  std::string ReadAll(const Store& store) {
    for (uint32_t log = 1; log <= kLogs; ++log) {
      const auto last = store.LastBatch(LogId(log));
      if (absl::IsDataLoss(last.status())) return "noticed";
      if (!last.ok()) return last.status().ToString();
      const Offset end = ends_[LogId(log)];
      for (Offset next; next < end;) {
        const auto batches = store.ReadBatches(LogId(log), next, end, UINT64_MAX);
        if (absl::IsDataLoss(batches.status())) return "noticed";
        if (!batches.ok()) return batches.status().ToString();
        if (batches->empty()) return absl::StrCat("lost from offset ", next.value(), " on");
        for (const BatchPtr& batch : *batches) {
          const BatchHeader& header = batch->header;
          if (header.base_offset != next ||
              batch->events != EventsAt(LogId(log), next, header.count, 150)) {
            return absl::StrCat("served wrong: offset ", next.value());
          }
          next = header.end_offset();
        }
      }
    }
    return "intact";
  }

  const testing::TempDir image_;
};

TEST_F(StoreDamageTest, NoticesAFlippedByteInAFile) {
  Fill();
  Reopen();  // Everything is in files now.
  store_.reset();
  Snapshot();
  const uint64_t seed = testing::SeedOr(1);
  testing::Random random(seed);
  int noticed = 0;
  for (const fs::path& file : FilesOf(".sst")) {
    const size_t size = fs::file_size(file);
    for (size_t at = random.Below(97); at < size; at += 1 + random.Below(2 * size / 40)) {
      const auto mask = static_cast<uint8_t>(1 << random.Below(8));
      const std::string outcome = TryFlip(file, at, mask);
      noticed += outcome == "noticed";
      EXPECT_TRUE(outcome == "noticed" || outcome == "intact")
          << file.filename() << ", byte " << at << ", seed " << seed << ": " << outcome;
    }
  }
  EXPECT_GT(noticed, 10);
}

TEST_F(StoreDamageTest, NoticesAFlippedByteInTheLog) {
  Fill();
  Snapshot();
  const uint64_t seed = testing::SeedOr(2);
  testing::Random random(seed);
  int noticed = 0;
  for (const fs::path& file : FilesOf(".log")) {
    const size_t size = fs::file_size(file);
    for (size_t at = 0; at < size; at += 1 + random.Below(2 * size / 150)) {
      const auto mask = static_cast<uint8_t>(1 << random.Below(8));
      const std::string outcome = TryFlip(file, at, mask);
      noticed += outcome == "noticed";
      EXPECT_TRUE(outcome == "noticed" || outcome == "intact")
          << file.filename() << " of " << size << " bytes, byte " << at << ", seed " << seed << ": "
          << outcome;
    }
  }
  EXPECT_GT(noticed, 50);
}

// What a kill or a power cut leaves is no damage.
TEST_F(StoreDamageTest, OpensWithALogThatIsCutAnywhere) {
  Fill();
  Snapshot();
  const std::vector<fs::path> logs = FilesOf(".log");
  ASSERT_THAT(logs, SizeIs(1));
  const std::string content = ReadFile(logs[0]);
  testing::Random random(testing::SeedOr(3));
  for (size_t size = 0; size < content.size(); size += 1 + random.Below(content.size() / 30)) {
    WriteFile(logs[0], content.substr(0, size));
    const testing::TempDir copy;
    fs::copy(image_.path(), copy.path(), fs::copy_options::recursive);
    const auto store = Store::Open({.path = copy.path()});
    ASSERT_TRUE(store.ok()) << "cut to " << size << ": " << store.status();
    for (uint32_t log = 1; log <= kLogs; ++log) {
      const auto batches = (*store)->ReadBatches(LogId(log), Offset(0), Offset(1000), UINT64_MAX);
      ASSERT_TRUE(batches.ok()) << "cut to " << size << ": " << batches.status();
      Offset end;
      for (const BatchPtr& batch : *batches) {
        ASSERT_EQ(batch->header.base_offset, end);
        end = batch->header.end_offset();
      }
      const auto last = (*store)->LastBatch(LogId(log));
      ASSERT_EQ(last->has_value() ? (*last)->end_offset() : Offset(0), end);
    }
  }
}

// The checks above RocksDB's own: a value that its checksums cannot know to be wrong.
TEST_F(StoreDamageTest, NoticesABatchThatWasStoredDamaged) {
  Fill();
  const auto info = *store_->BatchAt(LogId(1), Offset(4));
  store_.reset();
  {
    RawStore raw(dir_.path());
    const std::string key = DataKey(info->row.epoch, LogId(1), info->base_offset);
    std::string value;
    ASSERT_TRUE(raw.db().Get({}, raw.family("data"), key, &value).ok());
    value[value.size() / 2] ^= 1;
    ASSERT_TRUE(raw.db().Put({}, raw.family("data"), key, value).ok());
  }
  Open();
  const auto read = store_->ReadBatches(LogId(1), Offset(4), Offset(5), 1);
  EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("offset 3 of log 1"));
  EXPECT_TRUE(store_->ReadBatches(LogId(2), Offset(0), Offset(99), UINT64_MAX).ok());
}

TEST_F(StoreDamageTest, NoticesABatchThatIsMissing) {
  Fill();
  const auto info = *store_->BatchAt(LogId(1), Offset(3));
  store_.reset();
  {
    RawStore raw(dir_.path());
    const std::string key = DataKey(info->row.epoch, LogId(1), info->base_offset);
    ASSERT_TRUE(raw.db().Delete({}, raw.family("data"), key).ok());
  }
  Open();
  const auto before = store_->ReadBatches(LogId(1), Offset(0), Offset(9), UINT64_MAX);
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_THAT(*before, SizeIs(1));
  const auto read = store_->ReadBatches(LogId(1), Offset(3), Offset(9), UINT64_MAX);
  EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
  EXPECT_TRUE(store_->ReadBatches(LogId(1), Offset(6), Offset(9), UINT64_MAX).ok());
}

// The batch is there, and a reader who comes along finds it; one who begins there does not.
TEST_F(StoreDamageTest, NoticesAnIndexRowThatIsMissing) {
  Fill();
  store_.reset();
  {
    RawStore raw(dir_.path());
    ASSERT_TRUE(raw.db().Delete({}, raw.family("index"), IndexKey(LogId(1), Offset(3))).ok());
  }
  Open();
  const auto along = store_->ReadBatches(LogId(1), Offset(0), Offset(9), UINT64_MAX);
  ASSERT_TRUE(along.ok()) << along.status();
  EXPECT_THAT(*along, SizeIs(3));
  const auto read = store_->ReadBatches(LogId(1), Offset(3), Offset(9), UINT64_MAX);
  EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
}

TEST_F(StoreDamageTest, NoticesADamagedIndexRow) {
  Fill();
  store_.reset();
  {
    RawStore raw(dir_.path());
    ASSERT_TRUE(raw.db().Put({}, raw.family("index"), IndexKey(LogId(1), Offset(3)), "short").ok());
  }
  Open();
  EXPECT_TRUE(absl::IsDataLoss(store_->BatchAt(LogId(1), Offset(4)).status()));
  EXPECT_TRUE(
      absl::IsDataLoss(store_->ReadBatches(LogId(1), Offset(4), Offset(9), UINT64_MAX).status()));
}

// The index and the batch say the same of each other; where they do not, one is wrong.
TEST_F(StoreDamageTest, NoticesAnIndexRowThatContradictsItsBatch) {
  Fill();
  auto info = *store_->BatchAt(LogId(1), Offset(3));
  store_.reset();
  {
    RawStore raw(dir_.path());
    info->row.count = 2;
    ASSERT_TRUE(
        raw.db()
            .Put({}, raw.family("index"), IndexKey(LogId(1), Offset(3)), EncodeIndexRow(info->row))
            .ok());
  }
  Open();
  EXPECT_TRUE(
      absl::IsDataLoss(store_->ReadBatches(LogId(1), Offset(3), Offset(5), UINT64_MAX).status()));
}

TEST_F(StoreDamageTest, NoticesAMissingFile) {
  Fill();
  Reopen();
  const auto epoch = (*store_->BatchAt(LogId(1), Offset(0)))->row.epoch;
  EXPECT_EQ(epoch, Epoch(0));
  store_.reset();
  for (const auto& entry : fs::directory_iterator(dir_.path())) {
    if (entry.path().extension() == ".sst") fs::remove(entry.path());
  }
  const auto store = Store::Open(options_);
  if (!store.ok()) {
    EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
    return;
  }
  const auto read = (*store)->ReadBatches(LogId(1), Offset(0), Offset(9), UINT64_MAX);
  EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
}

}  // namespace
}  // namespace tidemark::storage
