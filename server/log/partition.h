// Partition: where one log begins and ends, its newest batches in memory, and who waits for more.
//
// Terms.     start: oldest readable Offset. end: one past the newest durable event. tail: the
// newest
//            batches, kept in memory as shared buffers.
// Invariant. Both only grow, start <= end; the tail is contiguous, ends at `end` and has nothing
//            below `start`, which is where a batch begins (or the end).
// Threads.   Safe from any thread. Publish is called by one thread at a time.
// Lifetime.  Shared; a deleted partition stays usable and answers kDeleted.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "server/base/ids.h"
#include "server/log/direction.h"
#include "server/log/erased_events.h"
#include "server/log/open_index.h"
#include "server/storage/batch_codec.h"

namespace tidemark::log {

// Told once when a partition it waits on has more, or is deleted.
class Waiter {
 public:
  virtual ~Waiter() = default;
  // `slot` is what was given to Wait. Called on the committing thread, without locks: return soon.
  virtual void OnReady(uint32_t slot) = 0;
};

// What is known of a batch without having it.
struct BatchSpan {
  Offset base_offset;
  uint32_t count = 0;
  uint32_t bytes = 0;  // Of its events.
  Position position;
  Offset end_offset() const { return base_offset + count; }
};

class Partition {
 public:
  struct Ends {
    Offset start;
    Offset end;
  };
  enum class TailState {
    kBatches,  // `batches` holds what was asked for.
    kAtEnd,    // Nothing at `from` yet.
    kInStore,  // `from` is older than the tail.
    kTooOld,   // `from` is before start.
    kDeleted,
  };
  struct TailRead {
    TailState state = TailState::kAtEnd;
    std::vector<storage::BatchPtr> batches;
  };

  struct TailSpans {
    TailState state = TailState::kAtEnd;
    std::vector<BatchSpan> spans;
  };

  // What retention has to know. Bytes are IndexRow::log_bytes at the two ends.
  struct Kept {
    Ends ends;
    uint64_t start_bytes = 0;
    uint64_t end_bytes = 0;
    // append_time of the oldest batch, or earlier; of no meaning when there is none.
    uint64_t oldest_time_us = 0;
    bool empty() const { return ends.start == ends.end; }
    uint64_t bytes() const { return end_bytes - start_bytes; }
  };

  // `sealed_until`: how far the store's index goes. `budget` may be null.
  Partition(Kept kept, LogId log, Offset sealed_until = Offset(0),
            std::shared_ptr<OpenBudget> budget = nullptr)
      : log_(log),
        kept_(kept),
        budget_(budget),
        index_(kept.ends.end, std::move(budget)),
        sealed_until_(sealed_until),
        next_offset_(kept.ends.end),
        next_start_(kept.ends.start),
        next_bytes_(kept.end_bytes) {}
  // Nothing is known of bytes and times: for tests.
  Partition(LogId log, Ends ends) : Partition(Kept{.ends = ends}, log) {}

  LogId log() const { return log_; }
  Ends ends() const ABSL_LOCKS_EXCLUDED(mu_);
  Kept kept() const ABSL_LOCKS_EXCLUDED(mu_);
  bool deleted() const ABSL_LOCKS_EXCLUDED(mu_);

  // Batches from the one that holds `from` on, as many as fit into `bytes_max`, at least one.
  TailRead ReadTail(Offset from, uint64_t bytes_max) const ABSL_LOCKS_EXCLUDED(mu_);

  // The batches in the tail that hold offsets of [from, until), as PartitionReader::Spans.
  TailSpans SpansInTail(Offset from, Offset until, Direction direction, size_t spans_max) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // The position of the newest batch published since the partition was loaded; 0 if there is none.
  Position newest() const ABSL_LOCKS_EXCLUDED(mu_);

  // Registers `waiter` to be told when end passes `from`. False: it already has (or the partition
  // is deleted), nothing is registered.
  bool Wait(Offset from, std::weak_ptr<Waiter> waiter, uint32_t slot) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes back every registration of `waiter`.
  void StopWaiting(const Waiter* waiter) ABSL_LOCKS_EXCLUDED(mu_);

  // Makes durable batches readable and findable, and tells who waits. Requires that they follow
  // `end`. Without `terms` (of each batch) the index has to be read from the batches when needed.
  void Publish(absl::Span<const storage::BatchPtr> batches, std::vector<BatchTerms> terms = {})
      ABSL_LOCKS_EXCLUDED(mu_);
  // The same in two steps, so that FindKeySince knows batches which are being committed: Stage when
  // they are prepared, by the thread that does it; PublishStaged once they are durable.
  void Stage(absl::Span<const storage::BatchPtr> batches, std::vector<BatchTerms> terms)
      ABSL_LOCKS_EXCLUDED(mu_);
  void PublishStaged(size_t batches) ABSL_LOCKS_EXCLUDED(mu_);
  // Moves the start, after it is durable, to a later place within [start, end]. `oldest_time_us` is
  // that of the batch there.
  void TrimTo(Offset start, uint64_t start_bytes, uint64_t oldest_time_us) ABSL_LOCKS_EXCLUDED(mu_);
  // Drops the oldest batch of the tail if it begins at `base`; false if it does not.
  bool EvictOldest(Offset base) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes erased events out of the tail. Not beside Publish.
  void Erase(const OffsetRanges& ranges) ABSL_LOCKS_EXCLUDED(mu_);
  // The same of compacted ones; who keeps batches of before may go on with them.
  void Compact(const OffsetRanges& ranges) ABSL_LOCKS_EXCLUDED(mu_);
  // How often that happened: whoever keeps batches of before has to read them again.
  uint64_t erasures() const { return erasures_.load(std::memory_order_acquire); }
  void MarkDeleted() ABSL_LOCKS_EXCLUDED(mu_);

