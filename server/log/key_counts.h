// KeyCounts: how many events a key has, for conditions.
//
// How.       A count is known up to an offset. What came since is found by the hashes of keys that
//            travel with every batch (event_terms.h): in the open part of the index, in batches
//            that are being committed, and in the request's own group; where the hash is, the bytes
//            are counted. So the state that a commit sees is counted exactly, without the disk, and
//            requests without conditions leave no trace here.
// Terms.     At hand: known up to an offset from which on everything is in memory.
// Bounds.    kKeyCountsBytes of counts used lately.
// Threads.   Safe from any thread. What may wait for the disk says so.
// Lifetime.  What is passed to the constructor outlives it.
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/log/event_index.h"
#include "server/log/key_condition.h"
#include "server/log/partition_reader.h"
#include "server/log/partition_table.h"

namespace tidemark::log {

// Events of `key` among the encoded `events` that begin at offset `base`, from `from` on.
uint64_t CountKeyIn(absl::string_view events, Offset base, absl::string_view key, Offset from);

class KeyCounts {
 public:
  KeyCounts(const EventIndex& index, const PartitionReader& reader, PartitionTable& partitions,
            size_t bytes_max)
      : index_(index), reader_(reader), partitions_(partitions), bytes_max_(bytes_max) {}

  // True: `condition` is at hand now. Never waits for the disk.
  bool Find(KeyCondition& condition) ABSL_LOCKS_EXCLUDED(mu_);
  // Brings it to hand. May wait for the disk, and read what the index lacks after a start.
  // DATA_LOSS, UNAVAILABLE, NOT_FOUND  see EventIndex::CountKey.
  absl::Status Load(KeyCondition& condition) ABSL_LOCKS_EXCLUDED(mu_);

  // The count of everything published or staged in the partition, for who prepares commits. Waits
  // for the disk only if since the condition came to hand its place was sealed, or a batch with the
  // key has left the tail.
  absl::StatusOr<KeyCount> CountStaged(const KeyCondition& condition) ABSL_LOCKS_EXCLUDED(mu_);

  void Remember(LogId log, absl::string_view key, KeyCount count) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    LogId log;
    std::string key;
    KeyCount count;
  };
  using Uses = std::list<Entry>;
  using Place = std::pair<LogId, absl::string_view>;
  static size_t BytesOf(const Entry& entry);

  std::optional<KeyCount> Recall(LogId log, absl::string_view key) ABSL_LOCKS_EXCLUDED(mu_);
  // Adds what is in `place`. OUT_OF_RANGE: it can no longer be read, or not all of it.
  absl::Status AddPlace(const Partition& partition, absl::string_view key,
                        const Partition::KeyPlace& place, KeyCount& count) const;

  const EventIndex& index_;
  const PartitionReader& reader_;
  PartitionTable& partitions_;
  const size_t bytes_max_;
  absl::Mutex mu_;  // Leaf.
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  Uses uses_ ABSL_GUARDED_BY(mu_);                                            // Newest use first.
  absl::flat_hash_map<Place, Uses::iterator> by_place_ ABSL_GUARDED_BY(mu_);  // Of uses_' keys.
};

}  // namespace tidemark::log
