#include "server/log/partition_table.h"

namespace tidemark::log {

PartitionPtr PartitionTable::Find(LogId log) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = loaded_.find(log);
  return it == loaded_.end() ? nullptr : it->second;
}

absl::StatusOr<PartitionPtr> PartitionTable::Get(LogId log) {
  if (PartitionPtr found = Find(log)) return found;
  std::shared_ptr<Slot> slot;
  {
    absl::MutexLock lock(&mu_);
    std::shared_ptr<Slot>& place = slots_[log];
    if (place == nullptr) place = std::make_shared<Slot>();
    slot = place;
  }
  absl::MutexLock loading(&slot->mu);
  if (slot->partition == nullptr) {
    absl::StatusOr<PartitionPtr> partition = Load(log);
    if (!partition.ok()) return partition.status();
    slot->partition = *std::move(partition);
  }
  absl::MutexLock lock(&mu_);
  // The slot has done its work; who still holds it finds the partition in it.
  if (slots_.erase(log) > 0) loaded_[log] = slot->partition;
  return slot->partition;
}

absl::StatusOr<PartitionPtr> PartitionTable::Load(LogId log) const {
  absl::StatusOr<std::optional<storage::BatchInfo>> first = store_.FirstBatch(log);
  if (!first.ok()) return first.status();
  if (!first->has_value()) return std::make_shared<Partition>(log, Partition::Ends{});
  absl::StatusOr<std::optional<storage::BatchInfo>> last = store_.LastBatch(log);
  if (!last.ok()) return last.status();
  return std::make_shared<Partition>(
      log, Partition::Ends{.start = (*first)->base_offset, .end = (*last)->end_offset()});
}

void PartitionTable::Remove(LogId first, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    PartitionPtr partition;
    {
      absl::MutexLock lock(&mu_);
      const auto it = loaded_.find(first + i);
      if (it == loaded_.end()) continue;
      partition = it->second;
      loaded_.erase(it);
    }
    partition->MarkDeleted();
  }
}

}  // namespace tidemark::log
