// PartitionFeed: gives out the matching events of several partitions, history and live alike, in
// either direction, interleaved as is fastest or in the order of commits.
//
// How.       A partition is ready (perhaps has events), has a turn (its next batch is known),
//            waits (registered with its Partition for more), or is finished (at its stop). Next
//            looks only at ready ones, so idle partitions cost nothing. PartitionWalk knows one
//            partition, Turns whose turn it is.
// Invariant. No event falls between history and live: a partition goes from ready to waiting under
//            the lock that publishes new ends.
// Invariant. In commit order a batch is given out only when everything before it that is read was:
//            it is within the horizon, the horizon was asked before the ready partitions were
//            looked at, and a partition is made ready before the horizon reaches its new batch.
// Bounds.    The pages of all partitions hold at most batch_bytes_max bytes together and one batch;
//            what is known of batches beyond them at most kRowsMax rows.
// Threads.   Add, Remove and Next: one thread at a time. The wake function is called on a
// committing
//            thread, without locks, once after each Next that answered kIdle: return soon.
// Lifetime.  Made with Create, because partitions hold weak references. Destroying it takes every
//            registration back. The log outlives it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/delivery/partition_walk.h"
#include "server/delivery/turns.h"
#include "server/log/event_log.h"
#include "server/log/gap_reason.h"

namespace tidemark::delivery {

struct FeedOptions {
  log::Filter filter;
  log::Direction direction = log::Direction::kForward;
  Order order = Order::kAny;
  uint64_t batch_bytes_max = 1ull << 20;
  bool without_data = false;
  // After looking at this many bytes without a match Next gives way, so that one stream's search
  // does not keep a thread.
  uint64_t scan_bytes_max = 4ull << 20;
};

struct FeedItem {
  enum class Kind {
    kSlice,       // `slice` of `partition`.
    kGap,         // `gap` of `partition` can no longer be read, because of `gap_reason`.
    kScanned,     // Nothing matched for a while; call again.
    kNeedsStore,  // Call again on a thread that may wait; others may have it first.
    kIdle,        // Nothing now; the wake function will be called.
    kFinished,    // Every partition is at its stop.
    kDeleted,     // The topic of `partition` is gone.
  };
  Kind kind = Kind::kIdle;
  const FeedPartition* partition = nullptr;  // Valid until Remove or the feed's end.
  log::EventSlice slice;
  OffsetRange gap;
  log::GapReason gap_reason = log::GapReason::kRetention;
  Offset resume;          // kSlice, kGap: partition->next before it.
  bool from_tail = true;  // kSlice and kScanned: all of it came from memory.
  uint64_t erasures = 0;  // kSlice: the partition's, when it was read.
};

class PartitionFeed final : public log::Waiter, public std::enable_shared_from_this<PartitionFeed> {
 public:
  static std::shared_ptr<PartitionFeed> Create(log::EventLog& log, FeedOptions options,
                                               absl::AnyInvocable<void()> wake);
  ~PartitionFeed() override;

  // Requires that no partition of this log is in the feed.
  void Add(FeedPartition partition) ABSL_LOCKS_EXCLUDED(mu_);
  // Gives out nothing more of it. False: it is not in the feed.
  bool Remove(LogId log) ABSL_LOCKS_EXCLUDED(mu_);

  // DATA_LOSS  a batch is damaged or missing; calling again meets it again.
  absl::StatusOr<FeedItem> Next(const FeedLimits& limits, log::MayWait may_wait)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Null if it is not in the feed.
  const FeedPartition* Find(LogId log) const;
  std::vector<const FeedPartition*> partitions() const;
  // How many stretches it has passed in which nothing matched.
  uint64_t passed() const { return passed_; }
  bool empty() const { return slot_of_log_.empty(); }

  void OnReady(uint32_t slot) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // A partition's place. Slots are not used again, so a late OnReady cannot hit another partition.
  struct Slot {
    PartitionWalk walk;
    bool finished = false;
  };
  // One call of Next.
  struct Search {
    log::MayWait may_wait;
    Effort effort = {};
    bool from_tail = true;
    const FeedPartition* passed = nullptr;  // Something moved without a match: the last one.
  };
  using Found = absl::StatusOr<std::optional<FeedItem>>;

  PartitionFeed(log::EventLog& log, FeedOptions options, absl::AnyInvocable<void()> wake);
  std::optional<uint32_t> TakeReady() ABSL_LOCKS_EXCLUDED(mu_);
  void PushReady(uint32_t slot, bool front) ABSL_LOCKS_EXCLUDED(mu_);
  // False: something is ready. Otherwise the wake function is called when that changes.
  bool Park() ABSL_LOCKS_EXCLUDED(mu_);

  // Looks at ready partitions, all of them or until one has a turn. An item, or nothing to say.
  Found LookAtReady(Search& search);
  Found LookAt(uint32_t id, Slot& slot, Search& search);
  // Gives out what the turn's partition has next. An item, or nothing matched.
  Found TakeTurn(const Turns::Turn& turn, Position horizon, const FeedLimits& limits,
                 Search& search);
  bool WaitForHorizon(Position position);
  // An item if the search has taken long enough.
  std::optional<FeedItem> GiveWay(const Search& search) const;
  void SetRowsMax();

  log::EventLog& log_;
  const Order order_;
  const uint64_t scan_bytes_max_;
  WalkContext context_;
  absl::AnyInvocable<void()> wake_;

  // Of the thread that calls Next.
  uint32_t next_slot_ = 0;
  absl::flat_hash_map<uint32_t, std::unique_ptr<Slot>> slots_;
  absl::flat_hash_map<LogId, uint32_t> slot_of_log_;
  std::unique_ptr<Turns> turns_;
  uint32_t finished_ = 0;
  uint64_t passed_ = 0;
  bool waits_for_horizon_ = false;

  absl::Mutex mu_;  // Leaf.
  std::deque<uint32_t> ready_ ABSL_GUARDED_BY(mu_);
  bool parked_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tidemark::delivery
