// The newest n: where they begin.
#pragma once

#include "absl/status/statusor.h"
#include "server/delivery/partition_walk.h"
#include "server/log/event_log.h"

namespace tidemark::delivery {

// The offset in `range` of `partition` from which exactly the newest `n` matching events of it
// follow (fewer if there are not so many: then range.from). Costs what reading these events costs:
// walks backward, and only over what the index does not exclude. Waits for the disk. DATA_LOSS  a
// batch on the way is damaged; the detail names it.
absl::StatusOr<Offset> FindLastN(log::EventLog& log, const FeedPartition& partition,
                                 const OffsetRange& range, uint64_t n, const log::Filter& filter);

}  // namespace tidemark::delivery
