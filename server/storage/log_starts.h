// LogStarts: below which offset the batches of a log are garbage that nobody refers to any more.
//
// Terms.     start: everything of a log below it is garbage. A deleted log: all of it is.
// Invariant. A start is raised only after it is durable and nobody reads below it; so a file that
//            loses garbage loses nothing that could be read after a crash.
// Bounds.    An entry for each log that retention ever cut and for each deleted log of which bytes
//            are left; not for others.
// Threads.   Safe from any thread; compactions ask it.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/base/ids.h"

namespace tidemark::storage {

class LogStarts {
 public:
  // Above every offset: all of the log is garbage.
  static constexpr Offset kAll{UINT64_MAX};

  // Starts never fall.
  void Raise(LogId log, Offset start) ABSL_LOCKS_EXCLUDED(mu_);
  // Logs [first, first + count) are deleted.
  void Delete(LogId first, uint32_t count) ABSL_LOCKS_EXCLUDED(mu_);
  // No byte of these deleted logs is left.
  void Forget(LogId first, uint32_t count) ABSL_LOCKS_EXCLUDED(mu_);
  Offset StartOf(LogId log) const ABSL_LOCKS_EXCLUDED(mu_);
  bool empty() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;  // Leaf.
  absl::flat_hash_map<LogId, Offset> starts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::storage
