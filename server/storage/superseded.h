// Superseded: batches that were written again under another key (without erased or compacted
// events) and whose old bytes may still be in a file. Filled from the store's rows when it is
// opened; the filter of compactions leaves them out, and readers pass them by.
//
// Invariant. A key in it is that of no batch that the index refers to.
// Bounds.    About 90 bytes for each batch that was written again and whose file was not since.
// Threads.   Safe from any thread; compactions ask it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/records.h"

namespace tidemark::storage {

class Superseded {
 public:
  void Add(const std::vector<SupersededBatch>& batches) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(const std::vector<std::string>& data_keys) ABSL_LOCKS_EXCLUDED(mu_);
  // Costs next to nothing while there are none.
  bool Contains(absl::string_view data_key) const ABSL_LOCKS_EXCLUDED(mu_);
  bool empty() const { return count_.load(std::memory_order_acquire) == 0; }
  // By bytes.
  std::vector<std::string> All() const ABSL_LOCKS_EXCLUDED(mu_);

  // Those of one data family with keys in [first, last].
  struct Part {
    std::vector<std::string> data_keys;
    uint64_t bytes = 0;
  };
  Part Within(Compression family, absl::string_view first, absl::string_view last) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Batch {
    Compression compression;
    uint32_t bytes;
  };
  std::atomic<size_t> count_ = 0;
  mutable absl::Mutex mu_;  // Leaf.
  absl::btree_map<std::string, Batch> batches_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::storage
