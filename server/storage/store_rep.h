// What a Store consists of; private to server/storage.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/statistics.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/background_failure.h"
#include "server/storage/batch_page.h"
#include "server/storage/garbage.h"
#include "server/storage/log_starts.h"
#include "server/storage/manifest_keeper.h"
#include "server/storage/run_memory.h"
#include "server/storage/store.h"
#include "server/storage/superseded.h"
#include "server/storage/table_files.h"
#include "server/storage/write_set_rep.h"

namespace tidemark::storage {

struct Store::Rep {
  ~Rep();

  // Adds a run from `base` on to `page`; see BatchPage.
  absl::Status AddRun(BatchPage& page, RunPlace run, LogId log, Offset base) const;

  StoreOptions options;
  std::shared_ptr<rocksdb::Statistics> statistics;
  std::unique_ptr<ManifestKeeper> env;  // Of the database.
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  ColumnFamilies families;

  SpareBatches spares;
  // Of the thread that calls Begin.
  Epoch epoch;
  uint64_t epoch_bytes = 0;
  // Of the thread that calls Commit: the epoch of the newest committed set.
  Epoch committed_epoch;

  // Held while the write-ahead log is written or synced. After a failure its file must not be
  // touched again: what a second sync would say is worth nothing (and RocksDB asserts that there
  // is none).
  absl::Mutex wal_mu;
  bool failed ABSL_GUARDED_BY(wal_mu) = false;  // Writing or syncing failed: nothing is written.

  // Shared with the filters of compactions; they may begin before it is filled, and then keep all.
  std::shared_ptr<LogStarts> starts = std::make_shared<LogStarts>();
  // Shared with the filters, too.
  std::shared_ptr<Superseded> superseded = std::make_shared<Superseded>();
  Garbage garbage;
  std::string digest_secret;  // Set when the store is opened.
  std::atomic<bool> has_erasures = false;
  std::atomic<bool> end_epoch = false;  // The next Begin begins an epoch.
  mutable absl::Mutex reordered_mu;     // Leaf.
  // Logs whose batches were written again: epochs do not rise in them.
  absl::btree_set<LogId> reordered ABSL_GUARDED_BY(reordered_mu);
  // Of the thread that scrubs: files that have to go, tables that have to go unless they are
  // needed, and the batches that are gone with them.
  std::vector<std::string> scrub_leaving;
  std::vector<std::string> scrub_obsolete;
  std::vector<std::string> scrub_superseded;
  // The epoch whose batches go into the active memtable, for other threads. It is raised after the
  // memtable was switched.
  std::atomic<uint32_t> open_epoch = 0;
  // Epochs below it are known to be in files.
  mutable std::atomic<uint32_t> flushed_bound = 0;

  std::shared_ptr<BackgroundFailure> background_failure = std::make_shared<BackgroundFailure>();
  std::shared_ptr<TableFiles> table_files;
  mutable RunMemory runs;
};

// Where new terms are written before they are ingested.
std::string TermFilePath(absl::string_view store_path);

// Random; names a store.
std::string NewStoreId();

// Looks through the directory for what RocksDB does not need. By itself it removes only what it
// remembers: not a log that was empty when the store was opened, after a crash.
absl::Status DeleteObsoleteFiles(rocksdb::DB& db);

// Makes the name of a directory durable, which syncs only what is in it.
absl::Status SyncParent(rocksdb::Env& env, const std::string& path);
// Makes durable which names are in a directory.
absl::Status SyncDirectory(rocksdb::Env& env, const std::string& path);

// RocksDB's status with the place where it arose.
absl::Status FromRocks(const rocksdb::Status& status, absl::string_view doing);

// UNAVAILABLE: Store::Rep::failed, or a BackgroundFailure.
absl::Status RefusedAfterFailure();

}  // namespace tidemark::storage
