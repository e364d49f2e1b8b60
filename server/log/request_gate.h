// RequestGate: the way of requests with conditions into the commit pipeline, past the disk.
//
// Why.       The threads that commit must not wait for the disk to learn how many events a key has,
//            or what a group has committed. So what a request needs is brought into memory before
//            it is queued: at once where it is there already, else on threads of the gate's own.
// Order.     A request that is `in_order` does not overtake earlier requests of its flow. Others
//            wait for nobody.
// Threads.   Append is safe from any thread and never blocks.
// Bounds.    What is held here counts in the pipeline's queue_bytes_max.
// Lifetime.  Stop lets go what is held, then joins; before the pipeline's.
#pragma once

#include <atomic>
#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/base/executor.h"
#include "server/log/commit_pipeline.h"
#include "server/log/key_counts.h"

namespace tidemark::log {

class RequestGate {
 public:
  RequestGate(CommitPipeline& pipeline, KeyCounts& keys);

  // False: it may go into the pipeline without asking.
  bool Concerns(const AppendRequest& request) const {
    return !request.conditions.empty() || request.participant != nullptr ||
           (request.in_order && held_.load(std::memory_order_acquire) > 0);
  }
  // As CommitPipeline::Append; also the errors of EventIndex::CountKey and of the participant.
  void Append(AppendRequest request, AppendCallback done) ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Held {
    AppendRequest request;
    AppendCallback done;
    uint64_t bytes = 0;  // Of the pipeline's queue.
  };
  // True: it needs nothing from the disk.
  bool IsReady(AppendRequest& request);
  absl::Status MakeReady(AppendRequest& request);
  // Takes it over, or says why not.
  absl::Status HoldLocked(AppendRequest& request, AppendCallback& done, bool behind)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // On a thread of the gate's: lets it go into the pipeline, and those behind it.
  void Work(std::unique_ptr<Held> held) ABSL_LOCKS_EXCLUDED(mu_);
  void LetGo(std::unique_ptr<Held> held);

  CommitPipeline& pipeline_;
  KeyCounts& keys_;
  std::atomic<uint64_t> held_{0};
  absl::Mutex mu_;  // Then: the pipeline's queue_mu_.
  // Flows of which one request is being worked on, and those behind it.
  absl::flat_hash_map<FlowId, std::deque<std::unique_ptr<Held>>> flows_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  base::ThreadPool threads_;  // Last: its tasks use the rest.
};

}  // namespace tidemark::log
