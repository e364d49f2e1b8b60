#include "server/storage/superseded.h"

namespace tidemark::storage {

void Superseded::Add(const std::vector<SupersededBatch>& batches) {
  absl::MutexLock lock(&mu_);
  for (const SupersededBatch& batch : batches) {
    batches_[batch.data_key] = {.compression = batch.compression, .bytes = batch.bytes};
  }
  count_.store(batches_.size(), std::memory_order_release);
}

void Superseded::Remove(const std::vector<std::string>& data_keys) {
  absl::MutexLock lock(&mu_);
  for (const std::string& key : data_keys) batches_.erase(key);
  count_.store(batches_.size(), std::memory_order_release);
}

bool Superseded::Contains(absl::string_view data_key) const {
  if (empty()) return false;
  absl::ReaderMutexLock lock(&mu_);
  return batches_.contains(data_key);
}

std::vector<std::string> Superseded::All() const {
  std::vector<std::string> keys;
  absl::ReaderMutexLock lock(&mu_);
  keys.reserve(batches_.size());
  for (const auto& [key, batch] : batches_) keys.push_back(key);
  return keys;
}

Superseded::Part Superseded::Within(Compression family, absl::string_view first,
                                    absl::string_view last) const {
  Part part;
  if (empty()) return part;
  absl::ReaderMutexLock lock(&mu_);
  for (auto it = batches_.lower_bound(first); it != batches_.end() && it->first <= last; ++it) {
    if (it->second.compression != family) continue;
    part.data_keys.push_back(it->first);
    part.bytes += it->second.bytes;
  }
  return part;
}

}  // namespace tidemark::storage
