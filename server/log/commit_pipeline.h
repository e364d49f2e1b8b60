// CommitPipeline: the only writer of a store.
//
// Terms.     Group: requests that share one fsync. Prepare: check requests against the state they
//            will see, give them offsets, build one WriteSet. Commit: write and fsync it, publish
//            it.
// How.       Two threads do the same work, hand over hand: each takes what waits and prepares it
//            under the prepare lock, gets the commit lock before it lets go of the first, commits,
//            then answers without locks. So groups commit in the order they were prepared, and a
//            lone request never changes threads between being taken and being answered. The fsync
//            under way is the window in which the next group gathers; there is no timer. What is
//            long to prepare (kPrepareAheadBytes) is prepared meanwhile; less waits for the fsync's
//            end and goes with everything that comes until then, because an fsync costs more than
//            it could save.
// Patience.  Acks of group members are in no hurry: they go with what others ask for next, or once
//            `patience` has passed since a group was last taken. So a member that acks each live
//            event costs few fsyncs of its own, and in an idle store its ack is written at once.
// Fairness.  Requests are taken by turns over flows (fair_queue.h).
// Invariant. Nothing is readable or answered before it is durable. (A topic with durability MEMORY
//            has asked for less; its groups skip the fsync.)
// Threads.   Append, CommitOffsets, Trim and Mutate: from any thread, never blocking.
// Bounds.    Waiting requests occupy at most queue_bytes_max; beyond that they are refused.
// Deadlines. A request that could not be answered before its deadline is refused when it comes, by
//            what waits before it and how fast that lately left; one whose deadline passes while it
//            waits is not written. So under overload the disk works for those who still wait.
// Failure.   A commit that fails leaves its fate unknown: it and everything later is answered
//            UNAVAILABLE, and nothing is written until the store is opened again.
// Lifetime.  Stop (or destruction) commits what waits, then joins. What is passed to the
//            constructor outlives this.
#pragma once

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/log/append_request.h"
#include "server/log/commit_group.h"
#include "server/log/commit_horizon.h"
#include "server/log/disk_space.h"
#include "server/log/drain_rate.h"
#include "server/log/fair_queue.h"
#include "server/storage/store.h"

namespace tidemark::log {

struct PipelineOptions {
  uint64_t queue_bytes_max = 64ull << 20;
  uint64_t commit_bytes_max = 4ull << 20;  // Of a group, but at least one request.
  uint64_t batch_bytes_max = 1ull << 20;   // Of a stored batch, but at least one event.
  uint64_t tail_bytes_max = 64ull << 20;
  size_t producers_max = 100'000;  // Newest sequences kept in memory.
  uint64_t disk_free_min = 0;      // See DiskSpace.
  absl::Duration patience = absl::Milliseconds(1);
};

class CommitPipeline {
 public:
  CommitPipeline(const PipelineOptions& options, storage::Store& store, const Catalog& catalog,
                 PartitionTable& partitions, const base::Clock& clock, metrics::Metrics& metrics,
                 KeyCounts& keys, const EventCipher& cipher, storage::CommitMark last_commit);
  ~CommitPipeline();

  // RESOURCE_EXHAUSTED  (in `done`) queue_bytes_max is reached (QUEUE_FULL), or the disk is nearly
  //                     full (DISK_FULL); nothing is written.
  // UNAVAILABLE         (in `done`) stopping, failed, or the commit failed: perhaps written.
  // Other errors as in the contract of EventStore.Append; nothing is written.
  // Requires that conditions are at hand and participants ready. `held_bytes`: of Hold.
  void Append(AppendRequest request, AppendCallback done, uint64_t held_bytes = 0)
      ABSL_LOCKS_EXCLUDED(queue_mu_);
  // `rows` are written in the same commit, after the offsets. `revise` may be null.
  void CommitOffsets(std::vector<OffsetWrite> writes, std::vector<GroupRowChange> rows,
                     OffsetRevision revise, Haste haste, DoneCallback done)
      ABSL_LOCKS_EXCLUDED(queue_mu_);
  // Moves starts of logs; those that are no longer right are left out. Needs no place in the
  // queue's bytes: it is how memory and disk become free.
  void Trim(std::vector<LogTrim> trims, DoneCallback done) ABSL_LOCKS_EXCLUDED(queue_mu_);
  void Mutate(Mutation mutation) ABSL_LOCKS_EXCLUDED(queue_mu_);

  // --- For who keeps a request before it may be queued (request_gate.h).
  // Takes the request's place in queue_bytes_max, and says how much that is; or refuses as Append.
  absl::StatusOr<uint64_t> Hold(const AppendRequest& request) ABSL_LOCKS_EXCLUDED(queue_mu_);
  // Gives the place back; Append does it with `held_bytes`.
  void LetGo(uint64_t held_bytes) ABSL_LOCKS_EXCLUDED(queue_mu_);
  // Counts the refusal, and answers with it.
  void Refuse(const absl::Status& status, AppendCallback done);
  // UNAVAILABLE  SHUTTING_DOWN.
  static absl::Status Stopping();

