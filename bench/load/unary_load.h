// The unary load: callers that append one event a call and wait for the answer.
//
// Terms.     Closed loop: each caller calls again as soon as it is answered. All callers share one
//            thread and one completion queue.
#ifndef TIDEMARK_BENCH_LOAD_UNARY_LOAD_H_
#define TIDEMARK_BENCH_LOAD_UNARY_LOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/load/event_pool.h"
#include "bench/measure/recorder.h"

namespace tidemark::bench {

struct UnaryLoad {
  std::string address;
  std::string topic;
  // Calls go to so many topics in turn (TopicNames).
  uint32_t topics = 1;
  uint32_t callers = 1;
  // TCP connections that the callers are spread over.
  uint32_t connections = 1;
  double seconds = 2;
  double warmup_seconds = 0;
  // More than 0: one caller sleeps this long before each call, so that each call is the first after
  // an idle time; the call's latency does not include the sleep. Requires callers == 1.
  double idle_seconds = 0;
};

// Latency is from the start of a call to its completion. The first failed call ends the run.
absl::StatusOr<Recorder> RunUnaryLoad(const UnaryLoad& load, const EventPool& pool);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_UNARY_LOAD_H_
