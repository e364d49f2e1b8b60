#include "server/log/event_index.h"

namespace tidemark::log {

absl::StatusOr<IndexWindow> EventIndex::Find(const Partition&, const Filter&, Offset from,
                                             Offset until, Direction direction, size_t) const {
  IndexWindow window{.candidates = {},
                     .reached = direction == Direction::kForward ? until : from};
  if (from < until) window.candidates.push_back({.from = from, .until = until});
  return window;
}

}  // namespace tidemark::log
