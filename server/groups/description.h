// Descriptions: groups as people and monitors see them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/groups/work_types.h"
#include "server/log/event_log.h"
#include "server/storage/records.h"

namespace tidemark::groups {

struct MemberDescription {
  std::string member_id;
  std::string client_name;
  std::string address;
  absl::Time join_time;
  uint64_t in_flight_events = 0;
  std::optional<absl::Time> last_delivery;   // Unset: nothing yet.
  std::optional<absl::Time> oldest_unacked;  // Since when it holds the oldest; unset: none.
};

struct PartitionDescription {
  std::string topic;
  PartitionIndex partition;
  std::optional<Offset> committed;  // Durable; unset: nothing was ever committed.
  Offset start;
  Offset end;
  uint64_t lag_offsets = 0;
  std::optional<uint64_t> lag_events;        // Unset: to count them would cost too much.
  std::optional<absl::Duration> lag_time;    // Unset without lag.
  std::string owner;                         // member_id; empty without owner.
  uint64_t in_flight_events = 0;             // Of the owner, as the next two.
  std::optional<absl::Time> last_delivery;   // Unset: nothing yet.
  std::optional<absl::Time> oldest_unacked;  // Since when it is held; unset: none.
  uint64_t redelivered_events = 0;           // In this run of the server.
  std::optional<WorkFigures> work;           // Of groups whose members ack event by event.
};

struct GroupDescription {
  storage::GroupRecord record;
  std::vector<MemberDescription> members;        // By time of joining.
  std::vector<PartitionDescription> partitions;  // By topic and partition.
  uint64_t lag_offsets = 0;
  std::optional<uint64_t> lag_events;
  std::optional<absl::Duration> lag_time;
  std::optional<WorkFigures> work;
  uint64_t redelivered_events = 0;
  // When something was last delivered, acked, committed or sought; unset: not in this run of the
  // server.
  std::optional<absl::Time> last_progress;
  bool stalled = false;  // See group_watch.h.
};

struct GroupSummary {
  storage::GroupRecord record;
  uint32_t members = 0;
  uint64_t lag_offsets = 0;
};

struct GroupPage {
  std::vector<GroupSummary> groups;  // By name.
  bool more = false;                 // There are further ones after the last.
};

// For metrics.
struct GroupLag {
  std::string group;
  uint32_t members = 0;
  std::optional<uint64_t> lag_offsets;  // Unset: its offsets were not read since the start, yet.
  std::optional<WorkFigures> work;
  // As of the last look of the watch; unset: it has not looked, or could not tell.
  std::optional<uint64_t> lag_events;
  std::optional<absl::Duration> lag_time;
  bool stalled = false;
  bool paused = false;
  uint64_t in_flight_events = 0;
  uint64_t redelivered_events = 0;
};

// Fills in what is behind of what the group reads: how many events, as far as `budget`, from which
// the cost is taken, goes, and how long the oldest is stored. `partitions` are those of the
// description, in its order. Waits for the disk. DATA_LOSS, UNAVAILABLE  the store cannot tell.
absl::Status AddLag(const log::EventLog& log, const std::vector<log::PartitionPtr>& partitions,
                    absl::Time now, log::CountBudget& budget, GroupDescription& group);

// Fills in the sums over `partitions`.
void SumLag(GroupDescription& group);

}  // namespace tidemark::groups
