// unary: one event a call, each call durable when it is answered.
#ifndef TIDEMARK_BENCH_WORKLOAD_UNARY_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_UNARY_WORKLOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/load/event_pool.h"
#include "bench/measure/result.h"
#include "bench/process/server_process.h"

namespace tidemark::bench {

struct UnaryConfig {
  // The result's name is this and the number of callers.
  std::string name = "unary";
  uint32_t callers = 1;
  uint32_t connections = 1;
  double seconds = 2;
  double warmup_seconds = 0.2;
  // More than 0: an open loop of so many calls a second instead of `callers`.
  double rate = 0;
  // More than 0: one caller pauses this long before each call.
  double idle_seconds = 0;
  EventShape shape;
  uint32_t partitions = 1;
  // Empty: a new one.
  std::string topic;
  uint32_t topics = 1;  // As in UnaryLoad.
};

// Against a server that needs no topic and stores nothing.
absl::StatusOr<Result> MeasureNoopUnary(const ServerProcess& server, UnaryConfig config);

absl::StatusOr<Result> MeasureUnary(const ServerProcess& server, UnaryConfig config,
                                    const std::string& durability);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_UNARY_WORKLOAD_H_
