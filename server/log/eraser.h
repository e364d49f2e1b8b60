// Eraser: erases events for ever, and tells how far it is.
//
// Terms.     Erasure: what one call takes; it has a number and a record. Rewriting, scrubbing,
//            complete: see storage::ErasureState.
// The data's way: Erase finds the events, and in one commit writes their offsets, the index without
//            them, the record and a receipt (erasure_receipt.h); from then on no reader gets them
//            (erased_events.h). In the background their batches are written again with blanks
//            (erasure_rewrite.h), then all files that held them leave (Store::Scrub), several
//            erasures together; then a second receipt says so. If all events of a key go, so do the
//            keys that their data is encrypted with, of the vault and of the backups' copy of it;
//            what comes later gets a new one.
// Invariant. An erasure that was answered is complete some time, whatever crashes.
// Threads.   One of its own; calls are safe from any thread that may wait. Erasures are prepared
//            one at a time.
// Bounds.    kEventsMax events and kKeysMax keys an erasure; kRangesMax ranges of erasures that are
//            not complete. A record is kept for ever, about 500 bytes.
// Failure.   What fails in the background is logged and tried again. A damaged batch keeps its
//            erasure from completing; `problem` says which.
// Lifetime.  Stop before what is passed to the constructor goes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/log/batch_replacer.h"
#include "server/log/commit_pipeline.h"
#include "server/log/erased_events.h"
#include "server/log/erasure_plan.h"
#include "server/log/erasure_rewrite.h"
#include "server/log/event_index.h"
#include "server/log/index_sealer.h"
#include "server/log/partition_reader.h"
#include "server/metrics/metrics.h"
#include "server/storage/key_vault.h"
#include "server/storage/store.h"

namespace tidemark::log {

struct ErasureRequest {
  TopicPtr topic;
  // Either a key, with or without types, or a range of one partition.
  std::string key;
  std::vector<std::string> types;
  std::optional<storage::ErasureRecord::Span> span;
  std::string reason;
  std::string actor;
  bool dry_run = false;
};

struct ErasureAnswer {
  uint64_t events = 0;
  std::optional<uint64_t> id;  // Unset in a dry run, and if there was nothing to erase.
};

struct ErasureView {
  storage::ErasureRecord record;
  std::string problem;  // Why it cannot go on; empty: nothing.
};

class Eraser {
 public:
  static constexpr uint64_t kEventsMax = 1'000'000;
  static constexpr uint64_t kKeysMax = 50'000;
  static constexpr uint64_t kRangesMax = 1'000'000;

  struct Parts {
    storage::Store& store;
    const Catalog& catalog;
    PartitionTable& partitions;
    const PartitionReader& reader;
    const EventIndex& index;
    CommitPipeline& pipeline;
    IndexSealer& sealer;
    BatchReplacer& replacer;
    ErasedEvents& erased;
    storage::KeyVault* vault;  // Null: nothing is encrypted.
    const base::Clock& clock;
    metrics::Metrics& metrics;
    // As EventLog::OpenPartition.
    std::function<absl::StatusOr<PartitionPtr>(const Topic&, PartitionIndex)> open;
    // The topic of receipts, made if it is not there.
    std::function<absl::StatusOr<TopicPtr>()> receipts;
  };
  // `records` are the store's.
  Eraser(Parts parts, const std::vector<storage::ErasureRecord>& records);
  ~Eraser();

  // Begins the background work; what is pending is published already.
  void Start();

  // What is published of erasures that are not complete; before anybody reads.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mu_);

  // NOT_FOUND           the topic is deleted.
  // OUT_OF_RANGE        the range is not readable, or the partition is none.
  // RESOURCE_EXHAUSTED  it would take more than a bound allows; names it. Nothing was erased.
  // DATA_LOSS           a batch that may hold the events is damaged; nothing was erased.
  absl::StatusOr<ErasureAnswer> Erase(const ErasureRequest& request)
      ABSL_LOCKS_EXCLUDED(erase_mu_, mu_);

