// ErasureRewrite: stores the batches of an erasure again, with blanks in the place of erased
// events. The bytes of the old ones go with Store::Scrub.
//
// Crash.     What was rewritten stays; the rest is found by its offsets and done again.
// Threads.   One at a time. Waits for the disk and for commits.
// Failure.   A batch that is damaged cannot be rewritten: DATA_LOSS names it, and nothing behind it
//            is done.
// Lifetime.  What is passed to the constructor outlives it.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/log/batch_replacer.h"
#include "server/log/erased_events.h"
#include "server/storage/store.h"

namespace tidemark::log {

class ErasureRewrite {
 public:
  ErasureRewrite(const storage::Store& store, BatchReplacer& replacer, const ErasedEvents& erased)
      : store_(store), replacer_(replacer), erased_(erased) {}

  // Requires that the ranges are published.
  // CANCELLED  `stopped` said so.
  absl::Status Run(LogId log, const OffsetRanges& ranges, absl::FunctionRef<bool()> stopped);

 private:
  // One commit's worth of batches from `from` on; where the next one begins.
  absl::StatusOr<Offset> Step(LogId log, const OffsetRanges& ranges, Offset from);

  const storage::Store& store_;
  BatchReplacer& replacer_;
  const ErasedEvents& erased_;
};

}  // namespace tidemark::log
