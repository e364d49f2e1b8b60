// PartitionReader: stored batches from where they are, memory or disk.
//
// Threads.  Safe from any thread. With Wait::kNo it never waits for the disk.
// Lifetime. Store, metrics, erased events and cipher outlive it.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/log/direction.h"
#include "server/log/erased_events.h"
#include "server/log/event_cipher.h"
#include "server/log/partition.h"
#include "server/metrics/metrics.h"
#include "server/storage/store.h"

namespace tidemark::log {

enum class MayWait { kNo, kYes };

// How encrypted events come.
enum class Encrypted {
  kOpened,   // As they were appended.
  kAsStored  // For who looks at types and keys only: that needs no key, and costs nothing.
};

struct PartitionRead {
  enum class State {
    kBatches,     // `batches` is not empty; the first holds the offset asked for.
    kAtEnd,       // Nothing there yet.
    kNeedsStore,  // Only with MayWait::kNo: ask again on a thread that may wait.
    kTooOld,      // Before the start offset.
    kDeleted,     // The topic is gone.
  };
  State state = State::kAtEnd;
  bool from_tail = false;
  std::vector<storage::BatchPtr> batches;
};

struct SpanRead {
  PartitionRead::State state = PartitionRead::State::kAtEnd;
  bool from_tail = false;
  std::vector<BatchSpan> spans;  // Not empty with kBatches.
};

class PartitionReader {
 public:
  // `erased` may be null: nothing is. So may `cipher`: nothing is encrypted.
  PartitionReader(const storage::Store& store, metrics::Metrics& metrics,
                  const ErasedEvents* erased = nullptr, const EventCipher* cipher = nullptr)
      : store_(store), metrics_(metrics), erased_(erased), cipher_(cipher) {}

  // Batches from the one that holds `from` on, none beginning at or after `until`, as many as fit
  // into `bytes_max`, at least one. Nothing that is not durable; erased events are blanks.
  // DATA_LOSS  a batch is damaged or missing, or the key to one; the message names log and offset.
  absl::StatusOr<PartitionRead> Read(const Partition& partition, Offset from, Offset until,
                                     uint64_t bytes_max, MayWait may_wait,
                                     Encrypted encrypted = Encrypted::kOpened) const;

  // What batches hold the offsets [from, until), without reading them: the first ones by rising
  // offset, or the last ones by falling offset; at most `spans_max`, at least one. Nothing that is
  // not durable. Memory and disk are not mixed in one answer.
  // DATA_LOSS  the index is damaged or lacks a batch; the message names log and offset.
  absl::StatusOr<SpanRead> Spans(const Partition& partition, Offset from, Offset until,
                                 Direction direction, size_t spans_max, MayWait may_wait) const;

  // Where the batches with positions up to `position` end, of those published now. Waits for the
  // disk unless the tail tells.
  absl::StatusOr<Offset> EndAt(const Partition& partition, Position position) const;

  // The first offset appended at or after `time_us`; the end if there is none. Waits for the disk.
  absl::StatusOr<Offset> OffsetAtTime(const Partition& partition, uint64_t time_us) const;

  // append_time of the batch that holds `offset`, in microseconds; requires that one does. Waits
  // for the disk unless the batch is in the tail.
  absl::StatusOr<uint64_t> AppendTimeAt(const Partition& partition, Offset offset) const;

 private:
  absl::StatusOr<PartitionRead> ReadAsStored(const Partition& partition, Offset from, Offset until,
                                             uint64_t bytes_max, MayWait may_wait) const;
  absl::StatusOr<storage::BatchPtr> Open(const storage::BatchPtr& batch) const;

  const storage::Store& store_;
  metrics::Metrics& metrics_;
  const ErasedEvents* const erased_;
  const EventCipher* const cipher_;
};

}  // namespace tidemark::log
