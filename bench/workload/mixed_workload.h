// mixed: what does a live subscriber notice of somebody who replays everything?
#ifndef TIDEMARK_BENCH_WORKLOAD_MIXED_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_MIXED_WORKLOAD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/measure/goals.h"
#include "bench/measure/result.h"
#include "bench/process/server_process.h"
#include "bench/workload/tail_workload.h"

namespace tidemark::bench {

inline constexpr char kTailAloneName[] = "tail, alone";
inline constexpr char kTailBesideName[] = "tail, beside a full replay";
inline constexpr char kReplayBesideName[] = "replay, beside the tail";

struct MixedConfig {
  TailConfig tail;
  std::string replay_topic;  // Required; read again and again from its beginning.
  // Rounds of one tail alone and one beside the replay, in turn, so that what else happens on the
  // machine hits both. The figures are those of the round with the median ratio.
  int rounds = 3;
};

absl::StatusOr<std::vector<Result>> MeasureMixed(const ServerProcess& server,
                                                 const MixedConfig& config,
                                                 const std::string& durability);

// The second half of goal 5, as far as `results` tell.
std::vector<GoalCheck> MixedGoals(const std::vector<Result>& results);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_MIXED_WORKLOAD_H_
