// Appends by hand-made HTTP/2: calls that cost the generator a microsecond, so that one thread can
// ask for many times what a server on the same machine can do.
//
// How.       Each call is a copy of a template with another stream and event id. Answers are looked
//            through for their status. A client keeps to the limit of streams that the server
//            announces, also when it changes; it answers pings and settings.
// Loops.     Closed: each of `callers` sends its next call when the last one was answered. Open:
//            calls leave by the clock, each with a deadline; what the limit of streams would hold
//            back is given up, as a client does that sheds load.
#ifndef TIDEMARK_BENCH_LOAD_RAW_CALLS_H_
#define TIDEMARK_BENCH_LOAD_RAW_CALLS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/measure/histogram.h"

namespace tidemark::bench {

struct RawCalls {
  std::string address;  // "127.0.0.1:7400"
  std::string topic;
  uint32_t connections = 32;
  uint32_t event_bytes = 100;
  uint32_t deadline_ms = 500;
  // Until clients heard how many calls they may have open; nothing of it counts.
  double warmup_seconds = 4;
  double seconds = 5;
  // More than 0: an open loop of so many calls a second instead of `callers`.
  double rate = 0;
  uint32_t callers = 256;
};

struct RawFigures {
  double seconds = 0;
  uint64_t sent = 0;
  uint64_t held_back = 0;  // Given up before they were sent.
  uint64_t in_time = 0;    // Acknowledged within the deadline.
  uint64_t late = 0;
  uint64_t acknowledged = 0;                // Of all, the warm-up included.
  std::map<std::string, uint64_t> refused;  // By gRPC's status, as a number, or "reset".
  uint64_t streams_max = 0;                 // The least that the server announced.
  std::vector<uint64_t> in_time_by_second;  // From the begin of the warm-up on.
  Histogram latency;                        // Of acknowledged ones.
};

// UNAVAILABLE  the server ended a connection.
absl::StatusOr<RawFigures> RunRawCalls(const RawCalls& load);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_RAW_CALLS_H_
