// What a comparison says: the table of rates, the table of costs, the goals beside other systems.
//
// Terms.     A figure's name is "SYSTEM: WORK", a system's name "PEER, MODE".
//            Tidemark's factor is how many times as fast Tidemark is, or how many times as late the
//            other: above 1 Tidemark wins.
#ifndef TIDEMARK_BENCH_WORKLOAD_PEERS_REPORT_H_
#define TIDEMARK_BENCH_WORKLOAD_PEERS_REPORT_H_

#include <string>
#include <vector>

#include "bench/measure/goals.h"
#include "bench/measure/result.h"

namespace tidemark::bench {

inline constexpr char kTidemarkSystem[] = "Tidemark, fsync";
inline constexpr char kAppendWork[] = ": append";
inline constexpr char kReplayWork[] = ": replay";
inline constexpr char kTailWork[] = ": tail";

// Rates with Tidemark's factors, what Tidemark loses, and the costs of a million events. Empty if
// `results` have no system.
std::string PeerTables(const std::vector<Result>& results);

// The clauses of goals 1 and 3 about other systems without their fsync, as far as `results` tell.
std::vector<GoalCheck> PeerGoals(const std::vector<Result>& results);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_PEERS_REPORT_H_
