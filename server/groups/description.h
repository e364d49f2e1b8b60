// Descriptions: groups as people and monitors see them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/log/partition_reader.h"
#include "server/storage/records.h"

namespace tidemark::groups {

struct MemberDescription {
  std::string member_id;
  std::string client_name;
  std::string address;
  absl::Time join_time;
  uint64_t in_flight_events = 0;
};

struct PartitionDescription {
  std::string topic;
  PartitionIndex partition;
  std::optional<Offset> committed;  // Durable; unset: nothing was ever committed.
  Offset start;
  Offset end;
  uint64_t lag_offsets = 0;
  std::optional<uint64_t> lag_events;      // Unset: not known without a scan.
  std::optional<absl::Duration> lag_time;  // Unset without lag.
  std::string owner;                       // member_id; empty without owner.
  uint64_t in_flight_events = 0;
};

struct GroupDescription {
  storage::GroupRecord record;
  std::vector<MemberDescription> members;        // By time of joining.
  std::vector<PartitionDescription> partitions;  // By topic and partition.
  uint64_t lag_offsets = 0;
  std::optional<uint64_t> lag_events;
  std::optional<absl::Duration> lag_time;
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
};

// Fills in how long the oldest event before each partition's end is not read; `partitions` are
// those of the description, in its order. Waits for the disk. DATA_LOSS, UNAVAILABLE  the store
// cannot tell.
absl::Status AddLagTimes(const log::PartitionReader& reader,
                         const std::vector<log::PartitionPtr>& partitions, absl::Time now,
                         GroupDescription& group);

// Fills in the sums over `partitions`.
void SumLag(GroupDescription& group);

}  // namespace tidemark::groups
