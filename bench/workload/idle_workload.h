// idle: what does the server do for consumer groups that have nothing to do?
#ifndef TIDEMARK_BENCH_WORKLOAD_IDLE_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_IDLE_WORKLOAD_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/measure/goals.h"
#include "bench/measure/result.h"
#include "bench/process/server_process.h"

namespace tidemark::bench {

inline constexpr char kIdleAloneName[] = "idle server";
inline constexpr char kIdleGroupsName[] = "idle server, idle groups";

struct IdleConfig {
  uint32_t groups = 1000;
  // Of each of the two figures.
  double seconds = 5;
};

// The server's CPU time while nothing happens, without and with groups that each have a member.
// Values are percent of a core; the kernel counts in steps of 10 ms.
// FAILED_PRECONDITION  the server's process is not known.
absl::StatusOr<std::vector<Result>> MeasureIdle(const ServerProcess& server,
                                                const IdleConfig& config);

// The second half of goal 6, as far as `results` tell.
std::vector<GoalCheck> IdleGoals(const std::vector<Result>& results);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_IDLE_WORKLOAD_H_
