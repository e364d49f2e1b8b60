// goals: every goal of the design's speed section, with its baselines, in one run.
//
// Terms.     Amounts say how much is measured. The quick ones represent every goal in under 50 s on
//            two cores; the full ones take minutes and some 20 GB of disk.
// Failure.   A part that fails ends the run; the goals that what was measured before it can judge
// are
//            reported all the same.
#ifndef TIDEMARK_BENCH_WORKLOAD_GOALS_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_GOALS_WORKLOAD_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/workload/filtered_workload.h"
#include "bench/workload/grow_workload.h"
#include "bench/workload/idle_workload.h"
#include "bench/workload/mixed_workload.h"
#include "bench/workload/peers_workload.h"
#include "bench/workload/quick.h"
#include "bench/workload/reporter.h"
#include "bench/workload/restart_workload.h"
#include "bench/workload/session.h"

namespace tidemark::bench {

struct GoalAmounts {
  QuickConfig quick;
  FilteredConfig filtered;
  MixedConfig mixed;  // Its replay_topic is set by the run.
  IdleConfig idle;
  RestartConfig restart;
  GrowConfig grow;
  // Set: also beside other systems, as far as they are installed.
  std::optional<PeersConfig> peers;
  // More than 0: a part that would end after this time is left out, with a note. What judges a goal
  // alone is never left out.
  double seconds_max = 0;
  // For people: where these amounts are less than a goal asks for. Empty: nowhere.
  std::string shortened;
};

GoalAmounts FullAmounts();
GoalAmounts QuickAmounts();

// What `results` say of the goals, in their order.
std::vector<GoalCheck> GoalsOf(const std::vector<Result>& results);

// Parts that need a server of ours are left out, with a note, where it was given.
absl::Status RunGoals(Session& session, const GoalAmounts& amounts, Reporter& reporter);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_GOALS_WORKLOAD_H_
