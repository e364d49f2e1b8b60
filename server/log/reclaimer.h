// Reclaimer: gives the bytes of deleted topics back, in the background.
//
// A deleted topic is remembered in the store until its bytes are gone, so that a crash in between
// is made good after the next start. Per topic: remove the batches, free the files, then forget
// index rows, groups' offsets and the topic in one commit.
//
// Threads.  One of its own; Reclaim is safe from any thread.
// Failure.  Logged; tried again after the next start.
// Lifetime. Stop (or destruction) waits for the step under way. Store and pipeline outlive it.
#pragma once

#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/log/commit_pipeline.h"
#include "server/storage/store.h"

namespace tidemark::log {

class Reclaimer {
 public:
  Reclaimer(storage::Store& store, CommitPipeline& pipeline);
  ~Reclaimer();

  void Reclaim(storage::TopicRecord topic) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until everything handed in so far is done. For tests.
  void WaitUntilIdle() ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ReclaimOne(const storage::TopicRecord& topic);
  absl::Status ForgetOffsets(const storage::TopicRecord& topic, storage::WriteSet& set);
  // Commits what `prepare` fills in and waits for it.
  absl::Status Commit(absl::AnyInvocable<absl::Status(storage::WriteSet&)> prepare);
  bool HasWorkLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stopping_ || !queue_.empty();
  }
  bool IdleLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return queue_.empty() && !busy_; }

  storage::Store& store_;
  CommitPipeline& pipeline_;
  absl::Mutex mu_;
  std::deque<storage::TopicRecord> queue_ ABSL_GUARDED_BY(mu_);
  bool busy_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tidemark::log
