// BatchReplacer: stores batches of a log again, with blanks for events that are gone.
//
// How.       A few batches a commit, each alone in the pipeline, so that appends wait for a short
//            write now and then. The old batches are superseded: their bytes are garbage.
// Threads.   Safe from any thread that may wait for a commit; see mutex().
// Lifetime.  What is passed to the constructor outlives it.
#pragma once

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/log/catalog.h"
#include "server/log/commit_pipeline.h"
#include "server/log/partition_table.h"
#include "server/storage/store.h"

namespace tidemark::log {

class BatchReplacer {
 public:
  // Of one commit: about as long as the fsync that follows.
  static constexpr uint64_t kCommitBytes = 1 << 20;
  static constexpr size_t kCommitBatches = 256;

  BatchReplacer(storage::Store& store, const Catalog& catalog, PartitionTable& partitions,
                CommitPipeline& pipeline)
      : store_(store), catalog_(catalog), partitions_(partitions), pipeline_(pipeline) {}

  // Held by who stores batches again, or changes rows of the sealed index, from reading what is
  // there to the commit. Before all other locks.
  absl::Mutex& mutex() ABSL_LOCK_RETURNED(mu_) { return mu_; }

  struct Replacement {
    storage::BatchPtr batch;
    storage::IndexRow row;  // The old one's.
  };
  // Commits the replacements, but for those that retention has passed, and what `also` adds;
  // nothing at all of a deleted topic. Once that is durable, calls `publish`, before anybody else
  // commits. ABORTED  an old batch is of the newest epoch: nothing was written. Read again and
  // repeat.
  absl::Status Commit(LogId log, const std::vector<Replacement>& replacements,
                      absl::FunctionRef<void(storage::WriteSet&)> also,
                      absl::FunctionRef<void(Partition&)> publish)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

 private:
  storage::Store& store_;
  const Catalog& catalog_;
  PartitionTable& partitions_;
  CommitPipeline& pipeline_;
  absl::Mutex mu_;
};

}  // namespace tidemark::log
