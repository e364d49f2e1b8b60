// The replay load: readers that read a whole topic as fast as they can.
#ifndef TIDEMARK_BENCH_LOAD_READ_LOAD_H_
#define TIDEMARK_BENCH_LOAD_READ_LOAD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/measure/recorder.h"

namespace tidemark::bench {

struct ReadLoad {
  std::string address;
  std::string topic;
  // True: decode every event, as a C++ client does. False: count the bytes of the messages.
  bool parse = false;
  // With `parse`: each partition's offsets must be dense.
  bool check_offsets = true;
  // Each reads the whole topic over a connection and a thread of its own.
  uint32_t readers = 1;
  // ReadRequest.max_batch_bytes; 0: unset.
  uint64_t max_batch_bytes = 0;
  // ReadRequest.max_events; 0: unset.
  uint64_t max_events = 0;
  // The filter; empty: every event. Requires check_offsets to be false.
  std::vector<std::string> types;
  std::vector<std::string> keys;
  // Partition 0 starts here; unset: each partition at its earliest event.
  std::optional<uint64_t> start_offset;
};

// Bytes are those of the messages as received; events are counted only with `parse`. Latency is
// the gap between two messages of a reader, the first one's being the time to the first message.
absl::StatusOr<Recorder> RunReadLoad(const ReadLoad& load);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_READ_LOAD_H_
