// The drivers of the systems that were found when this was built; each is made in a file of its
// own.
#ifndef TIDEMARK_BENCH_PEERS_DRIVERS_H_
#define TIDEMARK_BENCH_PEERS_DRIVERS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/peers/peer.h"

namespace tidemark::bench {

using PeerConnection = absl::StatusOr<std::unique_ptr<PeerClient>>;

// Tidemark by its generated C++ classes, as a user without our client library would.
PeerConnection ConnectTidemark(const std::string& address);

PeerConnection ConnectRedis(int port);
PeerConnection ConnectNats(int port);
PeerConnection ConnectPostgres(int port);
PeerConnection ConnectKafka(int port);
PeerConnection ConnectUmaDb(int port);
// Quorum queues by AMQP; streams by RabbitMQ's own protocol, on the port after its broker's other
// two.
PeerConnection ConnectRabbitQuorum(int port);
PeerConnection ConnectRabbitStream(int port);

// Every peer, built in or not, in the order of the table.
std::vector<PeerSpec> AllPeers();

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_PEERS_DRIVERS_H_
