// StreamLimit: under pressure, tells a client to have fewer calls open.
//
// Why.       Where more calls are under way than a server answers within their deadlines, it works
//            for nobody: at ten times what it could do, with 2000 calls on each of 32 connections,
//            15 % of the peak was acknowledged in time (`tidemark-bench overload`). HTTP/2's limit
//            of streams keeps calls at the client, where they cost nothing and can be given up; but
//            gRPC announces it once, at the beginning.
// Terms.     Short: as in CallPressure. Long: an open stream that is not short.
// How.       The limit is the connection's share of short calls, and the long ones. The frame goes
//            between those that gRPC sends; the client's acknowledgement is taken out of what gRPC
//            receives, which would take it for one of its own settings.
// Scope.     Connections on which calls are being answered (kAnsweredMin in a second or two). The
//            C core of gRPC begins calls that wait for the limit only when another one ends or
//            begins, so a burst of subscriptions alone would wait for ever.
// Threads.   Safe from any thread; what is sent comes in the order in which it is sent, what is
//            received in its own.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/call_pressure.h"
#include "server/rpc/frame_walker.h"

namespace tidemark::rpc {

class StreamLimit {
 public:
  static constexpr int64_t kAnsweredMin = 16;

  // gRPC announces `streams_max`, which stays the bound.
  StreamLimit(uint64_t streams_max, CallPressure& pressure)
      : streams_max_(streams_max), pressure_(pressure), announced_(streams_max) {}
  ~StreamLimit();
  StreamLimit(const StreamLimit&) = delete;
  StreamLimit& operator=(const StreamLimit&) = delete;

  // The client made a call.
  void Opened(uint32_t stream, int64_t now_nanos) ABSL_LOCKS_EXCLUDED(mu_);
  // The client gave one up.
  void Reset(uint32_t stream, int64_t now_nanos) ABSL_LOCKS_EXCLUDED(mu_);
  // The server sent `bytes`.
  void Sent(absl::string_view bytes, int64_t now_nanos) ABSL_LOCKS_EXCLUDED(mu_);

  // A frame to be sent now, before anything else; empty: none. It counts as sent.
  std::string Announce() ABSL_LOCKS_EXCLUDED(mu_);
  // It could not be sent, not even a part of it.
  void NotAnnounced() ABSL_LOCKS_EXCLUDED(mu_);
  // The client acknowledged settings. True: those of Announce.
  bool Acknowledged() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Stream {
    bool is_short = true;
  };
  // What CallPressure is told.
  struct Changes {
    int64_t shorts = 0;
    int64_t ended = 0;
  };
  void EndLocked(uint32_t stream, Changes& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeSentLocked(const FrameHead& head, Changes& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountEndedLocked(int64_t ended, int64_t now_nanos) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TellLocked(const Changes& changes, int64_t now_nanos) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const uint64_t streams_max_;
  CallPressure& pressure_;
  mutable absl::Mutex mu_;  // Leaf.
  FrameWalker sent_ ABSL_GUARDED_BY(mu_){0};
  absl::flat_hash_map<uint32_t, Stream> open_ ABSL_GUARDED_BY(mu_);
  int64_t shorts_ ABSL_GUARDED_BY(mu_) = 0;
  // Calls that ended in the present second, as this connection counts them, and in the one before.
  int64_t second_began_nanos_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t ended_now_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t ended_before_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t announced_ ABSL_GUARDED_BY(mu_);
  uint64_t announced_before_ ABSL_GUARDED_BY(mu_) = 0;
  // Frames of settings, in the order in which they were sent: how many, and which of them are ours.
  uint64_t settings_sent_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t settings_acknowledged_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<uint64_t> ours_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::rpc
