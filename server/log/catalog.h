// Catalog: the topics there are.
//
// Invariant. Holds what is durable: changes arrive after their commit.
// Threads.   Safe from any thread; never blocks on the disk.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/log/topic.h"

namespace tidemark::log {

class Catalog {
 public:
  // Null if there is none.
  TopicPtr Find(absl::string_view name) const ABSL_LOCKS_EXCLUDED(mu_);
  // The newest settings of a topic; null once it is deleted.
  TopicPtr FindById(TopicId id) const ABSL_LOCKS_EXCLUDED(mu_);
  // The topic whose partition `log` is; null once it is deleted.
  TopicPtr FindByLog(LogId log) const ABSL_LOCKS_EXCLUDED(mu_);
  // At most `count` topics by name, from the first after `after` on, with names beginning `prefix`.
  std::vector<TopicPtr> List(absl::string_view after, absl::string_view prefix, size_t count) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // Partitions of all topics.
  uint64_t partitions() const ABSL_LOCKS_EXCLUDED(mu_);
  // Rises whenever a topic was made or deleted, after it can be seen here: while it stays the same,
  // the same topics exist.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // Adds a topic or replaces the settings of the one with this id.
  TopicPtr Put(storage::TopicRecord record) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(TopicId id) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;  // Leaf.
  absl::btree_map<std::string, TopicPtr> by_name_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<TopicId, TopicPtr> by_id_ ABSL_GUARDED_BY(mu_);
  absl::btree_map<LogId, TopicPtr> by_first_log_ ABSL_GUARDED_BY(mu_);
  uint64_t partitions_ ABSL_GUARDED_BY(mu_) = 0;
  std::atomic<uint64_t> version_{1};
};

}  // namespace tidemark::log
