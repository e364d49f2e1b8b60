// The three works of a comparison, on any PeerClient.
#ifndef TIDEMARK_BENCH_PEERS_PEER_LOAD_H_
#define TIDEMARK_BENCH_PEERS_PEER_LOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/measure/recorder.h"
#include "bench/peers/peer.h"

namespace tidemark::bench {

struct PeerAppend {
  double seconds = 5;
  double warmup_seconds = 0.5;
  // Batches sent and not yet acknowledged.
  uint32_t inflight = 16;
};

// Closed loop, one producer. Latency is from Send to the batch's acknowledgement; bytes are those
// of the bodies.
absl::StatusOr<Recorder> RunPeerAppend(PeerClient& client, const std::string& log,
                                       const PeerAppend& load,
                                       const std::vector<PeerBatch>& batches);

// One consumer reads `events` events from the earliest on, each decoded and looked at. Latency is
// the gap between two turns of the consumer; bytes are those of type, key and data. DATA_LOSS  no
// more came, and some are missing.
absl::StatusOr<Recorder> RunPeerReplay(PeerClient& client, const std::string& log, uint64_t events);

struct PeerTail {
  double events_per_second = 1000;
  double seconds = 3;
  double warmup_seconds = 0.5;
  // More unacknowledged events than this, and the producer waits (the time counts).
  uint32_t inflight = 256;
  EventShape shape;
};

// Open loop: one event a batch, sent by the clock; latency is from the intended time until a
// consumer that was there before has it. DATA_LOSS  an event did not come within ten seconds.
absl::StatusOr<Recorder> RunPeerTail(PeerClient& client, const std::string& log,
                                     const PeerTail& load);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_PEERS_PEER_LOAD_H_
