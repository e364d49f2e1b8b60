// The seek load: one reader that asks for single events at random offsets, one call after another.
#ifndef TIDEMARK_BENCH_LOAD_SEEK_LOAD_H_
#define TIDEMARK_BENCH_LOAD_SEEK_LOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/measure/recorder.h"

namespace tidemark::bench {

struct SeekLoad {
  std::string address;
  std::string topic;  // Partition 0 is read.
  uint64_t offsets_until = 1;
  uint32_t seeks = 1000;
  uint64_t seed = 1;
};

// Latency is from the start of a call to its end; each must give the event at its offset.
absl::StatusOr<Recorder> RunSeeks(const SeekLoad& load);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_SEEK_LOAD_H_
