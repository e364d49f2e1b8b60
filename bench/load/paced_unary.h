// The unary load by the clock: calls leave at their time, however long the others take.
//
// Terms.     Open loop: latency counts from the time at which a call should have left, so a stall
// is felt
//            by every call that it delays.
// Threads.   Two: one waits for the clock, one takes the answers.
#ifndef TIDEMARK_BENCH_LOAD_PACED_UNARY_H_
#define TIDEMARK_BENCH_LOAD_PACED_UNARY_H_

#include "absl/status/statusor.h"
#include "bench/load/event_pool.h"
#include "bench/load/unary_load.h"
#include "bench/measure/recorder.h"

namespace tidemark::bench {

// More calls under way than this end the run: the server does not keep the rate, and waiting longer
// would only measure for how long.
inline constexpr uint64_t kUnaryInFlightMax = 20'000;

// `load.callers` and `idle_seconds` are not looked at.
// RESOURCE_EXHAUSTED  the server does not keep the rate.
absl::StatusOr<Recorder> RunPacedUnary(const UnaryLoad& load, double calls_per_second,
                                       const EventPool& pool);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_PACED_UNARY_H_
