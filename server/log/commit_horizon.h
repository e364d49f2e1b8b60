// CommitHorizon: up to which position everything committed can be read.
//
// Why.       The partitions of a group are published one after another, so a reader of several can
//            see position 9 before 8. It may not give out 9 before the horizon has reached it.
// Invariant. Once published() has answered p, every batch with a position up to p is readable in
//            its partition, and who waited for it there was told. It never falls.
// Threads.   Safe from any thread. Advance is called by one thread at a time.
#pragma once

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/ids.h"
#include "server/log/partition.h"

namespace tidemark::log {

class CommitHorizon {
 public:
  explicit CommitHorizon(Position published) : published_(published) {}

  Position published() const ABSL_LOCKS_EXCLUDED(mu_);

  // Registers `waiter` to be told once when the horizon reaches `position`. False: it has, nothing
  // is registered.
  bool Wait(Position position, std::weak_ptr<Waiter> waiter, uint32_t slot)
      ABSL_LOCKS_EXCLUDED(mu_);

  // After everything up to `position` was published. Tells who waits, without locks.
  void Advance(Position position) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Waiting {
    Position position;
    std::weak_ptr<Waiter> waiter;
    uint32_t slot;
  };
  mutable absl::Mutex mu_;  // Leaf.
  Position published_ ABSL_GUARDED_BY(mu_);
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::log
