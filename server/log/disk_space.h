// DiskSpace: whether the disk has room for what is to be written, so that no commit meets a full
// one.
//
// Why ahead. A commit that fails for want of space leaves its fate unknown, and the store refuses
//            all writes until it is opened again. What is refused before is only refused, and is
//            taken again when there is space.
// Terms.     Appends stop below free_min. What else is written (acks, offsets, settings, deletions,
//            retention) is small and may be what makes space: it stops below a quarter of that.
// Threads.   Safe from any thread; never blocking, but for looks, which ask the file system.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "server/storage/store.h"

namespace tidemark::log {

class DiskSpace {
 public:
  // With free_min 0 there is always room. The store outlives this.
  DiskSpace(const storage::Store& store, uint64_t free_min) : store_(store), free_min_(free_min) {}

  // Asks the file system. To be called some times a second: what is written between looks has to
  // fit into a quarter of free_min. One that does not answer changes nothing.
  void Look();
  // The same where little is left above free_min. To be called after each commit: near the limit
  // the time between looks is too long, what is written meanwhile may be all that is left.
  void LookIfNear() {
    if (free_bytes() / kNear < free_min_) Look();
  }

  // RESOURCE_EXHAUSTED  DISK_FULL: there is no room for appends.
  absl::Status CheckAppend() const { return Check(free_min_); }
  // RESOURCE_EXHAUSTED  DISK_FULL: there is no room for anything.
  absl::Status CheckSmall() const { return Check(free_min_ / 4); }

  // At the last look.
  uint64_t free_bytes() const { return free_.load(std::memory_order_relaxed); }

 private:
  // Near: so many times free_min, or less.
  static constexpr uint64_t kNear = 8;

  absl::Status Check(uint64_t least) const {
    return free_bytes() >= least ? absl::OkStatus() : Full(least);
  }
  absl::Status Full(uint64_t least) const;

  const storage::Store& store_;
  const uint64_t free_min_;
  std::atomic<uint64_t> free_ = UINT64_MAX;
};

}  // namespace tidemark::log
