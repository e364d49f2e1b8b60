// EventIndex: which batches of a partition can hold events that a filter wants, and what there is
// of a type or a key.
//
// Terms.     Candidate: a place where something may match; its reader cuts it with the filter.
//            What is left out certainly holds nothing that matches.
//            Sealed: in the store, up to a mark (storage/terms.h). Open: in memory, from somewhere
//            below the mark to the end (open_index.h).
// Invariant. Strongly consistent: what was published before a call is taken into account.
// How.       A cursor over the sealed part is one moment of it, with its mark; then the open part
// is
//            asked from the mark on. If it begins above the mark, either more was sealed meanwhile,
//            and the call begins again, or that stretch is not in memory (after a start, or when
//            the partition was not loaded), and it is read again from its batches.
//            Only of a store older than its index that stretch is long: then everything is a
//            candidate until the sealer has caught up.
// Threads.   Safe from any thread. All calls may wait for the disk; no lock is held meanwhile.
// Failure.   Damage is DATA_LOSS and names topic and partition; reads without the index go on.
// Lifetime.  What is passed to the constructor outlives it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "server/base/ids.h"
#include "server/log/catalog.h"
#include "server/log/direction.h"
#include "server/log/filter.h"
#include "server/log/key_condition.h"
#include "server/log/partition.h"
#include "server/log/partition_reader.h"
#include "server/log/term_search.h"

namespace tidemark::log {

// Candidates within a stretch of a partition.
struct IndexWindow {
  // Half-open offsets: a part of a batch outside of which nothing in it matches, a whole batch, or
  // several that follow one another.
  struct Candidate {
    Offset from;
    Offset until;
    friend bool operator==(const Candidate&, const Candidate&) = default;
  };
  // Forward by rising, backward by falling offsets.
  std::vector<Candidate> candidates;
  // The window is [from, reached) forward and [reached, until) backward; it is complete when
  // `reached` is the other end of what was asked.
  Offset reached;
};

// Readable events of one type.
struct TypeFigures {
  uint64_t count = 0;
  uint64_t first_time_us = 0;  // append_time of the oldest.
  uint64_t last_time_us = 0;   // Of the newest.
};
using TypeTable = absl::btree_map<std::string, TypeFigures>;

// What there is of one key.
struct KeyFigures {
  uint64_t events = 0;          // That the key ever had, also those that cannot be read any more.
  std::optional<Offset> first;  // The oldest that can be read.
  Offset last;                  // The newest, readable or not.
  Offset until;                 // Everything before it is taken into account.
};

// Where an event of a key is.
struct RevisionPlace {
  enum class State {
    kFound,    // At `offset`.
    kAhead,    // There is no such event yet; `offset` is the end.
    kPassed,   // It cannot be read any more; the oldest that can has `first_revision`.
    kUnknown,  // It is among erased events of the key, where nobody can count any more.
  };
  State state = State::kFound;
  Offset offset;
  uint64_t events = 0;          // That the key ever had.
  uint64_t first_revision = 0;  // With kPassed; `events` if none can be read.
};

// What counting may still cost.
struct CountBudget {
  uint64_t bytes = UINT64_MAX;     // Of batches to be read.
  uint64_t postings = UINT64_MAX;  // Of types, one for each batch that has the type.
};

class EventIndex {
 public:
  EventIndex(const storage::Store& store, const Catalog& catalog, const PartitionReader& reader,
             std::shared_ptr<OpenBudget> budget)
      : store_(store), catalog_(catalog), reader_(reader), budget_(std::move(budget)) {}

  // The first candidates in [from, until) forward, the last ones backward; at most
  // `candidates_max`, at least 1. Requires start <= from and until <= end.
  // DATA_LOSS  the index is damaged.
  absl::StatusOr<IndexWindow> Find(const Partition& partition, const Filter& filter, Offset from,
                                   Offset until, Direction direction, size_t candidates_max) const;

  // Adds the partition's types above `after` to `types`, which keeps its `types_max` smallest.
  // DATA_LOSS    the index is damaged, or a batch whose types nobody knows can still be read.
  // UNAVAILABLE  the index of an older store is still being written.
  absl::Status AddTypes(const Partition& partition, absl::string_view after, size_t types_max,
                        TypeTable& types) const;

  // What there is of `key`, if it ever had an event. Requires that keys are indexed.
  // DATA_LOSS  as AddTypes.
  absl::StatusOr<std::optional<KeyFigures>> FindKey(const Partition& partition,
                                                    absl::string_view key) const;

  // How many events `key` ever had, up to the end. Requires that keys are indexed.
  // DATA_LOSS, NOT_FOUND, UNAVAILABLE  as AddTypes, or the partition is deleted.
  absl::StatusOr<KeyCount> CountKey(const Partition& partition, absl::string_view key) const;

  // Where the event of `key` with this revision is. Requires that keys are indexed. Costs a look at
  // the places of the key's events between it and the nearer end; reads only batches with several.
  // DATA_LOSS, NOT_FOUND, UNAVAILABLE  as AddTypes, or the partition is deleted.
  absl::StatusOr<RevisionPlace> FindRevision(const Partition& partition, absl::string_view key,
                                             uint64_t revision) const;

