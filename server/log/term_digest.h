// TermDigest: whether two accounts of which batches hold which terms are the same, in 24 bytes.
//
// How.     The sum of a hash of each posting: the order does not matter, so that rows of the index,
//          which are sorted by term, can be compared with events, which are sorted by offset,
//          without keeping either. Two different accounts have the same sum once in 2^64.
// Threads. Plain values; the hash is another one in each process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "server/log/gap_reason.h"
#include "server/storage/batch_codec.h"
#include "server/storage/key_schema.h"
#include "server/storage/terms.h"

namespace tidemark::log {

// How many entries are no events any more.
struct BlankCounts {
  uint64_t erased = 0;
  uint64_t compacted = 0;
};

// How many events keys have, as sums over parts of the keys. Two accounts that differ in one key
// differ in its part.
class KeySums {
 public:
  static constexpr size_t kParts = 4096;
  static size_t PartOf(absl::string_view key);

  void Add(absl::string_view key, uint64_t count);
  // A key lost an event, and nobody knows any more which.
  void NoteBlank(GapReason reason) {
    ++(reason == GapReason::kErased ? blanks_.erased : blanks_.compacted);
  }
  const BlankCounts& blanks() const { return blanks_; }
  // By rising number.
  std::vector<size_t> DifferentParts(const KeySums& other) const;
  friend bool operator==(const KeySums& a, const KeySums& b) { return a.sums_ == b.sums_; }

 private:
  std::vector<uint64_t> sums_ = std::vector<uint64_t>(kParts);
  BlankCounts blanks_;
};

// Visits the key of each event of a batch that has one. False: the batch cannot be walked.
bool ForKeys(const storage::StoredBatch& batch, absl::FunctionRef<void(absl::string_view)> visit);

class TermDigest {
 public:
  // `posting.count` counts only of types.
  void Add(storage::TermKind kind, absl::string_view term, const storage::Posting& posting);
  // Adds the postings of a batch's types, of its erased events and, if they are indexed, keys; to
  // `sums` keys and blanks. False: it cannot be walked, and no posting was added.
  bool AddBatch(const storage::StoredBatch& batch, bool index_keys, KeySums* sums = nullptr);

  friend bool operator==(const TermDigest&, const TermDigest&) = default;
  uint64_t types() const { return types_; }
  uint64_t keys() const { return keys_; }
  uint64_t erased() const { return erased_; }

 private:
  uint64_t types_ = 0;
  uint64_t keys_ = 0;
  uint64_t erased_ = 0;
};

}  // namespace tidemark::log
