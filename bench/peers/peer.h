// What tidemark-bench asks of a system that it compares with Tidemark, and of Tidemark itself: make
// a log, append to it, read it from its beginning or from now on. One driver a system, one
// measuring code for all (peer_load.h).
//
// Terms.     A batch is what a producer hands over in one Send and waits for as one; how it becomes
//            requests is the driver's affair (the system's own way to send many).
//            Acknowledged means what the broker's mode promises (PeerMode::durability).
// Threads.   Each producer and consumer is used by one thread.
// Lifetime.  Producers and consumers go before their client, clients before the broker.
#ifndef TIDEMARK_BENCH_PEERS_PEER_H_
#define TIDEMARK_BENCH_PEERS_PEER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bench/peers/peer_event.h"

namespace tidemark::bench {

class PeerProducer {
 public:
  virtual ~PeerProducer() = default;

  // Puts the events on the wire, in their order; waits for nothing but room to send.
  virtual absl::Status Send(const PeerBatch& batch) = 0;
  // Waits until the oldest batch sent is acknowledged. Requires one.
  virtual absl::Status AwaitOldest() = 0;
};

class PeerConsumer {
 public:
  virtual ~PeerConsumer() = default;

  // Hands over the next events, in order, as they come; returns after some of them, or after
  // `patience` without any.
  virtual absl::Status Poll(absl::Duration patience,
                            absl::FunctionRef<void(const EventView&)> on_event) = 0;
};

enum class PeerStart { kEarliest, kLatest };

class PeerClient {
 public:
  virtual ~PeerClient() = default;

  // Whether the broker serves already: asked again until it does.
  virtual absl::Status CheckReady() = 0;
  virtual absl::Status CreateLog(const std::string& log) = 0;
  virtual absl::StatusOr<std::unique_ptr<PeerProducer>> NewProducer(const std::string& log) = 0;
  // With kLatest: gets every event that is sent after this has returned.
  virtual absl::StatusOr<std::unique_ptr<PeerConsumer>> NewConsumer(const std::string& log,
                                                                    PeerStart start) = 0;
};

struct PeerMode {
  // The set-up script's: "default" or "fsync".
  std::string name;
  // What an acknowledgement means.
  std::string durability;
  bool synced = false;
};

struct PeerSpec {
  std::string name;
  // In bench/peers/setup.
  std::string script;
  std::vector<PeerMode> modes;
  // Client settings and versions, to be read beside the figures.
  std::string settings;
  // For a broker at 127.0.0.1:port. Null: built without the client library, which `library` names.
  std::function<absl::StatusOr<std::unique_ptr<PeerClient>>(int port)> connect;
  std::string library;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_PEERS_PEER_H_
