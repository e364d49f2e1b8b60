// Garbage: in which epochs there may be new garbage, and which deleted topics still have bytes
// somewhere; private to server/storage.
//
// Nothing of it is stored. What was known is lost at a stop; then every file counts as one that may
// hold garbage, and each is looked at once (its properties, not its data), in the background.
//
// Terms.   Marked: an epoch whose file has to be looked at. Left: the epochs in which a deleted
//          topic may still have bytes.
// Bounds.  A number for each marked epoch, one for each epoch that a deleted topic is left in.
// Threads. Safe from any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/synchronization/mutex.h"
#include "server/base/ids.h"
#include "server/storage/store.h"

namespace tidemark::storage {

class Garbage {
 public:
  void Mark(EpochSpan span) ABSL_LOCKS_EXCLUDED(mu_);
  void Mark(const std::vector<Epoch>& epochs) ABSL_LOCKS_EXCLUDED(mu_);
  // Logs [first, first + count) were deleted; their bytes lie in `epochs`.
  void AddDeleted(LogId first, uint32_t count, const std::vector<Epoch>& epochs)
      ABSL_LOCKS_EXCLUDED(mu_);

  bool HasMarkedBelow(Epoch bound) const ABSL_LOCKS_EXCLUDED(mu_);
  bool HasMarkedBelow(Epoch bound, const absl::btree_set<Epoch>& except) const
      ABSL_LOCKS_EXCLUDED(mu_);
  bool IsMarked(EpochSpan span) const ABSL_LOCKS_EXCLUDED(mu_);
  // Takes the marks off before the file is looked at: what becomes garbage meanwhile marks anew.
  void Unmark(EpochSpan span) ABSL_LOCKS_EXCLUDED(mu_);
  // Marked epochs below `bound`, and those in which a deleted topic is left.
  std::vector<Epoch> KnownBelow(Epoch bound) const ABSL_LOCKS_EXCLUDED(mu_);

  // The deleted logs as they are now, by first log with their number.
  std::vector<std::pair<LogId, uint32_t>> Deleted() const ABSL_LOCKS_EXCLUDED(mu_);
  // Nothing of the deleted logs that begin with `first` is in these epochs.
  void Gone(LogId first, EpochSpan span) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes out the deleted logs of which nothing is left, by first log.
  std::vector<LogId> TakeGone() ABSL_LOCKS_EXCLUDED(mu_);

  // What was left in a file when it was looked at.
  struct Left {
    uint64_t bytes = 0;  // Of garbage; 0: none.
    EpochSpan epochs;
    bool worth_rewriting = false;  // Once there is too much garbage.
  };
  void SetLeft(uint64_t file, const Left& left) ABSL_LOCKS_EXCLUDED(mu_);
  // Forgets what was left in other files than these: they are gone.
  void KeepLeft(const absl::btree_set<uint64_t>& files) ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t left_bytes() const ABSL_LOCKS_EXCLUDED(mu_);
  // Marks the files that are worth rewriting; false if there is none.
  bool MarkWorthRewriting() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct DeletedLogs {
    uint32_t count = 0;
    absl::btree_set<Epoch> left;
  };

  mutable absl::Mutex mu_;  // Leaf.
  absl::btree_set<Epoch> marked_ ABSL_GUARDED_BY(mu_);
  absl::btree_map<LogId, DeletedLogs> deleted_ ABSL_GUARDED_BY(mu_);
  absl::btree_map<uint64_t, Left> left_ ABSL_GUARDED_BY(mu_);
  uint64_t left_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace tidemark::storage
