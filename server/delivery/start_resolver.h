// Where a stream begins in each partition: a start as the client says it, resolved to offsets.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/delivery/cursor.h"
#include "server/log/event_log.h"
#include "server/log/filter.h"

namespace tidemark::delivery {

struct StartEarliest {};
struct StartLatest {};
struct StartOffsets {
  std::map<uint32_t, uint64_t> offsets;  // By partition; others begin at their start offset.
};
struct StartTime {
  absl::Time time;
};
struct StartLastN {
  uint64_t n = 1;  // At least 1.
};
struct StartAfterCursor {
  std::string cursor;
};
using StartSpec =
    std::variant<StartEarliest, StartLatest, StartOffsets, StartTime, StartLastN, StartAfterCursor>;

// What is known of one partition when a stream opens.
struct OpenedPartition {
  PartitionIndex index;
  log::PartitionPtr partition;
  log::Partition::Ends ends;  // When the call arrived.
  Offset start;               // Resolved.
};

// Opens `partitions` of `topic` (all if empty) and resolves `start`. Waits for the disk.
// NOT_FOUND         the topic is deleted.
// OUT_OF_RANGE      a partition does not exist, or the start is outside its readable range; the
//                   detail has partition, start_offset and end_offset.
// INVALID_ARGUMENT  the cursor is of another topic or malformed; a partition is named twice, or
//                   an offset is given for a partition that is not read.
absl::StatusOr<std::vector<OpenedPartition>> ResolveStart(log::EventLog& log,
                                                          const log::Topic& topic,
                                                          const std::vector<uint32_t>& partitions,
                                                          const StartSpec& start,
                                                          const log::Filter& filter);

// Append times are whole microseconds: the first that is at or after `time`; 0 before 1970.
uint64_t CeilMicros(absl::Time time);

// OUT_OF_RANGE: there is no such partition; `field` named it.
absl::Status NoSuchPartition(const log::Topic& topic, uint64_t partition, absl::string_view field);

}  // namespace tidemark::delivery
