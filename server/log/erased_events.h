// ErasedEvents: offsets whose events are erased while stored batches may still hold them. Whoever
// reads a batch takes them out of it, so that no reader gets them from the moment of the commit on.
//
// Terms.     Blank: see blanks.h.
// Invariant. An offset is in it from the publishing of its erasure until no file that can be read
//            holds its event; then the stored batch has a blank, and nobody needs it any more.
//            Who takes Of before reading a batch and Blank after it never sees an erased event.
// Threads.   Safe from any thread.
// Bounds.    Ranges of erasures that are not complete; Eraser bounds them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/log/blanks.h"
#include "server/storage/batch_codec.h"
#include "server/storage/erasure_record.h"

namespace tidemark::log {

// By rising offset, disjoint, not touching.
using OffsetRanges = std::vector<storage::OffsetRange>;

// Adds [from, until) behind the others; requires from at or behind the last one's end.
void AppendRange(OffsetRanges& ranges, storage::OffsetRange range);
OffsetRanges Union(const OffsetRanges& a, const OffsetRanges& b);
// The first range that ends behind `offset`.
OffsetRanges::const_iterator FirstBehind(const OffsetRanges& ranges, Offset offset);
bool Overlaps(const OffsetRanges& ranges, Offset from, Offset until);

// The batch with blanks for these offsets; itself if there is nothing to take out.
// DATA_LOSS  its events cannot be walked.
absl::StatusOr<storage::BatchPtr> Blank(const storage::BatchPtr& batch, const OffsetRanges& ranges,
                                        absl::string_view blank = kErasedBlank);

class ErasedEvents {
 public:
  using RangesPtr = std::shared_ptr<const OffsetRanges>;

  // Null: none of this log.
  RangesPtr Of(LogId log) const ABSL_LOCKS_EXCLUDED(mu_) {
    if (logs_.load(std::memory_order_acquire) == 0) return nullptr;
    return Find(log);
  }
  void Add(uint64_t erasure, LogId log, OffsetRanges ranges) ABSL_LOCKS_EXCLUDED(mu_);
  // All that the erasure added.
  void Remove(uint64_t erasure) ABSL_LOCKS_EXCLUDED(mu_);
  // Of all logs and erasures.
  uint64_t ranges() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Log {
    absl::btree_map<uint64_t, OffsetRanges> by_erasure;
    RangesPtr all;
  };
  RangesPtr Find(LogId log) const ABSL_LOCKS_EXCLUDED(mu_);
  static RangesPtr UnionOf(const Log& log);

  std::atomic<size_t> logs_ = 0;  // Number of them in by_log_.
  mutable absl::Mutex mu_;        // Leaf.
  absl::btree_map<LogId, Log> by_log_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::log
