// ErasurePlan: which events of one log an erasure or a compaction takes, and what becomes of the
// index without them.
//
// The data's way: Add looks at batches and notes which events go, and of every batch what is left
// of the types and keys of these; WriteIndex changes the rows of the sealed index by that: exactly,
// so that counts stay exact, and in the commit of the erasure itself. What goes.  Postings of
// batches without an event of the term; rows without postings; of a key of
//             which nothing can be read any more everything: then its count goes on under a digest.
// Requires.   The index is sealed up to the end of what is added, and nobody seals it meanwhile.
// Threads.    One at a time. WriteIndex waits for the disk.
// Bounds.     About 16 bytes an event that has no neighbour, 100 for each batch of each term.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/log/erased_events.h"
#include "server/log/event_scan.h"
#include "server/storage/store.h"
#include "server/storage/terms.h"

namespace tidemark::log {

class ErasurePlan {
 public:
  // Which events; empty: any.
  struct Target {
    std::string key;
    std::vector<std::string> types;
  };
  // With `whole_key` nothing is to be left of target.key in the index, whether it has events or
  // not.
  ErasurePlan(LogId log, Target target, bool index_keys, bool whole_key)
      : log_(log), target_(std::move(target)), index_keys_(index_keys), whole_key_(whole_key) {}

  // Of a compaction: keys keep their totals, and nothing tells filtered readers of blanks.
  ErasurePlan(LogId log, bool index_keys)
      : log_(log), index_keys_(index_keys), whole_key_(false), compacts_(true) {}

  // The events of the batch in [from, until) that are the target's. By rising offsets, each batch
  // once. DATA_LOSS  it cannot be walked.
  absl::Status Add(const storage::StoredBatch& batch, Offset from, Offset until);
  // Those of which `goes` says so.
  using Choice = absl::FunctionRef<bool(Offset offset, const EventView& event)>;
  absl::Status AddIf(const storage::StoredBatch& batch, Choice goes);

  LogId log() const { return log_; }
  uint64_t events() const { return events_; }
  // Events of the added batches that stay.
  uint64_t kept() const { return kept_; }
  size_t keys() const { return keys_.size(); }
  const OffsetRanges& ranges() const { return ranges_; }

  // True: there is something to erase, be it in the index only.
  absl::StatusOr<bool> HasWork(const storage::Store& store) const;
  // Tells `change` which rows of the terms change (no value: they go), as WriteSet::ChangeTerm.
  // `start` is the log's. DATA_LOSS  the index is damaged.
  using ChangeRow =
      absl::FunctionRef<void(std::string row_key, const std::optional<std::string>& value)>;
  absl::Status WriteIndex(const storage::Store& store, Offset start, ChangeRow change) const;

 private:
  // What is left of a term in a batch.
  struct BatchEdit {
    Offset base;
    Offset end;
    std::optional<storage::Posting> left;
  };
  using Edits = std::vector<BatchEdit>;  // By rising base.
  class IndexWriter;

  static void Note(absl::btree_map<std::string, Edits>& terms, absl::string_view term,
                   const storage::BatchHeader& header, Offset offset, bool goes);

  const LogId log_;
  const Target target_;
  const bool index_keys_;
  const bool whole_key_;
  const bool compacts_ = false;
  uint64_t events_ = 0;
  uint64_t kept_ = 0;
  OffsetRanges ranges_;
  absl::btree_map<std::string, Edits> types_;
  absl::btree_map<std::string, Edits> keys_;
  absl::btree_map<std::string, storage::KeyTotal> erased_of_key_;
  Edits blanks_;  // `left` is where a batch has erased events, those of before included.
};

}  // namespace tidemark::log
