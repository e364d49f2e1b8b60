// ProducerWindow: which (producer id, sequence) pairs were stored, exactly and for ever.
//
// Terms.     The store holds every stored pair. The window holds the pairs that are being committed
//            and not in the store yet, and the newest sequences of producers used lately.
// Threads.   Used by one thread at a time: the one that prepares commits. It may wait for the disk.
// Bounds.    producers_max newest sequences, about 200 bytes each; pairs of two commits.
#pragma once

#include <deque>
#include <list>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/storage/store.h"

namespace tidemark::log {

struct ProducerSequence {
  std::string id;
  uint64_t sequence = 0;
};

class ProducerWindow {
 public:
  ProducerWindow(const storage::Store& store, size_t producers_max)
      : store_(store), producers_max_(producers_max) {}

  // The first answer, if this pair was stored before; empty, if it may be stored now.
  // ABORTED           the sequence is not the next; names the expected one.
  // INVALID_ARGUMENT  the pair was stored with other events.
  absl::StatusOr<std::optional<storage::ProducerRecord>> Check(const ProducerSequence& producer,
                                                               uint32_t fingerprint);

  // Remembers a pair that the commit being prepared stores.
  void Add(const ProducerSequence& producer, const storage::ProducerRecord& record);
  // The commit being prepared is complete; what was added before the previous one is in the store.
  void EndGroup();

 private:
  using Pair = std::pair<std::string, uint64_t>;
  using Pairs = absl::flat_hash_map<Pair, storage::ProducerRecord>;
  struct Newest {
    std::string id;
    std::optional<uint64_t> sequence;  // Empty: nothing was ever stored.
  };

  absl::StatusOr<std::optional<storage::ProducerRecord>> Find(const ProducerSequence& producer);
  absl::StatusOr<std::optional<uint64_t>> NewestOf(const std::string& id);
  void Touch(const std::string& id, std::optional<uint64_t> sequence);

  const storage::Store& store_;
  const size_t producers_max_;
  Pairs preparing_;         // Of the commit being prepared.
  Pairs committing_;        // Of the one before it, which may still be on its way to the store.
  std::list<Newest> uses_;  // Newest use first.
  absl::flat_hash_map<absl::string_view, std::list<Newest>::iterator> newest_;  // By uses_' ids.
};

}  // namespace tidemark::log
