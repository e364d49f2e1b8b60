// TableFiles: the files that hold batches, opened beside the database, so that what is read from
// them can stay where RocksDB put it for as long as a client takes to receive it.
//
// Why.       An iterator of the database pins everything it was made over, memtables included: one
//            stalled client would keep 64 MB and more. One over a file pins the file's descriptor
//            and the blocks it has read.
// How.       A sorted list of the live files and their key ranges, renewed when RocksDB says that a
//            file came or went; and the files used last, open.
// Invariant. Find names a file only if no other file can hold the key. What a file says is what the
//            database says, because a batch is written once and never overwritten. It may be newer
//            than the list or gone from it: then Find answers nothing, and the caller asks the
//            database, which is always right.
// Threads.   Safe from any thread. Find may wait for the disk.
// Bounds.    open_max files; those that pages still refer to come on top.
// Lifetime.  Made before the database, which holds it as its listener; Attach once it is open.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/key_schema.h"

namespace tidemark::storage {

using TableFile = rocksdb::SstFileReader;

class TableFiles final : public rocksdb::EventListener {
 public:
  TableFiles(const rocksdb::Options& options, size_t open_max)
      : options_(options), open_max_(open_max) {}

  // `families` in the order of their numbers in Find.
  void Attach(rocksdb::DB& db, std::vector<rocksdb::ColumnFamilyHandle*> families);

  // The newest epoch in a file; after opening the database, which leaves no memtable behind, the
  // newest of all. Reads no file, so that none that is damaged keeps the store closed.
  std::optional<Epoch> NewestEpoch() ABSL_LOCKS_EXCLUDED(refresh_mu_, mu_);

  // The file that alone may hold `key` of a family; null: none is known, or it cannot be opened.
  std::shared_ptr<TableFile> Find(size_t family, absl::string_view key)
      ABSL_LOCKS_EXCLUDED(refresh_mu_, mu_);

  // The path of that file; empty: none is known.
  std::string PathOf(size_t family, absl::string_view key) ABSL_LOCKS_EXCLUDED(refresh_mu_, mu_);

  // From RocksDB, on any thread.
  void OnFlushCompleted(rocksdb::DB* db, const rocksdb::FlushJobInfo& info) override;
  void OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& info) override;
  void OnTableFileDeleted(const rocksdb::TableFileDeletionInfo& info) override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    std::string smallest;  // Both included.
    std::string largest;
    std::string path;
    bool alone = true;  // No other file overlaps it.
  };
  using Entries = std::vector<Entry>;  // By smallest key.
  using Lists = std::vector<Entries>;  // By family.
  struct OpenFile {
    std::shared_ptr<TableFile> file;
    uint64_t last_use = 0;
  };

  std::shared_ptr<const Lists> Current() ABSL_LOCKS_EXCLUDED(refresh_mu_, mu_);
  void Publish(std::shared_ptr<const Lists> lists) ABSL_LOCKS_EXCLUDED(mu_);
  Entries ListOf(rocksdb::ColumnFamilyHandle* family) const;
  std::shared_ptr<TableFile> Open(const std::string& path) ABSL_LOCKS_EXCLUDED(mu_);

  const rocksdb::Options options_;
  const size_t open_max_;
  rocksdb::DB* db_ = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;

  std::atomic<bool> stale_ = true;  // The list must be renewed before it is used.
  absl::Mutex refresh_mu_;  // Then mu_, and RocksDB's. Never taken in a callback of RocksDB.
  absl::Mutex mu_;          // Leaf.
  std::shared_ptr<const Lists> lists_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, OpenFile> open_ ABSL_GUARDED_BY(mu_);  // By path.
  uint64_t uses_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace tidemark::storage
