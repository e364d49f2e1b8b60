// What a WriteSet and a Store know of RocksDB; private to server/storage.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/key_schema.h"
#include "server/storage/write_set.h"

namespace tidemark::storage {

struct ColumnFamilies {
  rocksdb::ColumnFamilyHandle* meta = nullptr;
  std::array<rocksdb::ColumnFamilyHandle*, kCompressions> data = {};  // By Compression.
  rocksdb::ColumnFamilyHandle* index = nullptr;
  rocksdb::ColumnFamilyHandle* groups = nullptr;
  rocksdb::ColumnFamilyHandle* producers = nullptr;
  rocksdb::ColumnFamilyHandle* terms = nullptr;
};

struct WriteSet::Rep {
  const ColumnFamilies& families;
  Epoch epoch;
  uint64_t& epoch_bytes;  // Of the store: bytes put into `epoch` so far.
  rocksdb::WriteBatch batch;
};

// The memory of committed sets, for the next ones: a batch that grows anew is copied about once
// while it grows, into pages that the kernel has to fill first.
//
// Threads. Safe from any thread: sets are begun on one and committed on another.
// Bounds.  kKept batches of at most twice kBytesMax.
class SpareBatches {
 public:
  static constexpr size_t kKept = 2;
  static constexpr size_t kBytesMax = 4 << 20;

  rocksdb::WriteBatch Take() ABSL_LOCKS_EXCLUDED(mu_);
  void Give(rocksdb::WriteBatch batch) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Mutex mu_;  // Leaf.
  std::vector<rocksdb::WriteBatch> spare_ ABSL_GUARDED_BY(mu_);
};

inline rocksdb::Slice ToSlice(absl::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline absl::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

}  // namespace tidemark::storage
