// sustain: does appending stay as fast, and writing as little, when much has gone through the
// store?
//
// One topic whose retention keeps a small window takes many times that window. It is measured in
// legs; each leg's disk bytes, latencies and slowest second stand for themselves, so that a store
// that writes more, or stalls, the longer it runs shows it.
#ifndef TIDEMARK_BENCH_WORKLOAD_SUSTAIN_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_SUSTAIN_WORKLOAD_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "bench/workload/append_workload.h"
#include "bench/workload/session.h"

namespace tidemark::bench {

struct SustainConfig {
  // Encoded events to append, in GB of 10^9 bytes.
  double gigabytes = 50;
  // What the topic keeps, all partitions together.
  double window_gigabytes = 2;
  // The load of each leg; `events`, `topic` and `max_bytes` are set by the run.
  AppendConfig append;
};

// A leg ends when this much of the whole was appended, in GB: 1, 2, 5, 10, 20, 30, ...
std::vector<double> LegEnds(double gigabytes);

// Calls `report` after each leg.
absl::Status MeasureSustain(Session& session, const SustainConfig& config,
                            absl::FunctionRef<void(const Result&)> report);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_SUSTAIN_WORKLOAD_H_