  // Of the table that loaded it: given out again since it last asked?
  void MarkUsed() {
    if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
  }
  bool TakeUsed() { return used_.exchange(false, std::memory_order_relaxed); }

  // The open part of the index (open_index.h), step by step, so that the lock is never held long.
  struct IndexState {
    Offset open_begin;    // From here on the open part knows every batch.
    Offset sealed_until;  // Up to here the store does, as far as this object was told.
    int64_t open_bytes = 0;
    uint64_t unsealed = 0;  // Events the store's index lacks.
  };
  IndexState index_state() const ABSL_LOCKS_EXCLUDED(mu_);
  // As the methods of OpenIndex; empty when its begin is above `from`: that part was sealed
  // meanwhile, or was never read.
  std::optional<Offset> SearchForward(const TermQuery& query, Offset from, Offset until,
                                      size_t matches_max, std::vector<OffsetSpan>& found) const
      ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<Offset> SearchBackward(const TermQuery& query, Offset from, Offset until,
                                       size_t matches_max, std::vector<OffsetSpan>& found) const
      ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<Offset> WalkTypes(Offset from, Offset until, OpenIndex::TypeVisitor visit) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // A batch, or the rest of one, that may hold a key.
  struct KeyPlace {
    Offset from;
    Offset until;
    storage::BatchPtr batch;  // Null: it has left the tail.
  };
  struct KeyPlaces {
    std::vector<KeyPlace> places;
    Offset end;  // Of what is published or staged.
  };
  // Where a key with this hash may be from `from` on, staged batches included. Empty: the open part
  // begins above `from`. For who counts keys (key_counts.h).
  std::optional<KeyPlaces> FindKeySince(uint64_t key_hash, Offset from) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // Adds what was read again of the batches before the open part, by rising offsets; without
  // effect unless they end where it begins.
  struct ReadTerms {
    storage::BatchHeader header;
    BatchTerms terms;
  };
  void AddOpenInFront(std::vector<ReadTerms> batches) const ABSL_LOCKS_EXCLUDED(mu_);
  // The store's index goes up to `until` now.
  void Sealed(Offset until) ABSL_LOCKS_EXCLUDED(mu_);
  // Forgets the open part: whoever needs it reads it again.
  void DropOpen() ABSL_LOCKS_EXCLUDED(mu_);

  // The next offset to assign; only the thread that prepares commits uses it. Ahead of `end` while
  // a commit is under way.
  Offset& next_offset() { return next_offset_; }
  // The same of the start, and of end_bytes.
  Offset& next_start() { return next_start_; }
  uint64_t& next_bytes() { return next_bytes_; }

 private:
  struct Waiting {
    std::weak_ptr<Waiter> waiter;
    const Waiter* identity;
    uint32_t slot;
    Offset from;
  };
  static void Tell(const std::vector<Waiting>& waiting);

  void BlankTail(const OffsetRanges& ranges, absl::string_view blank) ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t UnsealedLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  // Those who wait for what is published are moved to `waiting`.
  void PublishLocked(absl::Span<const storage::BatchPtr> batches, std::vector<BatchTerms> terms,
                     std::vector<Waiting>& waiting) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Of the tail; null if it is not there.
  storage::BatchPtr InTailLocked(Offset offset) const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  void AddStagedLocked(uint64_t key_hash, Offset from, KeyPlaces& found) const
      ABSL_SHARED_LOCKS_REQUIRED(mu_);

  const LogId log_;
  mutable absl::Mutex mu_;  // Leaf, but for the budget's.
  Kept kept_ ABSL_GUARDED_BY(mu_);
  Position newest_ ABSL_GUARDED_BY(mu_);
  bool deleted_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<storage::BatchPtr> tail_ ABSL_GUARDED_BY(mu_);
  std::deque<std::pair<storage::BatchPtr, BatchTerms>> staged_ ABSL_GUARDED_BY(mu_);
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
  const std::shared_ptr<OpenBudget> budget_;
  mutable OpenIndex index_ ABSL_GUARDED_BY(mu_);  // A cache: reading may complete it.
  Offset sealed_until_ ABSL_GUARDED_BY(mu_);
  Offset next_offset_;
  Offset next_start_;
  uint64_t next_bytes_;
  std::atomic<bool> used_ = false;
  std::atomic<uint64_t> erasures_ = 0;
};
using PartitionPtr = std::shared_ptr<Partition>;

}  // namespace tidemark::log
