// Reclaimer: gives the bytes of what is no longer readable back, in the background: of deleted
// topics, and of what retention passed.
//
// A deleted topic is remembered in the store until its bytes are gone, so that a crash in between
// is made good after the next start: first its index rows, its terms and the groups' offsets go, in
// one commit; its batches go as the files they lie in are dropped or rewritten (see
// storage::Store::Reclaim); then the topic itself is forgotten. Batches that are not in a file yet
// wait for it.
//
// Threads.  One of its own; Reclaim and Wake are safe from any thread.
// Failure.  Logged; tried again at the next Wake, a deleted topic after the next start.
// Lifetime. Stop (or destruction) waits for the step under way. What is passed to the
//           constructor outlives it.
#pragma once

#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/synchronization/mutex.h"
#include "server/log/commit_pipeline.h"
#include "server/log/index_sealer.h"
#include "server/metrics/metrics.h"
#include "server/storage/store.h"

namespace tidemark::log {

class Reclaimer {
 public:
  Reclaimer(storage::Store& store, CommitPipeline& pipeline, IndexSealer& sealer,
            metrics::Metrics& metrics);
  ~Reclaimer();

  // With kBeforeOpening: the store knew of the deletion when it was opened.
  void Reclaim(storage::TopicRecord topic, storage::Store::Deleted deleted)
      ABSL_LOCKS_EXCLUDED(mu_);
  // There may be something to do: garbage, or a file that was waited for.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until everything that can be done by now is done. For tests.
  void WaitUntilIdle() ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  struct Deletion {
    storage::TopicRecord topic;
    storage::Store::Deleted deleted;
  };
  absl::Status Begin(const Deletion& deletion);
  absl::Status ReclaimFiles() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ForgetOffsets(const storage::TopicRecord& topic, storage::WriteSet& set);
  // Commits what `prepare` fills in and waits for it.
  absl::Status Commit(absl::AnyInvocable<absl::Status(storage::WriteSet&)> prepare);
  bool HasWorkLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stopping_ || woken_ || !queue_.empty();
  }
  bool IdleLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return queue_.empty() && !woken_ && !busy_;
  }

  storage::Store& store_;
  CommitPipeline& pipeline_;
  IndexSealer& sealer_;
  metrics::Metrics& metrics_;
  // Of the thread: deleted topics of which bytes are left, by first log.
  absl::btree_map<LogId, storage::TopicRecord> leaving_;
  bool more_ = false;  // Of the thread: the last look at the files has to be repeated.
  absl::Mutex mu_;
  std::deque<Deletion> queue_ ABSL_GUARDED_BY(mu_);
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool busy_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tidemark::log
