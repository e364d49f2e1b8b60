#include "server/delivery/last_n.h"

#include <algorithm>

namespace tidemark::delivery {

absl::StatusOr<Offset> FindLastN(log::EventLog& log, const FeedPartition& partition,
                                 const OffsetRange& range, uint64_t n, const log::Filter& filter) {
  if (filter.matches_all()) return range.size() <= n ? range.from : Offset(range.until.value() - n);
  const WalkContext context{.reader = log.reader(),
                            .index = log.index(),
                            .filter = filter,
                            .direction = log::Direction::kBackward};
  FeedPartition at = partition;
  at.next = range.until;
  at.until = range.from;
  PartitionWalk walk(context, std::move(at));
  Effort effort;
  using State = PartitionWalk::State;
  for (uint64_t found = 0; found < n;) {
    absl::StatusOr<State> state = walk.Look(log::MayWait::kYes, effort);
    if (state.ok() && *state == State::kFront) {
      state = walk.Load(Position(0), context.batch_bytes_max, log::MayWait::kYes, effort);
    }
    if (!state.ok()) return state.status();
    if (*state == State::kPassed) continue;
    // What retention took, and the end, are met by the read itself.
    if (*state != State::kFront) return range.from;
    const absl::StatusOr<log::EventSlice> slice = walk.Cut({.events_max = n - found});
    if (!slice.ok()) return slice.status();
    found += slice->count;
    if (found >= n) return slice->OffsetAt(slice->count - 1);
  }
  return range.from;
}

}  // namespace tidemark::delivery
