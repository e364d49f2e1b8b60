// tail: how old is an event when a live subscriber has it?
#ifndef TIDEMARK_BENCH_WORKLOAD_TAIL_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_TAIL_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/measure/result.h"
#include "bench/process/server_process.h"

namespace tidemark::bench {

struct TailConfig {
  // Events per second.
  double rate = 2000;
  uint32_t batch_events = 1;
  double seconds = 4;
  double warmup_seconds = 0.5;
  uint32_t data_bytes = 100;
  uint32_t keys = 10'000;
  double zipf = 0;  // As in EventShape.
  uint32_t partitions = 1;
  uint32_t producers = 1;    // Share the rate.
  uint32_t subscribers = 1;  // Each gets every event.
  bool groups = false;       // Each subscriber is a group's member.
};

// Two results: the latency to the subscriber, and to the acknowledgement. Their values are the
// medians; both count from the time at which the request should have left.
absl::StatusOr<std::vector<Result>> MeasureTail(const ServerProcess& server,
                                                const TailConfig& config,
                                                const std::string& durability);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_TAIL_WORKLOAD_H_
