#include "client/cpp/src/ack_book.h"

#include <algorithm>

namespace tidemark::internal {

void AckBook::Assign(const TopicPartitionOffset& from) {
  owned_[{from.topic, from.partition}] = {
      .handled = from.offset, .acked = from.offset, .sent_before = sent_, .begun = {}};
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

void AckBook::Begin(const Partition& partition, uint64_t offset) {
  const auto it = owned_.find(partition);
  if (it != owned_.end()) it->second.begun.emplace_back(offset, false);
}

void AckBook::Finish(const Partition& partition, uint64_t offset, absl::Time now) {
  const auto owned = owned_.find(partition);
  if (owned == owned_.end()) return;
  auto& begun = owned->second.begun;
  const auto at = std::lower_bound(begun.begin(), begun.end(), std::make_pair(offset, false));
  if (at == begun.end() || at->first != offset) return;
  at->second = true;
  while (!begun.empty() && begun.front().second) {
    Handled(partition, begun.front().first, now);
    begun.pop_front();
  }
}

std::vector<TopicPartitionOffset> AckBook::TakeAcks() {
  std::vector<TopicPartitionOffset> acks;
  for (auto& [partition, progress] : owned_) {
    if (progress.handled <= progress.acked) continue;
    progress.acked = progress.handled;
    unconfirmed_[partition] = sent_ + 1;
    acks.push_back({partition.first, partition.second, progress.handled});
  }
  if (!acks.empty()) ++sent_;
  dirty_events_ = 0;
  dirty_since_ = absl::InfiniteFuture();
  return acks;
}

void AckBook::Confirm(const TopicPartitionOffset& committed) {
  const auto it = unconfirmed_.find({committed.topic, committed.partition});
  if (it != unconfirmed_.end() && it->second <= answered_) unconfirmed_.erase(it);
}

bool AckBook::Reject(const TopicPartitionOffset& ack) {
  const Partition partition(ack.topic, ack.partition);
  const auto unconfirmed = unconfirmed_.find(partition);
  if (unconfirmed != unconfirmed_.end() && unconfirmed->second <= answered_) {
    unconfirmed_.erase(unconfirmed);
  }
  const auto owned = owned_.find(partition);
  if (owned != owned_.end() && owned->second.sent_before >= answered_) return false;
  if (owned != owned_.end()) owned_.erase(owned);
  return true;
}

}  // namespace tidemark::internal
