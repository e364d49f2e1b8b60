// filtered-replay: what does it cost to read the few events that somebody wants out of many?
#ifndef TIDEMARK_BENCH_WORKLOAD_FILTERED_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_FILTERED_WORKLOAD_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "bench/measure/goals.h"
#include "bench/workload/append_workload.h"
#include "bench/workload/reporter.h"
#include "bench/workload/session.h"

namespace tidemark::bench {

inline constexpr char kRareTypeName[] = "replay of a type, 1 in 100000";
inline constexpr char kUncommonTypeName[] = "replay of a type, 1 in 1000";
inline constexpr char kOneKeyName[] = "replay of a key";

struct FilteredConfig {
  uint64_t events = 10'000'000;
  uint32_t partitions = 1;
  // Also after a restart, with nothing in the page cache.
  bool cold = false;
  AppendConfig append;
};

// Fills a topic in which one event in 100,000 is of a rare type and one in 1000 of another, and
// reads each by its type, and the rare ones also by their key. Values are the milliseconds of the
// whole replay; every one must give exactly the events that were stored.
absl::StatusOr<std::vector<Result>> MeasureFiltered(Session& session, const FilteredConfig& config,
                                                    const Reporter& reporter);

// Goal 4, as far as `results` tell. Fewer matches than a hundred have less time, in proportion.
std::vector<GoalCheck> FilteredGoals(const std::vector<Result>& results);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_FILTERED_WORKLOAD_H_
