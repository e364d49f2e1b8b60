#include "server/storage/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include "server/storage/record_codec.h"
#include "tests/support/crash_file_system.h"
#include "tests/unit/storage/store_fixture.h"

namespace tidemark::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class StoreTest : public StoreFixture {
 protected:
  std::vector<std::string> DataFiles() const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      if (entry.path().extension() == ".sst") files.push_back(entry.path());
    }
    return files;
  }
};

TEST_F(StoreTest, ANewStoreIsEmptyAndHasAnId) {
  const auto record = store_->ReadStoreRecord();
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->format_version, kFormatVersion);
  EXPECT_THAT(record->store_id, SizeIs(32));
  EXPECT_THAT(*store_->ReadTopics(), IsEmpty());
  EXPECT_THAT(*store_->ReadDeletedTopics(), IsEmpty());
  EXPECT_THAT(*store_->ReadGroups(), IsEmpty());
  EXPECT_EQ(store_->ReadCommitMark()->position, Position(0));
  EXPECT_FALSE(store_->FirstBatch(LogId(1))->has_value());
}

TEST_F(StoreTest, KeepsItsIdOverARestart) {
  const std::string id = store_->ReadStoreRecord()->store_id;
  Reopen();
  EXPECT_EQ(store_->ReadStoreRecord()->store_id, id);
}

// Sets use the memory of committed ones again, never what was in them.
TEST_F(StoreTest, ASetBeginsEmptyWhateverWasCommittedBefore) {
  for (int i = 0; i < 10; ++i) {
    std::unique_ptr<WriteSet> set = store_->Begin();
    EXPECT_TRUE(set->empty()) << i;
    EXPECT_EQ(set->bytes(), 12u) << i;  // RocksDB's header.
    set->PutOffset(GroupId(1), LogId(i), Offset(i));
    ASSERT_TRUE(store_->Commit(std::move(set), Sync::kNoSync).ok());
    store_->Begin();  // And one that is dropped.
  }
  EXPECT_THAT(*store_->ReadOffsets(GroupId(1)), SizeIs(10));
}

TEST_F(StoreTest, TwoStoresHaveDifferentIds) {
  const testing::TempDir other;
  const auto second = Store::Open({.path = other.path()});
  ASSERT_TRUE(second.ok());
  EXPECT_NE((*second)->ReadStoreRecord()->store_id, store_->ReadStoreRecord()->store_id);
}

TEST_F(StoreTest, CreatesItsDirectory) {
  const auto store = Store::Open({.path = dir_.Sub("new")});
  EXPECT_TRUE(store.ok()) << store.status();
}

