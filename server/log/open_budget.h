// OpenBudget: how much memory the open parts of a store's index occupy together, and who waits for
// it to become less or more.
//
// Threads. Safe from any thread. Add and Remove cost an atomic addition unless they cross a bound.
// Bounds.  Above `soft` bytes the sealer is woken; at `hard` bytes commits wait until it has caught
//          up, so memory stays below it but for the commit under way and what readers fill in.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace tidemark::log {

class OpenBudget {
 public:
  // A log with `segment_events` unsealed events is sealed, whatever the bytes.
  OpenBudget(int64_t soft, int64_t hard, uint64_t segment_events)
      : soft_(soft), hard_(hard), segment_events_(segment_events) {}

  void Add(int64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(int64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  int64_t soft() const { return soft_; }
  bool over() const { return bytes() > soft_; }
  uint64_t segment_events() const { return segment_events_; }

  // Waits while the hard bound is reached; not once Stop was called.
  void WaitForRoom() ABSL_LOCKS_EXCLUDED(mu_);
  // Wakes the sealer: some log has enough for a segment.
  void RequestPass() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until there is something to seal. False: Stop was called.
  bool WaitForWork() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for `pause`. False: Stop was called.
  bool Pause(absl::Duration pause) ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);
  bool stopping() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  bool HasRoomLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stopping_ || bytes() < hard_;
  }
  bool HasWorkLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return stopping_ || wanted_; }

  const int64_t soft_;
  const int64_t hard_;
  const uint64_t segment_events_;
  std::atomic<int64_t> bytes_ = 0;
  mutable absl::Mutex mu_;  // Leaf.
  bool wanted_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tidemark::log
