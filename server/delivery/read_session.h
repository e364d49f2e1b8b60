// ReadSession: one reader of one topic: Read (finite) and Subscribe (endless).
//
// Direction. Backward reads are finite; what is said of the end below is of forward ones.
// States.    CATCHING_UP: what comes next is history. LIVE: everything stored was given out; the
//            session said CaughtUp. Having to go to the store again makes it CATCHING_UP
//            (FellBehind).
// Threads.   Next and CursorText: one thread at a time. The wake function is called on a committing
//            thread once after each Next that answered kIdle.
// Lifetime.  The log outlives it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "server/delivery/partition_feed.h"
#include "server/delivery/start_resolver.h"
#include "server/log/event_log.h"
#include "server/storage/records.h"

namespace tidemark::delivery {

struct ReadSpec {
  log::TopicPtr topic;
  std::vector<uint32_t> partitions;  // Empty: all.
  StartSpec start;
  StopSpec stop;
  storage::FilterSpec filter;  // Valid (CheckFilter).
  log::Direction direction = log::Direction::kForward;
  Order order = Order::kAny;
  std::optional<uint64_t> events_max;
  uint64_t batch_bytes_max = 1ull << 20;
  bool without_data = false;
};

class ReadSession {
 public:
  struct Item {
    enum class Kind {
      kBatch,
      kCaughtUp,  // With `cursor`.
      kFellBehind,
      kCheckpoint,  // With `cursor`.
      kGap,
      kNeedsStore,  // Only with MayWait::kNo.
      kIdle,        // The wake function will be called.
      kEnd,         // A finite read is complete; its last Checkpoint was given out.
    };
    Kind kind = Kind::kIdle;
    log::EventSlice slice;     // kBatch.
    PartitionIndex partition;  // kBatch, kGap.
    OffsetRange gap;           // kGap: what can no longer be read.
    log::GapReason gap_reason = log::GapReason::kRetention;
    std::string cursor;
  };

  // Waits for the disk. Errors as in ResolveRange.
  static absl::StatusOr<std::unique_ptr<ReadSession>> Open(log::EventLog& log, ReadSpec spec,
                                                           absl::AnyInvocable<void()> wake);

  // NOT_FOUND  the topic was deleted.
  // DATA_LOSS  a batch is damaged; the detail names topic, partition and offset.
  // A batch has at most `bytes_max` bytes, but at least one event.
  absl::StatusOr<Item> Next(log::MayWait may_wait, uint64_t bytes_max = UINT64_MAX);

  // Everything stored was given out when it last looked.
  bool live() const { return live_; }
  const log::Topic& topic() const { return *topic_; }
  // Where the session is: everything before it was given out or did not match.
  std::string CursorText() const;
  // True if it has moved since the last item that carried a cursor or the last call: a stream with
  // nothing else to say then sends a Checkpoint instead of a Heartbeat.
  bool TakeMoved();

 private:
  explicit ReadSession(const ReadSpec& spec)
      : topic_(spec.topic),
        direction_(spec.direction),
        finite_(!std::holds_alternative<StopNever>(spec.stop)),
        events_left_(spec.events_max) {}
  Offset NextOf(const FeedPartition& partition) const;
  Item FromFeed(FeedItem item);
  Item End();

  const log::TopicPtr topic_;
  const log::Direction direction_;
  const bool finite_;
  std::shared_ptr<PartitionFeed> feed_;
  std::optional<uint64_t> events_left_;
  bool live_ = false;
  bool moved_ = false;
  uint64_t passed_ = 0;  // The feed's, when it was last asked.
  bool last_checkpoint_sent_ = false;
  std::optional<FeedItem> held_;  // What follows a FellBehind.
};

}  // namespace tidemark::delivery
