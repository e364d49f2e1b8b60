// BatchPage: batches of one log that follow one another, put together from runs.
//
// Terms.     Run: the batches of one log within one epoch; they lie together.
// Invariant. The batches are dense and every checksum of them was verified.
// Threads.   One thread at a time.
#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "server/storage/batch_codec.h"
#include "server/storage/store.h"
#include "server/storage/superseded.h"
#include "server/storage/table_files.h"

namespace tidemark::storage {

class BatchPage {
 public:
  // Of batches that begin before `until`, as many as fit into `max_bytes`, at least one. What comes
  // next is not read to find out whether it would still fit: it is taken to be as large as the
  // last.
  // A run ends before a batch that is superseded.
  BatchPage(LogId log, Offset until, uint64_t max_bytes, const Superseded* superseded = nullptr)
      : log_(log), until_(until), max_bytes_(max_bytes), superseded_(superseded) {}

  // Adds the run of `epoch` from the batch that begins at `base` on, until it ends or the page is
  // full. Adds nothing if that batch is not there.
  // DATA_LOSS  the next batch is damaged; what was added before stays.

  // From a file: events stay in the blocks that RocksDB read, which the batches keep.
  absl::Status AddFrom(std::shared_ptr<TableFile> file, Epoch epoch, Offset base);
  // From the database, wherever the run is: events are copied, so that nothing is pinned.
  absl::Status AddFrom(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, Epoch epoch,
                       Offset base);

  // Adds one batch, copied, if its bytes are intact.
  absl::Status AddCopy(absl::string_view value, Offset base) { return Add(value, nullptr, base); }

  bool full() const { return full_; }
  bool empty() const { return batches_.empty(); }
  // Where the next batch begins. Requires that the page is not empty.
  Offset next() const { return batches_.back()->header.end_offset(); }
  const std::vector<BatchPtr>& batches() const { return batches_; }
  // Takes back what follows the first `count` batches.
  void CutAt(size_t count) { batches_.resize(count); }
  std::vector<BatchPtr> Take() { return std::move(batches_); }

 private:
  // `owner` keeps the iterator's values; null: they are copied.
  absl::Status AddRun(rocksdb::Iterator& it, const std::shared_ptr<const void>& owner, Epoch epoch,
                      Offset base);
  absl::Status Add(absl::string_view value, const std::shared_ptr<const void>& owner, Offset base);

  const LogId log_;
  const Offset until_;
  const uint64_t max_bytes_;
  const Superseded* const superseded_;  // Null: nothing is.
  std::vector<BatchPtr> batches_;
  uint64_t bytes_ = 0;
  bool full_ = false;
};

}  // namespace tidemark::storage
