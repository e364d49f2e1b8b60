// The replay load: readers that read a whole topic as fast as they can.
#ifndef TIDEMARK_BENCH_LOAD_READ_LOAD_H_
#define TIDEMARK_BENCH_LOAD_READ_LOAD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "bench/load/batch_parser.h"
#include "bench/load/server_stream.h"
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

// One reader of the whole topic, over a connection of its own, which the constructor makes.
// `load` outlives it.
class TopicReader {
 public:
  explicit TopicReader(const ReadLoad& load);

  // Reads to the end. `on_message` comes after each message, when its events have been looked at.
  // Call once.
  absl::Status Run(absl::FunctionRef<void(uint64_t events, uint64_t bytes)> on_message);
  // Run then returns CANCELLED. From any thread.
  void Cancel() { stream_.Cancel(); }

 private:
  uint64_t EventsIn(grpc::ByteBuffer& message);

  const ReadLoad& load_;
  ServerStream stream_;
  BatchParser parser_;
  // What the events hold, added up: a client that looks at nothing would be compiled away.
  uint64_t data_bytes_ = 0;
};

// Bytes are those of the messages as received; events are counted only with `parse`. Latency is
// the gap between two messages of a reader, the first one's being the time to the first message.
absl::StatusOr<Recorder> RunReadLoad(const ReadLoad& load);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_READ_LOAD_H_
