// The events of a comparison: the same for every system.
//
// Terms.     A body is the event as one encoded message (Protobuf, about 140 bytes with 100 of
// data),
//            for systems that store bytes; systems with fields of their own get type, key and data.
#ifndef TIDEMARK_BENCH_PEERS_PEER_EVENT_H_
#define TIDEMARK_BENCH_PEERS_PEER_EVENT_H_

#include <google/protobuf/arena.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bench/load/event_pool.h"
#include "bench/load/key_chooser.h"

namespace tidemark::bench {

struct PeerEvent {
  std::string type;
  std::string key;
  std::string data;
  std::string body;
};
using PeerBatch = std::vector<PeerEvent>;

// An event as a reader has it; valid during the callback.
struct EventView {
  absl::string_view type;
  absl::string_view key;
  absl::string_view data;
};

// Batches made before the run, different from each other; they repeat after kPeerPoolBatches.
inline constexpr size_t kPeerPoolBatches = 64;
std::vector<PeerBatch> MakePeerBatches(const EventShape& shape, uint32_t batch_events);

// One event whose data begins with `intended_ns`.
PeerBatch TimedPeerBatch(int64_t intended_ns, const EventShape& shape, const KeyChooser& keys,
                         uint64_t number);

// Decodes bodies, as a reader of such a system has to.
class BodyDecoder {
 public:
  // INTERNAL  `body` is not an event.
  absl::Status Decode(absl::string_view body, absl::FunctionRef<void(const EventView&)> on_event);

 private:
  google::protobuf::Arena arena_;
  int since_reset_ = 0;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_PEERS_PEER_EVENT_H_
