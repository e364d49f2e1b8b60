// PartitionTable: the partitions in use and those used lately, loaded from the store on first use,
// so that opening a store costs the same whatever it holds.
//
// Terms.     In use: somebody holds the PartitionPtr: a session, a group, a commit under way.
// Invariant. There is at most one Partition object for a log that anybody can act on: a log is only
//            written by who got it here, and what is in use is never evicted. So its ends cannot
//            move between being read from the store and being used.
// Eviction.  Once more than partitions_cached_max are loaded, those longest unused go (second
//            chance, on a ring), their tails with them: the store has what they had. A weak
//            reference that outlives its partition finds nothing.
// Bounds.    partitions_cached_max and those in use; each load visits at most kVisitsMax.
// Threads.   Safe from any thread. Get may wait for the disk.
// Failure.   After a commit of unknown fate nothing is evicted any more (KeepAll): the store may
//            hold what never became durable, and loading would make it readable.
// Lifetime.  The store outlives it.
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/log/partition.h"
#include "server/storage/store.h"

namespace tidemark::log {

// Where a log begins and ends according to the store; only right of a log that nobody has loaded.
// DATA_LOSS, UNAVAILABLE  the store cannot tell.
absl::StatusOr<Partition::Kept> ReadKept(const storage::Store& store, LogId log);

class PartitionTable {
 public:
  PartitionTable(const storage::Store& store, size_t partitions_cached_max,
                 std::shared_ptr<OpenBudget> index_budget)
      : store_(store), cached_max_(partitions_cached_max), budget_(std::move(index_budget)) {}

  // DATA_LOSS, UNAVAILABLE  the store cannot tell where the log ends.
  absl::StatusOr<PartitionPtr> Get(LogId log) ABSL_LOCKS_EXCLUDED(mu_);
  // The partition if it is loaded, else null. Never waits for the disk.
  PartitionPtr Find(LogId log) const ABSL_LOCKS_EXCLUDED(mu_);
  // The same, but it does not count as a use: for who looks at every partition in turn.
  PartitionPtr Peek(LogId log) const ABSL_LOCKS_EXCLUDED(mu_);
  // Marks logs [first, first + count) deleted and forgets them.
  void Remove(LogId first, uint32_t count) ABSL_LOCKS_EXCLUDED(mu_);
  // Evicts what is over the bound, a few at a time; for when what was in use no longer is and
  // nothing is loaded meanwhile.
  void Trim() ABSL_LOCKS_EXCLUDED(mu_);
  void KeepAll() ABSL_LOCKS_EXCLUDED(mu_);

  size_t loaded() const ABSL_LOCKS_EXCLUDED(mu_);
  // All that are loaded now; asking does not count as use.
  std::vector<PartitionPtr> Loaded() const ABSL_LOCKS_EXCLUDED(mu_);
  OpenBudget& index_budget() { return *budget_; }

 private:
  static constexpr int kVisitsMax = 64;

  // A place for a log, so that two callers who load it at once get one object.
  struct Slot {
    absl::Mutex mu;  // Held while loading.
    PartitionPtr partition ABSL_GUARDED_BY(mu);
  };
  absl::StatusOr<PartitionPtr> Load(LogId log) const;
  // Taken out, to be destroyed without the lock.
  std::vector<PartitionPtr> EvictLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const storage::Store& store_;
  const size_t cached_max_;
  const std::shared_ptr<OpenBudget> budget_;  // Of the open parts of the index.
  mutable absl::Mutex mu_;                    // No other lock is taken while holding it.
  absl::flat_hash_map<LogId, std::shared_ptr<Slot>> slots_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<LogId, PartitionPtr> loaded_ ABSL_GUARDED_BY(mu_);
  std::deque<LogId> ring_ ABSL_GUARDED_BY(mu_);  // Each loaded log once; others were removed.
  bool keep_all_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tidemark::log
