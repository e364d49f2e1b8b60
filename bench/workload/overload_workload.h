// overload: what a server still does when many times as much is asked of it as it can do.
#ifndef TIDEMARK_BENCH_WORKLOAD_OVERLOAD_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_OVERLOAD_WORKLOAD_H_

#include <vector>

#include "absl/status/statusor.h"
#include "bench/load/raw_calls.h"
#include "bench/measure/goals.h"
#include "bench/measure/result.h"
#include "bench/process/server_process.h"

namespace tidemark::bench {

inline constexpr char kPeakName[] = "appends, callers that wait";
inline constexpr char kOverloadName[] = "appends in time, too much asked for";

struct OverloadConfig {
  RawCalls load;
  double times = 10;  // So many times the peak is asked for.
  uint32_t partitions = 8;
  int rounds = 3;  // At least 1.
};

// In each round the peak of callers that wait for each answer; then calls that come by the clock,
// each with a deadline. Counted is what is acknowledged in time. The round with the median ratio
// is told, with the ratios of all.
// DATA_LOSS  something acknowledged cannot be read.
absl::StatusOr<std::vector<Result>> MeasureOverload(const ServerProcess& server,
                                                    OverloadConfig config,
                                                    const std::string& durability);

std::vector<GoalCheck> OverloadGoals(const std::vector<Result>& results);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_OVERLOAD_WORKLOAD_H_
