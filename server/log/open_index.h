// OpenIndex: the part of a partition's index that is not on disk yet, the newest batches.
//
// Terms.     begin: the oldest offset it covers; it knows every batch from there to the end of the
//            partition. Sealed: in the store (index_sealer.h).
// Invariant. Batches follow one another without a hole, from `begin` on.
// Threads.   Guarded by its partition, which makes a batch visible here in the same step as to
//            readers.
// Cost.      8 bytes an event with a key, about 100 a batch; looking for a key compares 8 bytes an
//            event, about 1 ms for a million.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "server/base/ids.h"
#include "server/log/event_terms.h"
#include "server/log/open_budget.h"
#include "server/storage/batch_codec.h"

namespace tidemark::log {

// What a query looks for: one of the keys, or else one of the types.
struct TermQuery {
  std::vector<std::string> keys;
  std::vector<std::string> types;
  std::vector<std::string> prefixes;  // Of types.
  std::vector<uint64_t> key_hashes;   // Of `keys`.
  bool by_keys() const { return !keys.empty(); }
  bool MatchesType(absl::string_view type) const;
};

// Half-open offsets of a batch.
struct OffsetSpan {
  Offset from;
  Offset until;
  friend bool operator==(const OffsetSpan&, const OffsetSpan&) = default;
};

// False: no event of a batch of `count` events, but for its first `skip` ones, has a key with this
// hash.
bool MayHoldKey(absl::Span<const uint64_t> key_hashes, uint32_t count, uint64_t key_hash,
                uint64_t skip);

class OpenIndex {
 public:
  // Covers nothing, from `begin` on. `budget` may be null.
  OpenIndex(Offset begin, std::shared_ptr<OpenBudget> budget)
      : begin_(begin), budget_(std::move(budget)) {}
  ~OpenIndex() { Clear(begin_); }
  OpenIndex(const OpenIndex&) = delete;
  OpenIndex& operator=(const OpenIndex&) = delete;

  Offset begin() const { return begin_; }
  Offset end() const { return batches_.empty() ? begin_ : batches_.back().end(); }
  int64_t bytes() const { return bytes_; }

  // Adds the next batch; requires that it begins at end().
  void Add(const storage::BatchHeader& batch, BatchTerms terms);
  // Adds a batch in front; requires that it ends at begin().
  void AddInFront(const storage::BatchHeader& batch, BatchTerms terms);
  // Forgets everything and covers nothing, from `begin` on.
  void Clear(Offset begin);
  // Forgets what lies below `offset`; requires a batch's base or end().
  void DropBelow(Offset offset);

  // One step of a search from low to high offsets, or from high to low: appends the spans of
  // matching batches within [from, until) to `found` until `matches_max` are in it or about
  // `kStepEvents` events were compared. Returns where the next step goes on: it has looked at
  // [from, that) forward, at [that, until) backward. Requires begin() <= from.
  Offset SearchForward(const TermQuery& query, Offset from, Offset until, size_t matches_max,
                       std::vector<OffsetSpan>& found) const;
  Offset SearchBackward(const TermQuery& query, Offset from, Offset until, size_t matches_max,
                        std::vector<OffsetSpan>& found) const;

  // As SearchForward for one key, for counting: a batch that may hold the key only before `from` is
  // left out where that can be told.
  Offset FindKey(uint64_t key_hash, Offset from, Offset until,
                 std::vector<OffsetSpan>& found) const;

  // One step of a walk over the types of batches that begin in [from, until); the type of a batch
  // that could not be read is empty. Returns where the next step goes on.
  using TypeVisitor = absl::FunctionRef<void(absl::string_view type, uint32_t count, Offset base,
                                             uint64_t append_time_us)>;
  Offset WalkTypes(Offset from, Offset until, TypeVisitor visit) const;

  // Bounds the time for which a step holds the partition's lock: about 50 us.
  static constexpr size_t kStepEvents = 64 << 10;

 private:
  using TypeId = uint32_t;
  struct TypeCount {
    TypeId type;
    uint32_t count;
  };
  struct Batch {
    Offset base;
    uint32_t count = 0;
    uint64_t append_time_us = 0;
    std::vector<uint64_t> key_hashes;
    absl::InlinedVector<TypeCount, 2> types;
    bool unread = false;
    Offset end() const { return base + count; }
  };
  struct Type {
    std::string name;
    uint64_t batches = 0;  // That refer to it; 0: its place is free.
  };
  // A query with what it means here, worked out once for a step.
  struct Prepared {
    std::vector<bool> types;  // By TypeId: wanted.
    absl::flat_hash_set<uint64_t> hashes;
  };

  Batch MakeBatch(const storage::BatchHeader& header, BatchTerms terms);
  TypeId Intern(absl::string_view type);
  void Forget(const Batch& batch);
  void Account(int64_t bytes);
  static int64_t BytesOf(const Batch& batch);
  Prepared Prepare(const TermQuery& query) const;
  bool Matches(const Batch& batch, const TermQuery& query, const Prepared& prepared) const;
  // The number of the batch that holds `offset`, or of the first one behind it.
  size_t IndexOf(Offset offset) const;

  Offset begin_;
  std::deque<Batch> batches_;
  std::vector<Type> types_;
  std::vector<TypeId> free_types_;
  absl::flat_hash_map<std::string, TypeId> type_ids_;
  int64_t bytes_ = 0;
  std::shared_ptr<OpenBudget> budget_;
};

}  // namespace tidemark::log
