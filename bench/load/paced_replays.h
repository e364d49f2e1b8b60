// Replays by the clock: readers that come at a given rate, however long the earlier ones take, and
// each read the whole topic.
//
// Terms.     Open loop: latency counts from the time at which a replay should have begun. Its
// reader has
//            connected before.
// Threads.   One waits for the clock, and one for each replay under way.
#ifndef TIDEMARK_BENCH_LOAD_PACED_REPLAYS_H_
#define TIDEMARK_BENCH_LOAD_PACED_REPLAYS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "bench/load/read_load.h"
#include "bench/measure/recorder.h"

namespace tidemark::bench {

// More replays under way than this end the run: they come faster than they are served.
inline constexpr size_t kReplaysUnderWayMax = 100;

struct PacedReplays {
  // `readers` is not looked at.
  ReadLoad read;
  double replays_per_second = 1;
  uint64_t replays = 10;
  // What completes in this first time is not counted.
  double warmup_seconds = 0;
};

struct ReplayFigures {
  // From the intended start to the first message with an event, and to the end; one value a replay.
  Recorder first;
  Recorder whole;
  // Each message: how many events and bytes came when; latency is the gap between two of a replay.
  Recorder messages;
};

// RESOURCE_EXHAUSTED  the server, or this client, does not keep the rate.
absl::StatusOr<ReplayFigures> RunPacedReplays(const PacedReplays& load);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_PACED_REPLAYS_H_
