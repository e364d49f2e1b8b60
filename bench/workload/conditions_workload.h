// conditions: what do conditions on keys cost single appends?
#ifndef TIDEMARK_BENCH_WORKLOAD_CONDITIONS_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_CONDITIONS_WORKLOAD_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/measure/goals.h"
#include "bench/measure/result.h"
#include "bench/workload/reporter.h"
#include "bench/workload/session.h"

namespace tidemark::bench {

struct ConditionsConfig {
  uint32_t callers = 64;
  uint32_t connections = 1;
  uint32_t partitions = 1;
  uint32_t data_bytes = 100;
  double seconds = 2;
};

// One event a call without conditions, expecting the revision of a key of the caller's own, and
// expecting a new key to be absent; each on a topic of its own. Ratios are to the first.
absl::StatusOr<std::vector<Result>> MeasureConditions(Session& session,
                                                      const ConditionsConfig& config,
                                                      Reporter& reporter);
// Conditioned appends reach half the rate of those without.
std::vector<GoalCheck> ConditionsGoals(const std::vector<Result>& results);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_CONDITIONS_WORKLOAD_H_
