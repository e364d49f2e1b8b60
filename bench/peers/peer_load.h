// The three works of a comparison, on any PeerClient.
//
// Terms.     Each calls `at_end` when its work is done and its producers and consumers still live:
// some
//            brokers have a process for each, whose figures go with it.
#ifndef TIDEMARK_BENCH_PEERS_PEER_LOAD_H_
#define TIDEMARK_BENCH_PEERS_PEER_LOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "bench/measure/recorder.h"
#include "bench/peers/peer.h"

namespace tidemark::bench {

using PeerWorkEnd = absl::FunctionRef<void(const Recorder&)>;

struct PeerAppend {
  double seconds = 5;
  // Long enough for a Java process to have compiled what it needs.
  double warmup_seconds = 2;
  // Batches sent and not yet acknowledged.
  uint32_t inflight = 16;
};

// Closed loop, one producer. Latency is from Send to the batch's acknowledgement; bytes are those
// of the bodies.
absl::StatusOr<Recorder> RunPeerAppend(PeerClient& client, const std::string& log,
                                       const PeerAppend& load,
                                       const std::vector<PeerBatch>& batches, PeerWorkEnd at_end);

// One consumer reads `events` events from the earliest on, each decoded and looked at. Latency is
// the gap between two turns of the consumer; bytes are those of type, key and data. DATA_LOSS  no
// more came, and some are missing.
absl::StatusOr<Recorder> RunPeerReplay(PeerClient& client, const std::string& log, uint64_t events,
                                       PeerWorkEnd at_end);

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
                                     const PeerTail& load, PeerWorkEnd at_end);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_PEERS_PEER_LOAD_H_
