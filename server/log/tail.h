// TailBudget: keeps the tails of all partitions of a store together under one number of bytes, by
// evicting the oldest batch of the store first.
//
// Threads. Used by one thread at a time: the one that publishes commits.
#pragma once

#include <deque>
#include <memory>

#include "server/log/partition.h"

namespace tidemark::log {

class TailBudget {
 public:
  explicit TailBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // Accounts for a batch just published in `partition`, then evicts what is over the budget. One
  // batch larger than the budget leaves at once.
  void Add(const PartitionPtr& partition, const storage::StoredBatch& batch);

  uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::weak_ptr<Partition> partition;
    Offset base;
    uint64_t bytes;
  };
  const uint64_t bytes_max_;
  uint64_t bytes_ = 0;
  std::deque<Entry> entries_;  // In the order of publishing, as in each partition's tail.
};

}  // namespace tidemark::log
