// groups: how fast do the members of a consumer group handle a history, and how old are live events
// when they have them, in each mode?
#ifndef TIDEMARK_BENCH_WORKLOAD_GROUPS_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_GROUPS_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/measure/goals.h"
#include "bench/measure/result.h"
#include "bench/workload/append_workload.h"
#include "bench/workload/reporter.h"
#include "bench/workload/session.h"

namespace tidemark::bench {

struct GroupsConfig {
  // "partition", "key" and "unordered", in this order.
  std::vector<std::string> modes = {"partition", "key", "unordered"};
  uint32_t members = 2;
  uint64_t credit_events = 10'000;
  // The history; with a rate, an open loop of live events instead.
  AppendConfig fill;
};

// Fills a topic, then handles all of it once in each mode; or live events at the rate. Ratios are
// to PARTITION_ORDERED.
absl::StatusOr<std::vector<Result>> MeasureGroups(Session& session, const GroupsConfig& config,
                                                  Reporter& reporter);
// The members of `group`, which is new, handle all of `topic` once in `mode`.
absl::StatusOr<Result> MeasureGroup(const ServerProcess& server, const GroupsConfig& config,
                                    const std::string& topic, const std::string& mode,
                                    const std::string& group);
// Live events at config.fill.rate in a new topic: how old they are when a member has decoded them,
// and when its ack is confirmed. The values are the medians.
absl::StatusOr<std::vector<Result>> MeasureLiveGroup(const ServerProcess& server,
                                                     const GroupsConfig& config,
                                                     const std::string& mode);
// KEY_ORDERED reaches a third of PARTITION_ORDERED.
std::vector<GoalCheck> GroupsGoals(const std::vector<Result>& results);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_GROUPS_WORKLOAD_H_
