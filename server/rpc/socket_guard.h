// SocketGuard: stands between gRPC and its sockets, because gRPC 1.51 does not defend itself.
//
// What.      Connections are counted, and those above connections_max closed at once, so that files
//            of the store can always be opened; gRPC's own acceptor never sees that the process has
//            no descriptor left, after which it would not accept again (CVE-2023-4785). What
//            connections receive passes a FrameGuard, and a connection that no honest client would
//            make ends as if its client had gone.
//            Between the frames that gRPC sends, a StreamLimit tells clients to have fewer
//            calls open while there are too many.
// How.       tidemarkd defines `accept4`, `recvmsg`, `sendmsg` and `close`, which gRPC's shared
//            library then calls instead of the C library's; only gRPC calls the first. There is no
//            other way to see what it receives without copying it. A descriptor that was not
//            accepted here costs one look into a table.
// Scope.     Of the process, as sockets are: one gRPC server in it enables the guard, and tests of
//            other code are not touched.
// Threads.   Safe from any thread. A connection is received from, and sent to, by one thread at a
//            time each.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "server/rpc/frame_guard.h"

namespace tidemark::rpc {

struct SocketLimits {
  uint64_t connections_max = 10'000;
  FrameLimits frames;
  void (*warn)(const std::string& line) = nullptr;  // At most once a second.
};

class SocketGuard {
 public:
  static constexpr int kViolations = 6;

  struct Figures {
    int64_t connections = 0;
    int64_t refused = 0;                            // Above the limit, or no descriptor was left.
    std::array<int64_t, kViolations> violations{};  // By Violation.
  };

  // Guards connections that are accepted from now on. The limit of connections is lowered to what
  // the process may open beside its own files; returns it.
  static uint64_t Enable(const SocketLimits& limits);
  static Figures figures();
};

}  // namespace tidemark::rpc
