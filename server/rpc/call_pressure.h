// CallPressure: whether more calls are under way, over all connections, than the server answers
// soon, and how many each connection may then have.
//
// Terms.     Short: a call on which the server has sent nothing yet; a stream is one for a moment.
//            Backlog: calls that have not even been received from their sockets.
// How.       By Little's law: the calls that end in kSoon are as many as may be under way so that
//            each is answered within kSoon; but at least kShortMin, so that a slow disk has
//            something to commit together. More are pressure, until there are a quarter of them.
//            Under pressure those connections that have short calls share that number.
// Threads.   Safe from any thread; the figures are approximate.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace tidemark::rpc {

class CallPressure {
 public:
  static constexpr absl::Duration kSoon = absl::Milliseconds(50);
  static constexpr int64_t kShortMin = 1024;
  static constexpr uint64_t kShareMin = 16;

  struct Backlog {
    int64_t calls = 0;
    int64_t connections = 0;  // That have some.
  };
  // How to look at it. Once, before any call.
  void SetBacklog(Backlog (*look)()) { look_at_backlog_ = look; }

  // Short calls, connections that have some, and calls that ended: what changed.
  void Change(int64_t shorts, int64_t busy_connections, int64_t ended, int64_t now_nanos);
  // Short calls of a connection; 0: as many as it likes.
  uint64_t share() const { return share_.load(std::memory_order_relaxed); }

 private:
  void Look(int64_t now_nanos);

  Backlog (*look_at_backlog_)() = nullptr;
  std::atomic<int64_t> shorts_{0};
  std::atomic<int64_t> busy_{0};
  std::atomic<int64_t> ended_{0};
  std::atomic<uint64_t> share_{0};
  std::atomic<int64_t> next_look_nanos_{0};
  // Of who looks; one at a time.
  std::atomic<int64_t> looked_nanos_{0};
  std::atomic<int64_t> ended_before_{0};
  std::atomic<double> per_second_{0};
};

}  // namespace tidemark::rpc
