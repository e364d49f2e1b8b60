#include "server/groups/group_watch.h"

#include <algorithm>
#include <utility>

namespace tidemark::groups {

std::vector<uint64_t> GroupWatch::LooksOf(const GroupDescription& group) {
  if (!group.work.has_value()) return {};
  const WorkFigures& work = *group.work;
  std::vector<uint64_t> looks = {work.window_events,  work.in_flight_events,
                                 work.waiting_events, work.redeliveries,
                                 work.dead_letters,   work.oldest_unacked_us.value_or(0)};
  for (const PartitionDescription& partition : group.partitions) {
    looks.push_back(partition.committed.value_or(Offset(0)).value());
  }
  return looks;
}

GroupWatch::Change GroupWatch::Saw(const GroupDescription& group, absl::Time now) {
  // Progress in the future is that of a clock that stepped back since.
  if (group.last_progress.has_value() && *group.last_progress <= now) {
    quiet_since_ = std::max(quiet_since_, *group.last_progress);
  }
  if (std::vector<uint64_t> looks = LooksOf(group); looks != looks_) {
    looks_ = std::move(looks);
    quiet_since_ = now;
  }
  const bool waits = group.lag_events != 0 && !group.record.paused_time_us.has_value();
  return See(group.lag_events, group.lag_time, waits, now);
}

GroupWatch::Change GroupWatch::See(std::optional<uint64_t> lag_events,
                                   std::optional<absl::Duration> lag_time, bool waits,
                                   absl::Time now) {
  lag_events_ = lag_events;
  lag_time_ = lag_time;
  if (!waits || quiet_since_ > now) quiet_since_ = now;
  const bool was_stalled = stalled_;
  stalled_ = waits && now - quiet_since_ >= stall_time_;
  if (stalled_ == was_stalled) return Change::kNone;
  return stalled_ ? Change::kStalled : Change::kGoesOn;
}

}  // namespace tidemark::groups
