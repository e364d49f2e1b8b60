// The append load: producers that keep a number of requests in flight on AppendStream.
//
// Terms.     Closed loop: a producer sends its next request when one of its requests in flight is
//            answered. So latency here is mostly the time in the queue that the load itself keeps
//            full; for latency under a given load see tail_load.h.
#ifndef TIDEMARK_BENCH_LOAD_APPEND_LOAD_H_
#define TIDEMARK_BENCH_LOAD_APPEND_LOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/load/event_pool.h"
#include "bench/measure/recorder.h"

namespace tidemark::bench {

struct AppendLoad {
  std::string address;
  // At least one; producer i appends to topic i modulo their number.
  std::vector<std::string> topics;
  // Stops after this many events, rounded up to whole requests; 0: no limit.
  uint64_t events = 0;
  // Stops sending after this time; 0: no limit. One of the two limits is set.
  double seconds = 0;
  // Completions before this time are not counted.
  double warmup_seconds = 0;
  // Each has a connection, a thread and a stream of its own.
  uint32_t producers = 1;
  // Requests in flight, each producer.
  uint32_t inflight = 16;
  // More than 0: request i goes to partition i modulo this, whatever the keys; 0: by key.
  uint32_t spread_over_partitions = 0;
  // Each producer sends its own producer id and sequences.
  bool idempotent = false;
  // More than 0, with `idempotent`: each stream's requests are in turn of so many producer ids.
  uint64_t producer_ids = 0;
};

// Latency is from handing a request to gRPC to reading its answer. Every answer is checked, the
// first one also for its durability: figures of appends that are not synced would be compared with
// the wrong things.
absl::StatusOr<Recorder> RunAppendLoad(const AppendLoad& load, const EventPool& pool);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_APPEND_LOAD_H_
