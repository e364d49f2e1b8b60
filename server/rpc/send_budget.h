// SendBudget: how many bytes of history are in memory on their way to clients, over all streams.
//
// Why.       A client that does not read keeps what was read for it. One costs a page; thousands
//            would cost thousands.
// How.       A stream is charged for what it holds. While all together hold bytes_max, a stream
//            that holds nothing waits before it reads its next page; one that holds something goes
//            on, so nobody waits with bytes in hand. Streams that take nothing while others wait
//            are let go of by their call (crowded).
// Bounds.    bytes_max, and a page for each reader thread on top.
// Threads.   Safe from any thread. OnRoom is called on the thread that made room, with no lock of
// ours.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace tidemark::rpc {

class SendBudget {
 public:
  class Waiter {
   public:
    virtual ~Waiter() = default;
    // Once after each Enter that answered false. A lock of another stream may be held: schedule
    // the work and return.
    virtual void OnRoom() = 0;
  };

  explicit SendBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // A stream's charge changes. Letting go of bytes may wake who waits.
  void Change(uint64_t from_bytes, uint64_t to_bytes) ABSL_LOCKS_EXCLUDED(mu_);
  // True: there is room to read a page. False: `waiter` is told when there is.
  // Clients that `have_taken` something and new ones are told in turns, so that a crowd of those
  // that never will does not stand in the way.
  bool Enter(std::weak_ptr<Waiter> waiter, bool have_taken) ABSL_LOCKS_EXCLUDED(mu_);
  // After every turn that Enter or OnRoom allowed: it may not have used the room.
  void Leave() { WakeIfRoom(); }
  // Tells `waiter` now, if it waits.
  void Hurry(const Waiter* waiter) ABSL_LOCKS_EXCLUDED(mu_);

  bool crowded() const { return waiting_count_.load(std::memory_order_relaxed) > 0; }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Waiting {
    std::weak_ptr<Waiter> waiter;
    const Waiter* identity;
  };
  void WakeIfRoom() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes out who is next; null if he is gone.
  std::shared_ptr<Waiter> PopLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const uint64_t bytes_max_;
  std::atomic<uint64_t> bytes_ = 0;
  std::atomic<uint64_t> waiting_count_ = 0;  // Of both, to be looked at without the lock.
  absl::Mutex mu_;                           // Leaf.
  std::array<std::deque<Waiting>, 2> waiting_ ABSL_GUARDED_BY(mu_);  // New; have taken.
  size_t turn_ ABSL_GUARDED_BY(mu_) = 0;                             // Of waiting_.
};

}  // namespace tidemark::rpc
