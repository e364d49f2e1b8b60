#include "server/log/catalog.h"

#include <utility>

#include "absl/strings/match.h"

namespace tidemark::log {

TopicPtr Catalog::Find(absl::string_view name) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

TopicPtr Catalog::FindById(TopicId id) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

TopicPtr Catalog::FindByLog(LogId log) const {
  absl::ReaderMutexLock lock(&mu_);
  auto it = by_first_log_.upper_bound(log);
  if (it == by_first_log_.begin()) return nullptr;
  --it;
  return it->second->Holds(log) ? it->second : nullptr;
}

std::vector<TopicPtr> Catalog::List(absl::string_view after, absl::string_view prefix,
                                    size_t count) const {
  absl::ReaderMutexLock lock(&mu_);
  std::vector<TopicPtr> topics;
  auto it = after < prefix ? by_name_.lower_bound(prefix) : by_name_.upper_bound(after);
  for (; it != by_name_.end() && topics.size() < count; ++it) {
    if (!absl::StartsWith(it->first, prefix)) break;
    topics.push_back(it->second);
  }
  return topics;
}

uint64_t Catalog::partitions() const {
  absl::ReaderMutexLock lock(&mu_);
  return partitions_;
}

TopicPtr Catalog::Put(storage::TopicRecord record) {
  const auto topic = std::make_shared<const Topic>(Topic{std::move(record)});
  absl::MutexLock lock(&mu_);
  const bool is_new = !by_id_.contains(topic->id());
  if (is_new) partitions_ += topic->partitions();
  by_name_[topic->name()] = topic;
  by_id_[topic->id()] = topic;
  by_first_log_[topic->record.first_log] = topic;
  if (is_new) version_.fetch_add(1, std::memory_order_release);
  return topic;
}

void Catalog::Remove(TopicId id) {
  absl::MutexLock lock(&mu_);
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  const TopicPtr topic = it->second;
  partitions_ -= topic->partitions();
  by_name_.erase(topic->name());
  by_first_log_.erase(topic->record.first_log);
  by_id_.erase(it);
  version_.fetch_add(1, std::memory_order_release);
}

}  // namespace tidemark::log
