// PeerBroker: a system under comparison, started by its set-up script in a directory of its own.
//
// Lifetime.  Stopped, by its process id, when the object goes; its data goes with the directory.
#ifndef TIDEMARK_BENCH_PEERS_PEER_BROKER_H_
#define TIDEMARK_BENCH_PEERS_PEER_BROKER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/peers/peer.h"
#include "bench/process/child_process.h"
#include "bench/process/server_process.h"
#include "bench/process/temp_dir.h"

namespace tidemark::bench {

// OK if the peer is installed and was built in; else why not, for people.
absl::Status CheckInstalled(const PeerSpec& spec, const std::string& setup_directory,
                            const std::string& work_dir);

class PeerBroker {
 public:
  // Returns when the broker answers its client.
  // ABORTED, DEADLINE_EXCEEDED  it ended, or did not answer within two minutes. Both carry its log.
  static absl::StatusOr<std::unique_ptr<PeerBroker>> Start(const PeerSpec& spec,
                                                           const PeerMode& mode,
                                                           const std::string& setup_directory,
                                                           TempDir directory);
  ~PeerBroker();

  PeerClient& client() { return *client_; }
  // The broker with all its processes, for a CostMeter.
  const ServerProcess& process() const { return process_; }

 private:
  PeerBroker(TempDir directory, std::unique_ptr<ChildProcess> child, int port);
  absl::Status WaitUntilReady(const PeerSpec& spec, int port);

  TempDir directory_;
  std::unique_ptr<ChildProcess> child_;
  ServerProcess process_;
  std::unique_ptr<PeerClient> client_;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_PEERS_PEER_BROKER_H_
