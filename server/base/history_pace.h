// HistoryPace: how much of their time the threads that read history may work while others are
// delivered live events.
//
// Why.       Who replays everything takes a processor here, and one more at the client's; a live
//            event then waits for each of the threads on its way. Low priority is not enough:
//            sending has none, and a processor is not taken away from who has it at once.
// Terms.     Live: somebody who has caught up was given something in the last kLiveFor. Wait: how
//            long work for live readers waited for one of their threads. Late: longer than kLate.
//            Share: the part of their time that history's threads work; the rest they rest.
// How.       While nobody is live, history goes at full speed. While somebody is, a wait that is
//            not late raises the share a little and a late one halves it, so that it settles where
//            about one in 200 is late: at full speed where there are processors for everybody, at
//            little where there are not.
// Bounds.    The share is at least kShareMin, so history always moves on; and kHistoryForLive
//            bytes for each that is delivered live are read without rest, so that who replays
//            catches up, however much is appended meanwhile.
// Threads.   Safe from any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace tidemark::base {

// Times are MonotonicNanos().
class HistoryPace {
 public:
  static constexpr absl::Duration kLiveFor = absl::Milliseconds(100);
  // Some times what it takes to wake a thread whose processor sleeps.
  static constexpr absl::Duration kLate = absl::Microseconds(100);
  // Who holds back sends so much at once: a longer message keeps each processor that it passes, the
  // client's too, for longer than a live event may wait.
  static constexpr uint64_t kShortTurnBytes = 32 << 10;
  static constexpr double kShareMin = 1.0 / 64;
  static constexpr uint64_t kHistoryForLive = 8;
  static constexpr uint64_t kOwedBytesMax = 64 * kShortTurnBytes;

  // Somebody who has caught up is given so much.
  void LiveDelivered(uint64_t bytes, int64_t now_nanos);
  // Work for live readers begins, and was asked for so long ago.
  void LiveWorkBegins(absl::Duration waited, int64_t now_nanos) ABSL_LOCKS_EXCLUDED(mu_);

  // True: somebody is live, so history is to be read in short turns.
  bool holds_back(int64_t now_nanos) const {
    return now_nanos - last_live_nanos_.load(std::memory_order_relaxed) <
           absl::ToInt64Nanoseconds(kLiveFor);
  }
  // How long a thread rests that has spent so much of a processor's time on history, in one turn.
  absl::Duration RestAfter(absl::Duration worked, int64_t now_nanos) ABSL_LOCKS_EXCLUDED(mu_);

  struct Figures {
    double share = 1;
    uint64_t waits = 0;
    uint64_t late_waits = 0;  // Of these.
  };
  Figures figures() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  static constexpr int64_t kNever = INT64_MIN / 2;

  // True: the turn was owed to history.
  bool TakeOwedTurn();

  std::atomic<int64_t> last_live_nanos_ = kNever;
  std::atomic<uint64_t> owed_bytes_ = 0;  // To be read without rest; about kOwedBytesMax at most.
  mutable absl::Mutex mu_;                // Leaf.
  Figures figures_ ABSL_GUARDED_BY(mu_);
  int64_t last_halved_nanos_ ABSL_GUARDED_BY(mu_) = kNever;
};

}  // namespace tidemark::base
