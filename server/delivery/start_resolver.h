// Where a stream begins and ends in each partition: a start and a stop as the client says them,
// resolved to offsets.
//
// One rule for both directions: backward yields, newest first, what forward yields with start and
// stop exchanged. Backward an offset or time as start is therefore not included, as stop it is. A
// revision names an event, not a place between two: it is included both ways.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/delivery/cursor.h"
#include "server/delivery/partition_walk.h"
#include "server/delivery/turns.h"
#include "server/log/event_log.h"
#include "server/log/filter.h"

namespace tidemark::delivery {

struct StartEarliest {};
struct StartLatest {};
struct StartOffsets {
  // By partition; others begin at their start offset, backward at their end.
  std::map<uint32_t, uint64_t> offsets;
};
struct StartTime {
  absl::Time time;
};
struct StartLastN {
  uint64_t n = 1;  // At least 1.
};
// The event of a key with this revision, also backward, in the partition where the key is. Of the
// others nothing. Requires that the topic's keys are indexed.
struct StartRevision {
  std::string key;
  PartitionIndex partition;
  uint64_t revision = 0;
};
struct StartAfterCursor {
  std::string cursor;
};
using StartSpec = std::variant<StartEarliest, StartLatest, StartOffsets, StartTime, StartLastN,
                               StartRevision, StartAfterCursor>;

struct StopAtOpen {};
struct StopOffsets {
  std::map<uint32_t, uint64_t> offsets;
};
struct StopTime {
  absl::Time time;
};
struct StopNever {};  // Forward only.
using StopSpec = std::variant<StopAtOpen, StopOffsets, StopTime, StopNever>;

// What a stream reads of a topic.
struct RangeSpec {
  log::TopicPtr topic;
  std::vector<uint32_t> partitions;  // Empty: all.
  StartSpec start;
  StopSpec stop;
  log::Direction direction = log::Direction::kForward;
  Order order = Order::kAny;
};

// Opens the partitions and resolves start and stop: `next` and `until` of each. In commit order the
// ends are those of one moment: of two events the one committed first is never left out alone.
// Waits for the disk.
// NOT_FOUND         the topic is deleted.
// OUT_OF_RANGE      a partition does not exist, or the start is outside its readable range; the
//                   detail has partition, start_offset and end_offset. A revision is not there
//                   yet, or no longer: the detail has first_revision and revision.
// FAILED_PRECONDITION  the revision is among erased ones.
// INVALID_ARGUMENT  the cursor is malformed, of another topic or of the other direction; a
//                   partition is named twice; an offset is given for a partition that is not
//                   read; a backward read starts at the earliest event.
absl::StatusOr<std::vector<FeedPartition>> ResolveRange(log::EventLog& log, const RangeSpec& spec,
                                                        const log::Filter& filter);

// Append times are whole microseconds: the first that is at or after `time`; 0 before 1970.
uint64_t CeilMicros(absl::Time time);

// OUT_OF_RANGE: there is no such partition; `field` named it.
absl::Status NoSuchPartition(const log::Topic& topic, uint64_t partition, absl::string_view field);

}  // namespace tidemark::delivery
