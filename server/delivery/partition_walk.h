// PartitionWalk: the matching events of one partition, in one direction, a page at a time.
//
// Terms.     Left: what is still to be looked at, from `next` to `until`. Front: the batch that
//            holds the nearest offset of it. Stretch: the part of left that the index says may
//            match. Spans: batches of the stretch that are known, but not in memory.
// How.       Look finds the front without reading it: it jumps over what the index excludes. Load
//            reads a page from the front on. Cut gives out the next events of it.
// Invariant. With a filter and a page, `next` is in the stretch: what the index excludes is never
//            looked at, also within a batch.
// Invariant. `next` only moves towards `until`, and passes an offset only when its event was given
//            out, does not match, or was announced as a gap.
// Bounds.    A page of at most batch_bytes_max bytes (or one batch), rows_max spans and candidates.
//            The first page is small and each doubles, so that a look at a few events stays one.
// Threads.   One at a time.
// Lifetime.  What WalkContext refers to outlives it.
#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "server/delivery/backlog.h"
#include "server/delivery/course.h"
#include "server/log/batch_cut.h"
#include "server/log/event_index.h"
#include "server/log/partition_reader.h"
#include "server/log/topic.h"

namespace tidemark::delivery {

// One partition of a feed.
struct FeedPartition {
  log::TopicPtr topic;
  PartitionIndex index;
  log::PartitionPtr partition;
  // Everything this side of it was given out or did not match: forward the lowest offset still to
  // be looked at, backward one past the highest.
  Offset next;
  Offset until;  // The stop, on the far side; forward kEndless for none.
  // For cursors of backward reads: the start offset when reading began.
  Offset oldest = Offset(0);
};
inline constexpr Offset kEndless{UINT64_MAX};

struct FeedLimits {
  uint64_t events_max = UINT64_MAX;  // At least 1.
  uint64_t bytes_max = UINT64_MAX;   // But at least one event.
};

struct WalkContext {
  const log::PartitionReader& reader;
  const log::EventIndex& index;
  log::Filter filter;
  log::Direction direction = log::Direction::kForward;
  bool needs_positions = false;  // position() is going to be asked before Load.
  uint64_t batch_bytes_max = 1ull << 20;
  bool without_data = false;
  size_t rows_max = 256;  // Spans, and candidates, to ask for at once.
};

// How much was done, in bytes read or what is as slow.
struct Effort {
  uint64_t bytes = 0;
};

class PartitionWalk {
 public:
  enum class State {
    kFront,       // There is a front.
    kPassed,      // It moved, or what it knew was outdated: look again.
    kAtEnd,       // Forward: nothing at `next` yet.
    kFinished,    // At `until`.
    kNeedsStore,  // Only with MayWait::kNo: ask again on a thread that may wait.
    kGap,         // It moved over gap(), which can no longer be read.
    kDeleted,     // The topic is gone.
  };

  PartitionWalk(const WalkContext& context, FeedPartition partition);

  const FeedPartition& at() const { return at_; }
  bool has_page() const { return !page_.empty(); }
  // Of the front's events. Requires a page.
  uint64_t front_bytes() const { return page_.front()->events.size(); }
  bool page_from_tail() const { return page_from_tail_; }
  const OffsetRange& gap() const { return gap_; }

  absl::StatusOr<State> Look(log::MayWait may_wait, Effort& effort);

  // Of the front. Requires kFront from Look, and needs_positions.
  Position position() const;

  // Requires kFront from Look. kFront: a page is at hand, without what is erased by now. It ends
  // before the first batch past `turn_ends`, unless it has at most `slack_bytes`. DATA_LOSS  the
  // front is damaged or missing.
  absl::StatusOr<State> Load(Position turn_ends, uint64_t slack_bytes, log::MayWait may_wait,
                             Effort& effort);

  // The next matching events of the front, or erased ones; none if nothing in it matches. Requires
  // a page. DATA_LOSS  the front cannot be walked.
  absl::StatusOr<log::EventSlice> Cut(const FeedLimits& limits);
  // The partition's when the page was read; what is cut lacks what was erased by then.
  uint64_t page_erasures() const { return page_erasures_; }

 private:
  // The stretch was looked at: on to the next candidate, as far as the page reaches.
  void PassStretch();
  bool uses_spans() const { return context_.needs_positions || !course_.forward(); }
  bool finished() const { return !course_.IsAhead(at_.until, at_.next); }
  // Announces what retention took; false: nothing.
  bool PassGap(Offset start);
  void Forget();
  absl::StatusOr<State> FindStretch(const OffsetRange& left, log::MayWait may_wait, Effort& effort);
  absl::StatusOr<State> FindSpans(log::MayWait may_wait, Effort& effort);
  // How many spans to read at once.
  size_t CountSpans(Position turn_ends, uint64_t slack_bytes) const;
  absl::StatusOr<State> ReadPage(const OffsetRange& range, uint64_t bytes_max,
                                 log::MayWait may_wait, Effort& effort);
  // Reads the first `count` spans; as kFront the page begins with the first of them.
  absl::StatusOr<State> ReadSpans(size_t count, log::MayWait may_wait, Effort& effort);
  absl::Status At(const absl::Status& status) const;

  const WalkContext& context_;
  const Course course_;
  FeedPartition at_;
  Backlog<storage::BatchPtr> page_;  // The front first.
  log::EntryMap front_map_;          // Of the front, once it was cut.
  bool page_from_tail_ = false;
  uint64_t page_erasures_ = 0;     // Of the partition when the page was read.
  uint64_t page_bytes_;            // Of the next page.
  Backlog<log::BatchSpan> spans_;  // The front first, if there is no page.
  OffsetRange stretch_;            // Without a filter all that was left when Look was called.
  Backlog<OffsetRange> candidates_;
  Offset searched_;  // The candidates are all up to here; at_.next or beyond.
  OffsetRange gap_;
};

}  // namespace tidemark::delivery
