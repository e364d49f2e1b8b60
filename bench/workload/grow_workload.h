// grow: do append, replay and seek cost the same in a long history as in a short one?
#ifndef TIDEMARK_BENCH_WORKLOAD_GROW_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_GROW_WORKLOAD_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/measure/goals.h"
#include "bench/workload/append_workload.h"
#include "bench/workload/reporter.h"
#include "bench/workload/session.h"

namespace tidemark::bench {

struct GrowConfig {
  // Sizes of the history at which everything is measured, rising.
  std::vector<uint64_t> events = {1'000'000, 10'000'000, 100'000'000};
  // How much is appended, and read from a random place, for one figure.
  uint64_t sample_events = 5'000'000;
  uint32_t seeks = 2000;
  AppendConfig append;
};

// One topic with one partition grows; at each size: append and replay of `sample_events`, and
// reads of one event at random offsets. Each is compared with the same at the smallest size.
//
// Every figure begins from the same state of the machine: before the appends the store's files
// leave the page cache, because a virtual machine that takes ever more of its host's memory for
// them pays for each new page; and what is read is read once before it counts, so that all of it is
// cached.
// Reports each figure; returns what the longest says beside the shortest (goal 7).
absl::StatusOr<std::vector<GoalCheck>> MeasureGrow(Session& session, const GrowConfig& config,
                                                   Reporter& reporter);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_GROW_WORKLOAD_H_