  // Up to where everything committed is readable.
  CommitHorizon& horizon() { return horizon_; }
  // To be looked at some times a second.
  DiskSpace& disk_space() { return disk_space_; }

  // Not OK once appends are refused.
  absl::Status health() const ABSL_LOCKS_EXCLUDED(queue_mu_);
  void Stop() ABSL_LOCKS_EXCLUDED(queue_mu_);

 private:
  using Request = PipelineRequest;

  // OK and queued, or why not.
  absl::Status Enqueue(Request& request, FlowId flow, uint64_t bytes, uint64_t held_bytes = 0,
                       int64_t deadline_nanos = kNoDeadline) ABSL_LOCKS_EXCLUDED(queue_mu_);
  // Why a request with a deadline is refused at once: it could not be answered in time. Or OK.
  absl::Status CheckDeadlineLocked(FlowId flow, int64_t deadline_nanos) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(queue_mu_);
  // Why `bytes` more are refused, or OK.
  absl::Status CheckRoomLocked(uint64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(queue_mu_);
  absl::Status QueueFull(uint64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(queue_mu_);
  // True: it is time to prepare a group, or to stop.
  bool ShouldTakeLocked() const ABSL_SHARED_LOCKS_REQUIRED(queue_mu_);
  // The same, whoever is patient.
  bool ShouldHurryLocked() const ABSL_SHARED_LOCKS_REQUIRED(queue_mu_);
  // What was taken is prepared: the other thread may take more.
  void BeginCommit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_) ABSL_LOCKS_EXCLUDED(queue_mu_);
  // It is committed, or not. This thread's next Take lingers.
  void EndCommit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_) ABSL_LOCKS_EXCLUDED(queue_mu_);
  void Run();
  // Waits for requests, and for the turn to prepare them: either one Mutation or a group of others.
  // Empty: stopped. `lingers`: after EndCommit.
  std::vector<Request> Take(bool lingers) ABSL_LOCKS_EXCLUDED(queue_mu_);
  CommitGroup Prepare(std::vector<Request> requests) ABSL_EXCLUSIVE_LOCKS_REQUIRED(prepare_mu_);
  absl::Status Commit(CommitGroup& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  absl::Status CommitMutation(Mutation& mutation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(prepare_mu_, commit_mu_);
  // The same, with its append.
  absl::Status CommitWithAppend(Mutation& mutation, std::unique_ptr<storage::WriteSet> set)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(prepare_mu_, commit_mu_);
  PrepareContext Context() ABSL_EXCLUSIVE_LOCKS_REQUIRED(prepare_mu_);
  absl::Status WriteSetNow(std::unique_ptr<storage::WriteSet> set, storage::Sync sync)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mu_);
  // Refuses writes from now on; the answer to them.
  absl::Status Fail(const absl::Status& cause) ABSL_LOCKS_EXCLUDED(queue_mu_);

  const PipelineOptions options_;
  storage::Store& store_;
  const Catalog& catalog_;
  PartitionTable& partitions_;
  const base::Clock& clock_;
  metrics::Metrics& metrics_;
  KeyCounts& keys_;
  const EventCipher& cipher_;
  CommitHorizon horizon_;
  DiskSpace disk_space_;

  absl::Mutex prepare_mu_;  // Then commit_mu_, then queue_mu_.
  ProducerWindow producers_ ABSL_GUARDED_BY(prepare_mu_);
  Position last_position_ ABSL_GUARDED_BY(prepare_mu_);
  uint64_t last_append_time_us_ ABSL_GUARDED_BY(prepare_mu_);

  absl::Mutex commit_mu_;
  TailBudget tail_ ABSL_GUARDED_BY(commit_mu_);

  mutable absl::Mutex queue_mu_;
  FairQueue queue_ ABSL_GUARDED_BY(queue_mu_);
  uint64_t patient_requests_ ABSL_GUARDED_BY(queue_mu_) = 0;  // Of the queue's.
  uint64_t held_bytes_ ABSL_GUARDED_BY(queue_mu_) = 0;
  DrainRate drain_rate_ ABSL_GUARDED_BY(queue_mu_);
  bool preparing_ ABSL_GUARDED_BY(queue_mu_) = false;   // A thread has what it took to prepare.
  bool committing_ ABSL_GUARDED_BY(queue_mu_) = false;  // A thread is at its fsync.
  int lingering_ ABSL_GUARDED_BY(queue_mu_) = 0;        // Threads that leave patient ones waiting.
  bool stopping_ ABSL_GUARDED_BY(queue_mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(queue_mu_);  // Not OK once appends are refused.

  std::vector<std::thread> threads_;
};

}  // namespace tidemark::log
