#include "client/cpp/src/ack_book.h"

#include <algorithm>

namespace tidemark::internal {

void AckBook::Assign(const TopicPartitionOffset& from) {
  owned_[{from.topic, from.partition}] = {from.offset, from.offset};
}

std::optional<TopicPartitionOffset> AckBook::Drop(const Partition& partition) {
  const auto it = owned_.find(partition);
  if (it == owned_.end()) return std::nullopt;
  const TopicPartitionOffset at{partition.first, partition.second, it->second.handled};
  owned_.erase(it);
  return at;
}

void AckBook::Handled(const Partition& partition, uint64_t offset, absl::Time now) {
  Progress& progress = owned_[partition];
  progress.handled = std::max(progress.handled, offset + 1);
  if (dirty_events_++ == 0) dirty_since_ = now;
}

std::vector<TopicPartitionOffset> AckBook::TakeAcks() {
  std::vector<TopicPartitionOffset> acks;
  for (auto& [partition, progress] : owned_) {
    if (progress.handled <= progress.acked) continue;
    progress.acked = progress.handled;
    unconfirmed_[partition] = progress.handled;
    acks.push_back({partition.first, partition.second, progress.handled});
  }
  dirty_events_ = 0;
  dirty_since_ = absl::InfiniteFuture();
  return acks;
}

void AckBook::Confirm(const TopicPartitionOffset& committed) {
  const auto it = unconfirmed_.find({committed.topic, committed.partition});
  if (it != unconfirmed_.end() && it->second <= committed.offset) unconfirmed_.erase(it);
}

void AckBook::Reject(const TopicPartitionOffset& ack) {
  const Partition partition(ack.topic, ack.partition);
  unconfirmed_.erase(partition);
  owned_.erase(partition);
}

}  // namespace tidemark::internal
