// replay: how fast can a service that comes late read everything?
#ifndef TIDEMARK_BENCH_WORKLOAD_REPLAY_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_REPLAY_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/measure/result.h"
#include "bench/process/server_process.h"

namespace tidemark::bench {

struct ReplayConfig {
  std::string name = "replay";
  // Required.
  std::string topic;
  // Decode every event as a C++ client does; else count the bytes of the messages.
  bool parse = false;
  uint32_t readers = 1;
  // 0: the server's default.
  uint64_t max_batch_bytes = 0;
  // Only said in the result: the caller has seen to it that nothing is cached.
  bool cold = false;
  // For MeasurePacedReplays: replays begun a second, for so long, of which the first part is not
  // counted.
  double rate = 0;
  double seconds = 10;
  double warmup_seconds = 0;
};

// Raw replays count MB/s, decoded ones events/s.
absl::StatusOr<Result> MeasureReplay(const ServerProcess& server, const ReplayConfig& config);

// Open loop: whole replays, decoded, begin by the clock. Two results: latency from the intended
// start to the first event, and to the end. Their values are the medians. `parse` and `readers` are
// not looked at.
absl::StatusOr<std::vector<Result>> MeasurePacedReplays(const ServerProcess& server,
                                                        const ReplayConfig& config);

struct RawStreamConfig {
  std::string name = "raw byte stream";
  uint64_t message_bytes = 128 << 10;
  uint64_t messages = 20'000;
  bool parse = false;
};

// The same reader on the no-op server's Read: one prepared message, again and again.
absl::StatusOr<Result> MeasureRawStream(const ServerProcess& server, const RawStreamConfig& config);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_REPLAY_WORKLOAD_H_
