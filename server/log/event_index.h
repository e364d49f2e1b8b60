// EventIndex: which batches of a partition can hold events that a filter wants.
//
// Terms.     Candidate: a batch in which something may match; its reader cuts it with the filter.
//            What is left out certainly holds nothing that matches.
// Invariant. Strongly consistent: what was published before Find is called is taken into account.
// Threads.   Safe from any thread. Find may wait for the disk.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/ids.h"
#include "server/log/direction.h"
#include "server/log/filter.h"
#include "server/log/partition.h"

namespace tidemark::log {

// Candidates within a stretch of a partition.
struct IndexWindow {
  // Half-open offsets of one candidate batch, or of several that follow one another.
  struct Candidate {
    Offset from;
    Offset until;
  };
  // Forward by rising, backward by falling offsets.
  std::vector<Candidate> candidates;
  // The window is [from, reached) forward and [reached, until) backward; it is complete when
  // `reached` is the other end of what was asked.
  Offset reached;
};

class EventIndex {
 public:
  // The first candidates in [from, until) forward, the last ones backward; at most
  // `candidates_max`, at least 1. Requires start <= from and until <= end.
  // DATA_LOSS  the index is damaged.
  absl::StatusOr<IndexWindow> Find(const Partition& partition, const Filter& filter, Offset from,
                                   Offset until, Direction direction, size_t candidates_max) const;
};

}  // namespace tidemark::log
