// TermDigest: whether two accounts of which batches hold which terms are the same, in 16 bytes.
//
// How.     The sum of a hash of each posting: the order does not matter, so that rows of the index,
//          which are sorted by term, can be compared with events, which are sorted by offset,
//          without keeping either. Two different accounts have the same sum once in 2^64.
// Threads. Plain values; the hash is another one in each process.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/storage/batch_codec.h"
#include "server/storage/key_schema.h"
#include "server/storage/terms.h"

namespace tidemark::log {

class TermDigest {
 public:
  // `posting.count` counts only of types.
  void Add(storage::TermKind kind, absl::string_view term, const storage::Posting& posting);
  // Adds the postings of a batch's types and, if they are indexed, keys. False: it cannot be
  // walked, and nothing was added.
  bool AddBatch(const storage::StoredBatch& batch, bool index_keys);

  friend bool operator==(const TermDigest&, const TermDigest&) = default;
  uint64_t types() const { return types_; }
  uint64_t keys() const { return keys_; }

 private:
  uint64_t types_ = 0;
  uint64_t keys_ = 0;
};

}  // namespace tidemark::log
