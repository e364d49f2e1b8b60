// restart: how long does a server take to be ready after kill -9, whatever it stores?
#ifndef TIDEMARK_BENCH_WORKLOAD_RESTART_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_RESTART_WORKLOAD_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "bench/workload/append_workload.h"
#include "bench/workload/reporter.h"
#include "bench/workload/session.h"

namespace tidemark::bench {

inline constexpr char kRestartName[] = "ready after kill -9";
inline constexpr char kRestartFillName[] = "append (to fill the store)";
inline constexpr char kRestartColdName[] = "ready after kill -9, cold";

struct RestartConfig {
  // Encoded events stored before the kill.
  double gigabytes = 10;
  uint32_t partitions = 8;
  // Topics beside the one that is filled.
  uint32_t topics = 0;
  // First, the time to be ready with an empty store. False where something is stored already.
  bool empty_first = true;
  AppendConfig append;
};

// Reports the time to be ready with an empty store, and after a kill with warm and with dropped
// page cache, and checks each time that every acknowledged event is there. FAILED_PRECONDITION  the
// server is not ours.
absl::StatusOr<std::vector<Result>> MeasureRestart(Session& session, const RestartConfig& config,
                                                   const Reporter& reporter);

// The first part of goal 7, and goal 8 for the bytes that filled the store, as far as `results`
// tell.
std::vector<GoalCheck> RestartGoals(const std::vector<Result>& results);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_RESTART_WORKLOAD_H_
