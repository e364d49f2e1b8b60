#include "server/storage/garbage.h"

#include <algorithm>
#include <utility>

namespace tidemark::storage {

void Garbage::Mark(EpochSpan span) {
  absl::MutexLock lock(&mu_);
  for (Epoch epoch = span.first; epoch <= span.last; ++epoch) {
    marked_.insert(epoch);
    if (epoch == Epoch(UINT32_MAX)) break;
  }
}

void Garbage::Mark(const std::vector<Epoch>& epochs) {
  absl::MutexLock lock(&mu_);
  marked_.insert(epochs.begin(), epochs.end());
}

void Garbage::AddDeleted(LogId first, uint32_t count, const std::vector<Epoch>& epochs) {
  absl::MutexLock lock(&mu_);
  marked_.insert(epochs.begin(), epochs.end());
  deleted_[first] = {.count = count, .left = {epochs.begin(), epochs.end()}};
}

bool Garbage::HasMarkedBelow(Epoch bound) const {
  absl::MutexLock lock(&mu_);
  return !marked_.empty() && *marked_.begin() < bound;
}

bool Garbage::HasMarkedBelow(Epoch bound, const absl::btree_set<Epoch>& except) const {
  absl::MutexLock lock(&mu_);
  return std::any_of(marked_.begin(), marked_.lower_bound(bound),
                     [&](Epoch epoch) { return !except.contains(epoch); });
}

bool Garbage::IsMarked(EpochSpan span) const {
  absl::MutexLock lock(&mu_);
  const auto it = marked_.lower_bound(span.first);
  return it != marked_.end() && *it <= span.last;
}

void Garbage::Unmark(EpochSpan span) {
  absl::MutexLock lock(&mu_);
  marked_.erase(marked_.lower_bound(span.first), marked_.upper_bound(span.last));
}

std::vector<Epoch> Garbage::KnownBelow(Epoch bound) const {
  absl::MutexLock lock(&mu_);
  absl::btree_set<Epoch> known(marked_.begin(), marked_.lower_bound(bound));
  for (const auto& [first, logs] : deleted_) {
    known.insert(logs.left.begin(), logs.left.lower_bound(bound));
  }
  return {known.begin(), known.end()};
}

std::vector<std::pair<LogId, uint32_t>> Garbage::Deleted() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::pair<LogId, uint32_t>> deleted;
  for (const auto& [first, logs] : deleted_) deleted.emplace_back(first, logs.count);
  return deleted;
}

void Garbage::Gone(LogId first, EpochSpan span) {
  absl::MutexLock lock(&mu_);
  const auto it = deleted_.find(first);
  if (it == deleted_.end()) return;
  absl::btree_set<Epoch>& left = it->second.left;
  left.erase(left.lower_bound(span.first), left.upper_bound(span.last));
}

std::vector<LogId> Garbage::TakeGone() {
  absl::MutexLock lock(&mu_);
  std::vector<LogId> gone;
  for (auto it = deleted_.begin(); it != deleted_.end();) {
    if (it->second.left.empty()) {
      gone.push_back(it->first);
      it = deleted_.erase(it);
    } else {
      ++it;
    }
  }
  return gone;
}

void Garbage::SetLeft(uint64_t file, const Left& left) {
  absl::MutexLock lock(&mu_);
  const auto it = left_.find(file);
  if (it != left_.end()) {
    left_bytes_ -= it->second.bytes;
    left_.erase(it);
  }
  if (left.bytes == 0) return;
  left_[file] = left;
  left_bytes_ += left.bytes;
}

void Garbage::KeepLeft(const absl::btree_set<uint64_t>& files) {
  absl::MutexLock lock(&mu_);
  for (auto it = left_.begin(); it != left_.end();) {
    if (files.contains(it->first)) {
      ++it;
    } else {
      left_bytes_ -= it->second.bytes;
      it = left_.erase(it);
    }
  }
}

bool Garbage::MarkWorthRewriting() {
  absl::MutexLock lock(&mu_);
  bool any = false;
  for (const auto& [file, left] : left_) {
    if (!left.worth_rewriting) continue;
    any = true;
    for (Epoch e = left.epochs.first; e <= left.epochs.last; ++e) marked_.insert(e);
  }
  return any;
}

uint64_t Garbage::left_bytes() const {
  absl::MutexLock lock(&mu_);
  return left_bytes_;
}

}  // namespace tidemark::storage
