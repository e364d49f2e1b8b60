// WorkBudget: the memory that the work queues of a store occupy together, and its bound.
//
// When it is used up, queues read nothing more of partitions of which they have events; of the
// others they read a slice, so that none stands still for the sake of the rest.
//
// Threads. Any number.
#pragma once

#include <atomic>
#include <cstdint>

namespace tidemark::groups {

class WorkBudget {
 public:
  explicit WorkBudget(uint64_t bytes_max) : bytes_max_(static_cast<int64_t>(bytes_max)) {}

  void Change(int64_t by_bytes) { bytes_.fetch_add(by_bytes, std::memory_order_relaxed); }
  bool is_used_up() const { return bytes_.load(std::memory_order_relaxed) >= bytes_max_; }
  int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  const int64_t bytes_max_;
  std::atomic<int64_t> bytes_{0};
};

}  // namespace tidemark::groups
