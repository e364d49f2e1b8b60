// quick: baselines and the server under test in one run of less than a minute.
//
// Drift.     The small syncs are measured again at the end: if they changed, somebody else used the
//            machine meanwhile, and the report says so.
// Failure.   The first failure ends the run; what was measured before it is reported.
#ifndef TIDEMARK_BENCH_WORKLOAD_QUICK_H_
#define TIDEMARK_BENCH_WORKLOAD_QUICK_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "bench/workload/append_workload.h"
#include "bench/workload/reporter.h"
#include "bench/workload/session.h"

namespace tidemark::bench {

struct QuickConfig {
  // What the append, its baselines and its topic look like.
  AppendConfig append;
  // All times are multiplied by this, but not the idle seconds.
  double scale = 1;
  std::vector<uint32_t> callers = {1, 16, 64};
  // Calls after idle seconds; each takes more than one second.
  int idle_calls = 3;
  uint64_t disk_file_bytes = 512 << 20;
  // Also the replays that are decoded.
  bool decoded = true;
};

// Baselines and server, without the goals.
absl::Status MeasureQuick(Session& session, const QuickConfig& config, Reporter& reporter);

// Everything, then the goals.
absl::Status RunQuick(Session& session, const QuickConfig& config, Reporter& reporter);

// The baselines alone.
absl::Status RunBaselines(Session& session, const QuickConfig& config, Reporter& reporter);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_QUICK_H_
