// Compactor: key compaction. In a topic with `compact` the newest event of each key is kept, and
// events without a key; the others become blanks (blanks.h), in the background.
//
// Terms.     Dirty: events above the offset up to which the partition was compacted last. Due:
// dirty
//            are half as many events as were left then, at least kDirtyMin; or any, and it is
//            kPauseMax ago. So each pass, which reads the partition once, halves what could go.
// The data's way: a pass seals the index up to the end, which then knows the newest event of each
//            key; it reads batches from the start on and, some at a time, stores them again without
//            what is superseded, with the rows of the index changed in the same commit.
// Invariant. What goes has a newer, durable event of its key. Offsets, and how many events a key
//            had, stay. An event without data (a tombstone) is one as any: the newest stays.
// Crash.     What was stored again stays; the rest is done by a later pass.
// Threads.   One of its own; calls are safe from any thread that may wait.
// Failure.   Logged and tried again after kRetryPause. Behind a damaged batch nothing is compacted.
// Lifetime.  Stop before what is passed to the constructor goes.
#pragma once

#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/log/batch_replacer.h"
#include "server/log/catalog.h"
#include "server/log/erased_events.h"
#include "server/log/erasure_plan.h"
#include "server/log/index_sealer.h"
#include "server/log/partition_table.h"
#include "server/metrics/metrics.h"
#include "server/storage/store.h"

namespace tidemark::log {

class Compactor {
 public:
  static constexpr uint64_t kDirtyMin = 1000;
  static constexpr absl::Duration kPauseMax = absl::Hours(1);

  struct Parts {
    storage::Store& store;
    const Catalog& catalog;
    PartitionTable& partitions;
    IndexSealer& sealer;
    BatchReplacer& replacer;
    const ErasedEvents& erased;
    const base::Clock& clock;
    metrics::Metrics& metrics;
  };
  explicit Compactor(Parts parts) : parts_(parts) {}
  ~Compactor() { Stop(); }

  // What the store knows; before Start.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(pass_mu_);
  void Start();
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // The topic is new, or has other settings.
  void Watch(const TopicPtr& topic) ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(TopicId topic) ABSL_LOCKS_EXCLUDED(mu_);

  // Compacts what is due.
  void Step() ABSL_LOCKS_EXCLUDED(pass_mu_, mu_);
  // Compacts all partitions of the topic now. For tests.
  absl::Status Compact(const Topic& topic) ABSL_LOCKS_EXCLUDED(pass_mu_, mu_);

 private:
  struct State {
    storage::LogCompaction done;
    absl::Time pass_time =
        absl::InfinitePast();  // Of the last pass, or when it was first looked at.
    absl::Time not_before = absl::InfinitePast();  // After a failure.
    // Of a partition that is not in memory: its end, and when that was read.
    Offset end;
    absl::Time end_time = absl::InfinitePast();
  };
  struct Progress {
    Offset next;
    uint64_t kept = 0;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  void ForgetDeleted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(pass_mu_);
  bool stopped() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<bool> IsDue(LogId log, State& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(pass_mu_);
  absl::StatusOr<Offset> EndOf(LogId log, State& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(pass_mu_);
  absl::Status Pass(const Topic& topic, LogId log, State& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(pass_mu_);
  // One commit's worth of batches from progress.next on.
  absl::Status CompactSome(const Topic& topic, const Partition& partition, Offset until,
                           const storage::LogCompaction& done, Progress& progress);
  absl::Status Replace(const Partition& partition, const std::vector<storage::BatchPtr>& batches,
                       const ErasurePlan& plan, const storage::LogCompaction& done)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(parts_.replacer.mutex());

  const Parts parts_;
  absl::Mutex pass_mu_;  // Held over passes; then the replacer's.
  absl::btree_map<LogId, State> states_ ABSL_GUARDED_BY(pass_mu_);
  uint64_t catalog_version_ ABSL_GUARDED_BY(pass_mu_) = 0;  // Of which states_ has no others.
  mutable absl::Mutex mu_;                                  // Leaf.
  absl::btree_map<TopicId, TopicPtr> topics_ ABSL_GUARDED_BY(mu_);  // Those with `compact`.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tidemark::log
