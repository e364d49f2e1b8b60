// What every group of a store needs from around it.
#pragma once

#include <cstddef>
#include <memory>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/groups/work_budget.h"
#include "server/groups/work_source.h"
#include "server/log/event_log.h"
#include "server/metrics/metrics.h"

namespace tidemark::groups {

struct CoordinatorOptions {
  // How long a member may finish what it holds of a partition that moves.
  absl::Duration revoke_timeout = absl::Seconds(30);
  // How often, at most, a partition's offset moves over events that the filter leaves out.
  absl::Duration scan_commit_interval = absl::Seconds(1);
  // After so long without progress a group for which events wait is stalled.
  absl::Duration stall_time = absl::Minutes(5);
  size_t members_max = 1'000;  // Of a group.
  size_t groups_max = 10'000;  // Of the store.
  // Of groups whose members ack event by event.
  size_t window_events_max = 10'000;
  uint64_t readahead_bytes_max = 4ull << 20;
  uint64_t work_bytes_max = 12ull << 20;  // What they know of events, all groups together.
  absl::Duration flush_interval = absl::Seconds(1);
  WorkSourceFactory work_source;  // Where their events come from.
  base::Executor* live =
      nullptr;  // Reads what is in memory; null: `disk` does. Outlives the groups.
};

// Lifetime. What it refers to outlives every group.
struct GroupContext {
  CoordinatorOptions options;
  log::EventLog& log;
  base::Executor& disk;  // For work that waits for the disk.
  const base::Clock& clock;
  metrics::Metrics& metrics;
  const std::unique_ptr<WorkBudget> work_budget =
      std::make_unique<WorkBudget>(options.work_bytes_max);
};

}  // namespace tidemark::groups
