#include "server/groups/description.h"

#include <algorithm>

#include "server/base/check.h"

namespace tidemark::groups {
namespace {

// Where the oldest event in [from, end) is, to its batch, that the filter wants. Requires that
// there is one.
absl::StatusOr<std::optional<Offset>> OldestWanted(const log::EventLog& log,
                                                   const log::Partition& partition,
                                                   const log::Filter& filter, Offset from,
                                                   Offset end, log::CountBudget& budget) {
  if (filter.matches_all()) return from;
  // The index tells of whole batches; of the first one a part was passed already.
  absl::StatusOr<log::SpanRead> first = log.reader().Spans(
      partition, from, from + 1, log::Direction::kForward, 1, log::MayWait::kYes);
  if (!first.ok()) return first.status();
  if (first->spans.empty())
    return std::optional<Offset>();  // Just deleted, or passed by retention.
  const Offset rest = std::min(first->spans.front().end_offset(), end);
  absl::StatusOr<std::optional<uint64_t>> cut =
      log.index().Count(partition, filter, from, rest, budget);
  if (!cut.ok()) return cut.status();
  if (*cut != 0) return from;
  for (Offset next = rest; next < end;) {
    absl::StatusOr<log::IndexWindow> window =
        log.index().Find(partition, filter, next, end, log::Direction::kForward, 1);
    if (!window.ok()) return window.status();
    if (!window->candidates.empty()) return window->candidates.front().from;
    next = window->reached;
  }
  return std::optional<Offset>();
}

absl::Status AddLagOf(const log::EventLog& log, const log::Partition& partition,
                      const log::Filter& filter, absl::Time now, log::CountBudget& budget,
                      PartitionDescription& seen) {
  if (seen.lag_offsets == 0) return absl::OkStatus();
  const Offset from = std::max(seen.committed.value_or(seen.start), seen.start);
  absl::StatusOr<std::optional<uint64_t>> events =
      log.index().Count(partition, filter, from, seen.end, budget);
  if (!events.ok()) return events.status();
  seen.lag_events = *events;
  if (seen.lag_events == 0) return absl::OkStatus();
  absl::StatusOr<std::optional<Offset>> oldest =
      OldestWanted(log, partition, filter, from, seen.end, budget);
  if (!oldest.ok()) return oldest.status();
  if (!oldest->has_value()) return absl::OkStatus();
  const absl::StatusOr<uint64_t> stored_us = log.reader().AppendTimeAt(partition, **oldest);
  if (!stored_us.ok()) return stored_us.status();
  seen.lag_time =
      std::max(now - absl::FromUnixMicros(static_cast<int64_t>(*stored_us)), absl::ZeroDuration());
  return absl::OkStatus();
}

}  // namespace

absl::Status AddLag(const log::EventLog& log, const std::vector<log::PartitionPtr>& partitions,
                    absl::Time now, log::CountBudget& budget, GroupDescription& group) {
  TM_CHECK_EQ(partitions.size(), group.partitions.size());
  const log::Filter filter(group.record.filter);
  for (size_t i = 0; i < partitions.size(); ++i) {
    absl::Status status = AddLagOf(log, *partitions[i], filter, now, budget, group.partitions[i]);
    if (absl::IsNotFound(status)) continue;  // Its topic was just deleted.
    if (!status.ok()) return status;
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
