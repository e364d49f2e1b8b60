#include "server/groups/description.h"

#include <algorithm>

#include "server/base/check.h"

namespace tidemark::groups {

absl::Status AddLagTimes(const log::PartitionReader& reader,
                         const std::vector<log::PartitionPtr>& partitions, absl::Time now,
                         GroupDescription& group) {
  TM_CHECK_EQ(partitions.size(), group.partitions.size());
  for (size_t i = 0; i < partitions.size(); ++i) {
    PartitionDescription& partition = group.partitions[i];
    if (partition.lag_offsets == 0) continue;
    const Offset oldest = std::max(partition.committed.value_or(partition.start), partition.start);
    const absl::StatusOr<uint64_t> stored_us = reader.AppendTimeAt(*partitions[i], oldest);
    if (absl::IsNotFound(stored_us.status())) continue;  // Its topic was just deleted.
    if (!stored_us.ok()) return stored_us.status();
    partition.lag_time = std::max(now - absl::FromUnixMicros(static_cast<int64_t>(*stored_us)),
                                  absl::ZeroDuration());
  }
  return absl::OkStatus();
}

void SumLag(GroupDescription& group) {
  group.lag_offsets = 0;
  group.lag_events = 0;
  group.lag_time.reset();
  for (const PartitionDescription& partition : group.partitions) {
    group.lag_offsets += partition.lag_offsets;
    if (group.lag_events.has_value() && partition.lag_events.has_value()) {
      *group.lag_events += *partition.lag_events;
    } else {
      group.lag_events.reset();
    }
    if (partition.lag_time.has_value()) {
      group.lag_time = std::max(group.lag_time.value_or(absl::ZeroDuration()), *partition.lag_time);
    }
  }
}

}  // namespace tidemark::groups
