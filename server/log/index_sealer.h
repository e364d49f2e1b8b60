// IndexSealer: moves the index of older batches from memory to the disk, in the background.
//
// Terms.     Seal: read a segment (a stretch of one log) again, group its events by type and key,
//            write the rows, and only then forget the open part of it. One file holds the segments
//            of one pass over several logs.
// When.      A log has segment_events events that are not sealed, or all open parts together are
//            over their soft bound: then the largest are sealed until half of the bound is left.
// Invariant. A log is sealed from its start without a hole; what is sealed was durable before.
// Threads.   One of its own. SealBefore is safe from any thread that may wait.
// Failure.   A disk error is logged, counted and tried again; appends go on until the hard bound of
//            the open parts, then they wait. A batch that cannot be read is written down as such: a
//            reader looks into it and gets the error. A log whose batches cannot even be listed is
//            given up until the next start: its readers get the error, other logs go on.
// Lifetime.  Stop before what is passed to the constructor goes.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/log/catalog.h"
#include "server/log/partition_reader.h"
#include "server/log/partition_table.h"
#include "server/log/segment_builder.h"
#include "server/metrics/metrics.h"

namespace tidemark::log {

class IndexSealer {
 public:
  IndexSealer(storage::Store& store, const Catalog& catalog, PartitionTable& partitions,
              const PartitionReader& reader, metrics::Metrics& metrics,
              std::shared_ptr<OpenBudget> budget);
  ~IndexSealer();

  // Seals `partition` until its index is on disk up to `offset` at least (or its end).
  absl::Status SealBefore(const PartitionPtr& partition, Offset offset)
      ABSL_LOCKS_EXCLUDED(pass_mu_);
  // Waits for the pass under way. After it nothing is written of logs that were deleted before.
  void WaitForPass() ABSL_LOCKS_EXCLUDED(pass_mu_);
  void Stop();

 private:
  struct Sealed {
    PartitionPtr partition;
    Offset until;
  };

  void Run();
  std::vector<PartitionPtr> Choose() ABSL_EXCLUSIVE_LOCKS_REQUIRED(pass_mu_);
  // Seals one segment of each, by rising log. How many it did.
  absl::StatusOr<size_t> Pass(const std::vector<PartitionPtr>& partitions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(pass_mu_);
  // Writes the next segment of a log. Its end; empty: there is nothing to seal.
  absl::StatusOr<std::optional<Offset>> SealOne(const PartitionPtr& partition,
                                                storage::TermWriter& writer);
  // Reads [from, until), but not more than a segment may hold; returns the end of what it read.
  absl::StatusOr<Offset> ReadSegment(const Partition& partition, Offset from, Offset until,
                                     SegmentBuilder& builder);

  storage::Store& store_;
  const Catalog& catalog_;
  PartitionTable& partitions_;
  const PartitionReader& reader_;
  metrics::Metrics& metrics_;
  const std::shared_ptr<OpenBudget> budget_;
  absl::Mutex pass_mu_;  // Held while sealing, over disk accesses; only sealing needs it.
  absl::flat_hash_set<LogId> given_up_ ABSL_GUARDED_BY(pass_mu_);
  std::thread thread_;
};

}  // namespace tidemark::log
