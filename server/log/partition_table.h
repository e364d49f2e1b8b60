// PartitionTable: the partitions somebody has used since the start, loaded from the store on first
// use, so that opening a store costs the same whatever it holds.
//
// Invariant. There is at most one Partition object for a log: a log is only written by who got it
//            here, so its ends cannot move between being read from the store and being used.
// Threads.   Safe from any thread. Get may wait for the disk.
// Lifetime.  The store outlives it.
#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/log/partition.h"
#include "server/storage/store.h"

namespace tidemark::log {

class PartitionTable {
 public:
  explicit PartitionTable(const storage::Store& store) : store_(store) {}

  // DATA_LOSS, UNAVAILABLE  the store cannot tell where the log ends.
  absl::StatusOr<PartitionPtr> Get(LogId log) ABSL_LOCKS_EXCLUDED(mu_);
  // The partition if it is loaded, else null. Never waits for the disk.
  PartitionPtr Find(LogId log) const ABSL_LOCKS_EXCLUDED(mu_);
  // Marks logs [first, first + count) deleted and forgets them.
  void Remove(LogId first, uint32_t count) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // A place for a log, so that two callers who load it at once get one object.
  struct Slot {
    absl::Mutex mu;  // Held while loading.
    PartitionPtr partition ABSL_GUARDED_BY(mu);
  };
  absl::StatusOr<PartitionPtr> Load(LogId log) const;

  const storage::Store& store_;
  mutable absl::Mutex mu_;  // No other lock is taken while holding it.
  absl::flat_hash_map<LogId, std::shared_ptr<Slot>> slots_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<LogId, PartitionPtr> loaded_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::log
