// What the tests of Store share.
#pragma once

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "server/storage/key_schema.h"
#include "server/storage/store.h"
#include "tests/support/events.h"
#include "tests/support/temp_dir.h"

namespace tidemark::storage {

// The store's RocksDB, opened past the store: to break what the store must notice.
class RawStore {
 public:
  explicit RawStore(const std::string& path) {
    std::vector<std::string> names;
    EXPECT_TRUE(rocksdb::DB::ListColumnFamilies({}, path, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names)
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open({}, path, families, &handles_, &db);
    EXPECT_TRUE(status.ok()) << status.ToString();
    db_.reset(db);
  }
  ~RawStore() {
    for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  }
  rocksdb::DB& db() { return *db_; }
  rocksdb::ColumnFamilyHandle* family(const std::string& name) {
    for (rocksdb::ColumnFamilyHandle* handle : handles_) {
      if (handle->GetName() == name) return handle;
    }
    ADD_FAILURE() << "no column family " << name;
    return nullptr;
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

class StoreFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.path = dir_.path();
    Open();
  }
  void Open() {
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Reopen() {
    store_.reset();
    Open();
  }

  // The events of a batch: their number and content follow from log and offset.
  static std::string EventsAt(LogId log, Offset base, uint32_t count, size_t bytes) {
    std::vector<testing::TestEvent> events;
    for (uint32_t i = 0; i < count; ++i) {
      events.push_back({.id = absl::StrCat(log.value(), "/", base.value() + i),
                        .data = std::string(bytes, static_cast<char>('a' + base.value() % 26))});
    }
    return testing::EncodeEvents(events);
  }
  // Adds the next batch of `log` to `set`.
  void Put(WriteSet& set, LogId log, uint32_t count, size_t bytes = 100,
           uint64_t append_time_us = 1, Compression compression = Compression::kNone) {
    Offset& end = ends_[log];
    const std::string events = EventsAt(log, end, count, bytes);
    set.PutBatch({.log = log,
                  .base_offset = end,
                  .count = count,
                  .append_time_us = append_time_us,
                  .position = Position(++position_),
                  .events_bytes = static_cast<uint32_t>(events.size()),
                  .events_crc32c = base::Crc32c(events)},
                 events, bytes_[log], compression);
    end = end + count;
    bytes_[log] += events.size();
  }
  void Commit(std::unique_ptr<WriteSet> set, Sync sync = Sync::kSync) {
    const absl::Status status = store_->Commit(std::move(set), sync);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Append(LogId log, uint32_t count, size_t bytes = 100, uint64_t append_time_us = 1) {
    std::unique_ptr<WriteSet> set = store_->Begin();
    Put(*set, log, count, bytes, append_time_us);
    Commit(std::move(set));
  }

  testing::TempDir dir_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  std::map<LogId, Offset> ends_;
  std::map<LogId, uint64_t> bytes_;
  uint64_t position_ = 0;
};

}  // namespace tidemark::storage
