// peers: Tidemark and other systems on the same work, with the same measuring code.
//
// Terms.     A system is a peer in one of its modes, or Tidemark. Each gets: append (closed loop,
// batches
//            in flight), replay of what was appended, and the age of single events at a live
//            reader. Names of figures: peers_report.h.
// Failure.   A peer that is not installed is skipped with a line that says so; one that fails is
// reported
//            with a note, and the others go on. Tidemark's failure ends the run.
#ifndef TIDEMARK_BENCH_WORKLOAD_PEERS_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_PEERS_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/peers/peer_load.h"
#include "bench/workload/reporter.h"
#include "bench/workload/session.h"

namespace tidemark::bench {

struct PeersConfig {
  // Scripts' names without ".sh"; empty: all.
  std::vector<std::string> only;
  // Where the set-up scripts are; empty: in the sources that this was built from.
  std::string setup_directory;
  uint32_t batch_events = 1000;
  EventShape shape;
  PeerAppend append;
  PeerTail tail;
};

// Measures and adds what can be measured, without goals and tables.
absl::Status MeasurePeers(Session& session, const PeersConfig& config, Reporter& reporter);

// The same, then goals and tables.
absl::Status RunPeers(Session& session, const PeersConfig& config, Reporter& reporter);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_PEERS_WORKLOAD_H_
