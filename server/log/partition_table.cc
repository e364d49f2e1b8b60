#include "server/log/partition_table.h"

#include <utility>

namespace tidemark::log {

absl::StatusOr<Partition::Kept> ReadKept(const storage::Store& store, LogId log) {
  absl::StatusOr<std::optional<storage::LogStart>> cut = store.ReadLogStart(log);
  if (!cut.ok()) return cut.status();
  absl::StatusOr<std::optional<storage::BatchInfo>> first = store.FirstBatch(log);
  if (!first.ok()) return first.status();
  absl::StatusOr<std::optional<storage::BatchInfo>> last = store.LastBatch(log);
  if (!last.ok()) return last.status();
  Partition::Kept kept;
  if (cut->has_value()) {
    kept = {.ends = {.start = (*cut)->start, .end = (*cut)->end},
            .start_bytes = (*cut)->end_bytes,
            .end_bytes = (*cut)->end_bytes};
  }
  // What retention cut off has no rows, so that the first row is where the log begins. Without any
  // the log is empty, and its end is known from the last cut.
  if (!first->has_value() || !last->has_value()) {
    kept.ends.start = kept.ends.end;
    return kept;
  }
  const storage::IndexRow& oldest = (*first)->row;
  const storage::IndexRow& newest = (*last)->row;
  kept.ends = {.start = (*first)->base_offset, .end = (*last)->end_offset()};
  kept.start_bytes = oldest.log_bytes;
  kept.end_bytes = newest.log_bytes + newest.events_bytes;
  kept.oldest_time_us = oldest.append_time_us;
  return kept;
}

PartitionPtr PartitionTable::Find(LogId log) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = loaded_.find(log);
  if (it == loaded_.end()) return nullptr;
  it->second->MarkUsed();
  return it->second;
}

PartitionPtr PartitionTable::Peek(LogId log) const {
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
  std::vector<PartitionPtr> evicted;
  absl::MutexLock lock(&mu_);
  // The slot has done its work; who still holds it finds the partition in it, which is in use
  // until then.
  if (slots_.erase(log) > 0) {
    loaded_[log] = slot->partition;
    ring_.push_back(log);
    evicted = EvictLocked();
  }
  return slot->partition;
}

absl::StatusOr<PartitionPtr> PartitionTable::Load(LogId log) const {
  absl::StatusOr<Partition::Kept> kept = ReadKept(store_, log);
  if (!kept.ok()) return kept.status();
  // Damaged terms are the index's affair: it tells who asks for it, all else works.
  const absl::StatusOr<Offset> sealed = store_.Terms(log)->SealedUntil();
  return std::make_shared<Partition>(*kept, log, sealed.value_or(Offset(0)), budget_);
}

std::vector<PartitionPtr> PartitionTable::EvictLocked() {
  std::vector<PartitionPtr> evicted;
  if (keep_all_) return evicted;
  for (int visits = 0; visits < kVisitsMax && ring_.size() > cached_max_; ++visits) {
    const LogId log = ring_.front();
    ring_.pop_front();
    const auto it = loaded_.find(log);
    if (it == loaded_.end()) continue;  // Removed.
    // Only we hold it, and it is not given out while we hold the lock: nobody can act on it. Weak
    // references may be taken meanwhile, but only to take from the tail.
    if (it->second->TakeUsed() || it->second.use_count() > 1) {
      ring_.push_back(log);
      continue;
    }
    evicted.push_back(std::move(it->second));
    loaded_.erase(it);
  }
  return evicted;
}

void PartitionTable::Trim() {
  std::vector<PartitionPtr> evicted;
  absl::MutexLock lock(&mu_);
  evicted = EvictLocked();
}

void PartitionTable::KeepAll() {
  absl::MutexLock lock(&mu_);
  keep_all_ = true;
}

std::vector<PartitionPtr> PartitionTable::Loaded() const {
  absl::ReaderMutexLock lock(&mu_);
  std::vector<PartitionPtr> all;
  all.reserve(loaded_.size());
  for (const auto& [log, partition] : loaded_) all.push_back(partition);
  return all;
}

size_t PartitionTable::loaded() const {
  absl::ReaderMutexLock lock(&mu_);
  return loaded_.size();
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
