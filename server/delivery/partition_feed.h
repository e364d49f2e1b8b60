// PartitionFeed: takes turns over partitions and gives out their matching events, oldest first
// within each, history and live alike.
//
// How.       A partition is ready (may have events), waiting (registered with its Partition for
//            more), or finished (at its stop). Next looks only at ready ones, so idle partitions
//            cost nothing. It stays with one partition while a page of it is at hand: a feed holds
//            at most one page in memory, however many partitions it reads.
// Invariant. No event falls between history and live: a partition goes from ready to waiting under
//            the lock that publishes new ends.
// Threads.   Add, Remove and Next: one thread at a time. The wake function is called on a
// committing
//            thread, without locks, once after each Next that answered kIdle: return soon.
// Lifetime.  Made with Create, because partitions hold weak references. Destroying it takes every
//            registration back.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/log/batch_cut.h"
#include "server/log/partition_reader.h"
#include "server/log/topic.h"

namespace tidemark::delivery {

struct FeedOptions {
  log::Filter filter;
  uint64_t batch_bytes_max = 1ull << 20;
  bool without_data = false;
  // After looking at this many bytes without a match Next gives way, so that one stream's search
  // does not keep a thread.
  uint64_t scan_bytes_max = 4ull << 20;
};

// One partition of a feed.
struct FeedPartition {
  log::TopicPtr topic;
  PartitionIndex index;
  log::PartitionPtr partition;
  Offset next;   // Everything before it was given out or did not match.
  Offset until;  // The stop; kEndless for none.
};
inline constexpr Offset kEndless{UINT64_MAX};

struct FeedItem {
  enum class Kind {
    kSlice,       // `slice` of `partition`.
    kGap,         // [gap_from, partition->next) can no longer be read.
    kScanned,     // Nothing matched for a while; call again.
    kNeedsStore,  // Only with MayWait::kNo: call again on a thread that may wait.
    kIdle,        // Nothing now; the wake function will be called.
    kFinished,    // Every partition is at its stop.
    kDeleted,     // The topic of `partition` is gone.
  };
  Kind kind = Kind::kIdle;
  const FeedPartition* partition = nullptr;  // Valid until Remove or the feed's end.
  log::EventSlice slice;
  Offset gap_from;
  bool from_tail = true;  // kSlice and kScanned: all of it came from memory.
};

struct FeedLimits {
  uint64_t events_max = UINT64_MAX;  // At least 1.
  uint64_t bytes_max = UINT64_MAX;   // But at least one event.
};

class PartitionFeed final : public log::Waiter, public std::enable_shared_from_this<PartitionFeed> {
 public:
  static std::shared_ptr<PartitionFeed> Create(const log::PartitionReader& reader,
                                               FeedOptions options,
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
  // How many batches it has passed in which nothing matched.
  uint64_t passed() const { return passed_; }
  bool empty() const { return slot_of_log_.empty(); }

  void OnReady(uint32_t slot) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // A partition's place. Slots are not used again, so a late OnReady cannot hit another partition.
  struct Slot {
    FeedPartition partition;
    std::deque<storage::BatchPtr> page;
    bool page_from_tail = false;
    bool finished = false;
  };

  PartitionFeed(const log::PartitionReader& reader, FeedOptions options,
                absl::AnyInvocable<void()> wake);
  // The next ready slot, or nothing, in which case the feed is parked.
  std::optional<uint32_t> PopReady() ABSL_LOCKS_EXCLUDED(mu_);
  void PushReady(uint32_t slot, bool front) ABSL_LOCKS_EXCLUDED(mu_);
  // Fills the slot's page. Empty: it has one now, or went to waiting or finished.
  absl::StatusOr<std::optional<FeedItem>> Fill(uint32_t id, Slot& slot, log::MayWait may_wait);
  absl::StatusOr<log::EventSlice> CutFront(Slot& slot, const FeedLimits& limits) const;

  const log::PartitionReader& reader_;
  const FeedOptions options_;
  absl::AnyInvocable<void()> wake_;

  // Of the thread that calls Next.
  uint32_t next_slot_ = 0;
  absl::flat_hash_map<uint32_t, std::unique_ptr<Slot>> slots_;
  absl::flat_hash_map<LogId, uint32_t> slot_of_log_;
  uint32_t finished_ = 0;
  uint64_t passed_ = 0;

  absl::Mutex mu_;  // Leaf.
  std::deque<uint32_t> ready_ ABSL_GUARDED_BY(mu_);
  bool parked_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tidemark::delivery
