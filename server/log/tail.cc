#include "server/log/tail.h"

namespace tidemark::log {
namespace {

// What a small batch costs beside its events: the objects around it.
constexpr uint64_t kOverheadBytes = 256;

}  // namespace

void TailBudget::Add(const PartitionPtr& partition, const storage::StoredBatch& batch) {
  const uint64_t bytes = batch.events.size() + kOverheadBytes;
  entries_.push_back({partition, batch.header.base_offset, bytes});
  bytes_ += bytes;
  while (bytes_ > bytes_max_) {
    const Entry& oldest = entries_.front();
    // A partition that was deleted, or trimmed beyond this batch, has dropped it already.
    if (const PartitionPtr owner = oldest.partition.lock()) owner->EvictOldest(oldest.base);
    bytes_ -= oldest.bytes;
    entries_.pop_front();
  }
}

}  // namespace tidemark::log