TEST_F(StoreTest, RefusesADirectoryThatIsOpenInThisProcess) {
  const auto second = Store::Open(options_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
}

TEST_F(StoreTest, RefusesADirectoryThatIsOpenInAnotherProcess) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {  // Only what a forked process may do: no threads of the parent are here.
    const auto second = Store::Open(options_);
    _exit(second.status().code() == absl::StatusCode::kFailedPrecondition ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(StoreTest, RefusesAnotherFormat) {
  store_.reset();
  {
    RawStore raw(dir_.path());
    StoreRecord record;
    record.format_version = kFormatVersion + 1;
    ASSERT_TRUE(raw.db().Put({}, raw.family("default"), kStoreKey, EncodeStoreRecord(record)).ok());
  }
  const auto store = Store::Open(options_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr(absl::StrCat(kFormatVersion + 1)));
}

TEST_F(StoreTest, BringsAStoreOfFormat1UpToDate) {
  Append(LogId(1), 3);
  store_.reset();
  {
    RawStore raw(dir_.path());
    StoreRecord record{.format_version = 1, .store_id = "0123456789abcdef"};
    ASSERT_TRUE(raw.db().Put({}, raw.family("default"), kStoreKey, EncodeStoreRecord(record)).ok());
  }
  Open();
  const auto record = store_->ReadStoreRecord();
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->format_version, kFormatVersion);
  EXPECT_EQ(record->store_id, "0123456789abcdef");
  EXPECT_TRUE(store_->FirstBatch(LogId(1))->has_value());
}

TEST_F(StoreTest, RefusesAStoreWithColumnFamiliesItDoesNotKnow) {
  store_.reset();
  {
    RawStore raw(dir_.path());
    rocksdb::ColumnFamilyHandle* added = nullptr;
    ASSERT_TRUE(raw.db().CreateColumnFamily({}, "types", &added).ok());
    ASSERT_TRUE(raw.db().DestroyColumnFamilyHandle(added).ok());
  }
  EXPECT_EQ(Store::Open(options_).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StoreTest, RefusesADamagedStoreRecord) {
  store_.reset();
  {
    RawStore raw(dir_.path());
    ASSERT_TRUE(raw.db().Put({}, raw.family("default"), kStoreKey, "{\"format_version\":").ok());
  }
  EXPECT_TRUE(absl::IsDataLoss(Store::Open(options_).status()));
}

// RocksDB would take it for a new directory and delete the data in it.
TEST_F(StoreTest, RefusesDataWithoutTheFileThatLeadsToIt) {
  Append(LogId(1), 3);
  store_.reset();
  const std::string current = dir_.Sub("CURRENT");
  const std::string hidden = dir_.Sub("hidden");
  std::filesystem::rename(current, hidden);
  EXPECT_TRUE(absl::IsDataLoss(Store::Open(options_).status()));
  std::filesystem::rename(hidden, current);
  Open();
  EXPECT_EQ((*store_->LastBatch(LogId(1)))->end_offset(), Offset(3));
}

TEST_F(StoreTest, ReportsAFileSystemThatRefuses) {
  const auto store = Store::Open({.path = "/proc/no-such-place/store"});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable) << store.status();
}

TEST_F(StoreTest, RefusesAnEventStoreWithoutStoreRecord) {
  Append(LogId(1), 3);
  store_.reset();
  {
    RawStore raw(dir_.path());
    ASSERT_TRUE(raw.db().Delete({}, raw.family("default"), kStoreKey).ok());
  }
  EXPECT_TRUE(absl::IsDataLoss(Store::Open(options_).status()));
}

TEST_F(StoreTest, ADroppedSetHasNoEffect) {
  auto set = store_->Begin();
  EXPECT_TRUE(set->empty());
  Put(*set, LogId(1), 3);
  EXPECT_FALSE(set->empty());
  EXPECT_GT(set->bytes(), 300u);
  set.reset();
  EXPECT_FALSE(store_->LastBatch(LogId(1))->has_value());
}

// An epoch number that is used twice would mix the files of two epochs.
TEST_F(StoreTest, BeginsANewEpochAtEachStart) {
  std::set<uint32_t> epochs;
  for (int i = 0; i < 4; ++i) {
    Append(LogId(1), 1);
    epochs.insert((*store_->LastBatch(LogId(1)))->row.epoch.value());
    Reopen();
  }
  EXPECT_THAT(epochs, SizeIs(4));
}

// A slow disk is no broken disk: commits wait for it.
TEST_F(StoreTest, WaitsForFlushesThatLag) {
  store_.reset();
  testing::CrashFileSystem disk(dir_.path());
  options_.env = disk.env();
  options_.epoch_bytes = 32 << 10;
  Open();
  disk.HoldSyncs(".sst");
  const auto immutable = [&] {
    for (const StoreFigure& figure : store_->Figures()) {
      if (figure.name == "rocksdb_immutable_memtables" && figure.column_family == "data") {
        return figure.value;
      }
    }
    return -1.0;
  };
  std::thread release([&] {
    while (immutable() < 3 && !disk.power_is_cut()) std::this_thread::yield();
    disk.ReleaseSyncs();
  });
  for (int i = 0; i < 60; ++i) {
    auto set = store_->Begin();
    Put(*set, LogId(1), 5, 1000);
    const absl::Status status = store_->Commit(std::move(set), Sync::kSync);
    if (!status.ok()) disk.CutPower();  // Ends the wait above.
    ASSERT_TRUE(status.ok() || (release.join(), false)) << i << ": " << status;
  }
  release.join();
  store_.reset();
  options_.env = nullptr;
}

TEST_F(StoreTest, FiguresCoverEveryColumnFamily) {
  Append(LogId(1), 1);
  std::set<std::string> families;
  double wal_bytes = 0;
  for (const StoreFigure& figure : store_->Figures()) {
    families.insert(figure.column_family);
    if (figure.name == "rocksdb_wal_bytes_total") wal_bytes = figure.value;
  }
  EXPECT_THAT(families, ElementsAre("", "data", "data_lz4", "data_zstd", "default", "groups",
                                    "index", "producers", "terms"));
  EXPECT_GT(wal_bytes, 100);
}

}  // namespace
}  // namespace tidemark::storage