  // By id, the first `count` above `after`.
  absl::StatusOr<std::vector<ErasureView>> List(uint64_t after, size_t count) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // Takes erased events out of what the consumer groups keep: copies of dead letters, and events
  // they have in memory. Called when an erasure is published, and again before it is scrubbed,
  // until it returns OK: nothing is left. May wait for the disk and for commits. Null: nobody does.
  using Forget = std::function<absl::Status(LogId log, const OffsetRanges& ranges)>;
  void SetForget(Forget forget) ABSL_LOCKS_EXCLUDED(forget_mu_);

  // Makes the backups' copy of the vault forget destroyed keys. Called after they were destroyed,
  // until it returns OK. May wait for the disk. Null: there are no backups.
  using ForgetKeys = std::function<absl::Status()>;
  void SetForgetKeys(ForgetKeys forget) ABSL_LOCKS_EXCLUDED(forget_mu_);

  // Waits until every erasure is complete or has a problem. For tests.
  void WaitUntilIdle() ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Pending {
    storage::ErasureRecord record;
    std::vector<std::pair<LogId, OffsetRanges>> logs;
    std::string problem;
  };
  // A partition and what is to go of it.
  struct Part {
    PartitionPtr partition;
    Offset scanned;  // Everything before it is in the plan.
    ErasurePlan plan;
  };

  absl::Status CheckSpan(const ErasureRequest& request) const;
  absl::StatusOr<std::vector<Part>> MakeParts(const ErasureRequest& request);
  absl::Status Scan(const ErasureRequest& request, Part& part, Offset until);
  absl::Status ScanCandidate(Part& part, Offset from, Offset until, Offset scan_until);
  absl::Status CheckBounds(const std::vector<Part>& parts) const;
  // Ids of the keys that are to be destroyed with it.
  absl::StatusOr<std::vector<std::string>> KeysOf(const ErasureRequest& request) const;
  absl::Status Prepare(const ErasureRequest& request, std::vector<Part>& parts,
                       storage::ErasureRecord& record, storage::WriteSet& set);
  void Publish(const storage::ErasureRecord& record, std::vector<Part>& parts)
      ABSL_LOCKS_EXCLUDED(mu_);

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWorkLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return stopping_ || woken_; }
  bool IdleLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  bool stopped() const ABSL_LOCKS_EXCLUDED(mu_);
  // True: all of it is done.
  bool Step() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Rewrite(Pending pending) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<bool> ScrubAll() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Complete(storage::ErasureRecord record, const std::vector<std::string>& gone)
      ABSL_LOCKS_EXCLUDED(mu_);
  // True: no file holds a byte of the keys of the erasures being scrubbed.
  absl::StatusOr<bool> DestroyKeys() ABSL_LOCKS_EXCLUDED(forget_mu_);
  absl::Status ForgetIn(const std::vector<std::pair<LogId, OffsetRanges>>& logs)
      ABSL_LOCKS_EXCLUDED(forget_mu_);
  absl::Status SetState(storage::ErasureRecord record) ABSL_LOCKS_EXCLUDED(mu_);
  void SetProblem(uint64_t id, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<Pending> PendingIn(storage::ErasureState state) const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Commit(Mutation mutation);
  uint64_t NowMicros() const;
  void ShowPending() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Parts parts_;
  ErasureRewrite rewrite_;

  absl::Mutex erase_mu_;  // Held while an erasure is prepared; before all others.
  uint64_t next_id_ ABSL_GUARDED_BY(erase_mu_) = 1;

  absl::Mutex forget_mu_;  // Leaf.
  std::shared_ptr<const Forget> forget_ ABSL_GUARDED_BY(forget_mu_);
  std::shared_ptr<const ForgetKeys> forget_keys_ ABSL_GUARDED_BY(forget_mu_);

  // Of the thread: the erasures that the scrub under way is for.
  std::vector<storage::ErasureRecord> scrubbing_;

  mutable absl::Mutex mu_;
  absl::btree_map<uint64_t, Pending> pending_ ABSL_GUARDED_BY(mu_);
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tidemark::log