  // How many readable events in [from, until) match; exact at the moment of the answer. Empty: the
  // budget, from which the cost is taken, was not enough. A filter of types costs a posting for
  // each batch that has one, and reads at most the two batches that the stretch cuts; one of keys
  // reads the batches that have one (without an index of keys: all). DATA_LOSS  the index or a
  // batch is damaged. NOT_FOUND  the partition is deleted.
  absl::StatusOr<std::optional<uint64_t>> Count(const Partition& partition, const Filter& filter,
                                                Offset from, Offset until,
                                                CountBudget& budget) const;

  // False: this topic's keys are not indexed.
  bool KeysAreIndexed(const Partition& partition) const;

 private:
  // The sealed part at one moment. The open part is known from `mark` on, unless that changes.
  struct View {
    std::unique_ptr<storage::TermCursor> sealed;  // Null: all that is asked for is open.
    Offset mark;
  };
  // NOT_FOUND    the partition is deleted.
  // UNAVAILABLE  a long stretch is neither open nor sealed; it is being sealed now.
  absl::StatusOr<View> Open(const Partition& partition) const;
  // Reads the batches of [from, until) for the open part, which begins at `until`.
  absl::Status Fill(const Partition& partition, Offset from, Offset until) const;

  // What the index can be asked for `filter`; empty: everything is a candidate.
  std::optional<TermQuery> QueryOf(const Partition& partition, const Filter& filter) const;
  // One attempt each. Empty: more was sealed meanwhile, so begin again.
  absl::StatusOr<std::optional<IndexWindow>> TryFind(const Partition& partition,
                                                     const TermQuery& query,
                                                     const SearchRange& range) const;
  absl::StatusOr<std::optional<TypeTable>> TryTypes(const Partition& partition,
                                                    absl::string_view after,
                                                    size_t types_max) const;
  // Without `find_first` the first readable event is not looked for.
  absl::StatusOr<std::optional<KeyFigures>> TryKey(const Partition& partition,
                                                   const std::string& key, bool find_first) const;

  absl::StatusOr<std::optional<std::vector<OffsetSpan>>> FindSealed(const View& view,
                                                                    const TermQuery& query,
                                                                    const SearchRange& range,
                                                                    Offset& reached) const;
  absl::Status AddSealedTypes(storage::TermCursor& sealed, const Partition& partition, Offset start,
                              absl::string_view after, size_t types_max, TypeTable& types) const;
  absl::StatusOr<TypeFigures> ReadableOf(const storage::TermCursor& row, const Partition& partition,
                                         Offset start) const;
  // Of the key's events that were erased.
  absl::StatusOr<storage::KeyTotal> GoneOf(const View& view, const std::string& key) const;
  // The events of the key in a stretch of one batch. OUT_OF_RANGE  retention has passed the batch,
  // or, of an open one, it was sealed meanwhile.
  absl::StatusOr<std::vector<Offset>> OffsetsOf(const Partition& partition, const std::string& key,
                                                const OffsetSpan& span, bool sealed) const;
  // The events of the key in the open part, by rising offset. Empty: begin again.
  absl::StatusOr<std::optional<std::vector<Offset>>> OpenOffsets(const Partition& partition,
                                                                 const std::string& key,
                                                                 const View& view,
                                                                 Partition::Ends ends) const;
  // A revision to be found among the sealed events of a key.
  struct SealedSearch {
    const std::string& key;
    uint64_t revision;
    Offset start;  // Of the partition.
    Offset mark;
    storage::KeyTotal gone;
    uint64_t sealed;  // How many there were, without those that are gone.
    bool forward;     // From the first event on, of which none is missing; else from the last one.
  };
  absl::StatusOr<std::optional<RevisionPlace>> TryRevision(const Partition& partition,
                                                           const std::string& key,
                                                           uint64_t revision) const;
  absl::StatusOr<std::optional<RevisionPlace>> FindSealedRevision(const Partition& partition,
                                                                  storage::TermCursor& sealed,
                                                                  const SealedSearch& search,
                                                                  RevisionPlace place) const;
  absl::StatusOr<std::optional<Offset>> FirstOfKey(const Partition& partition,
                                                   const std::string& key, Offset from,
                                                   Offset until) const;
  struct Counted {
    bool known = true;               // False: the index cannot tell; read.
    std::optional<uint64_t> events;  // Empty: the budget is used up.
  };
  // Of a filter of types, in a stretch of whole batches.
  absl::StatusOr<Counted> CountByIndex(const Partition& partition, const Filter& filter,
                                       Offset from, Offset until, CountBudget& budget) const;
  absl::StatusOr<std::optional<uint64_t>> CountSealed(storage::TermCursor& sealed,
                                                      const Filter& filter, Offset from,
                                                      Offset until, CountBudget& budget) const;
  absl::StatusOr<uint64_t> CountRow(const storage::TermCursor& row, Offset from, Offset until,
                                    CountBudget& budget) const;
  absl::StatusOr<std::optional<uint64_t>> CountByReading(const Partition& partition,
                                                         const Filter& filter, Offset from,
                                                         Offset until, CountBudget& budget) const;
  // Says of which topic and partition an error is.
  absl::Status Annotate(const Partition& partition, absl::Status status) const;

  const storage::Store& store_;
  const Catalog& catalog_;
  const PartitionReader& reader_;
  const std::shared_ptr<OpenBudget> budget_;
};

}  // namespace tidemark::log
