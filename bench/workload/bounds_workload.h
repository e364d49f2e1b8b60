// bounds: does the server's memory stay under its limit whatever is stored and whoever reads?
#ifndef TIDEMARK_BENCH_WORKLOAD_BOUNDS_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_BOUNDS_WORKLOAD_H_

#include <cstdint>

#include "absl/status/status.h"
#include "bench/workload/reporter.h"
#include "bench/workload/session.h"

namespace tidemark::bench {

struct BoundsConfig {
  // Of each bulk append.
  double seconds = 20;
  uint32_t partitions = 10'000;  // Of one topic, each written to.
  uint32_t topics = 1000;        // Beside it.
  uint64_t producers = 100'000;  // Producer ids.
  uint32_t keys = 1'000'000;
  uint32_t slow_readers = 100;
  // What the resident set must stay under; also given to a server that we start.
  uint64_t memory_limit_mib = 512;
};

// Goes through every kind of load that could make memory grow, one after another without a restart,
// and reports the largest resident set so far after each.
// RESOURCE_EXHAUSTED  it was above the limit.
// FAILED_PRECONDITION the server's process is not known.
absl::Status RunBounds(Session& session, const BoundsConfig& config, Reporter& reporter);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_BOUNDS_WORKLOAD_H_
