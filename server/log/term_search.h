// Searching the sealed part of a log's index: which batches hold one of several terms.
//
// Threads. One at a time. Waits for the disk.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/log/direction.h"
#include "server/log/open_index.h"
#include "server/storage/term_cursor.h"

namespace tidemark::log {

// A stretch of a log, and in which order it is searched.
struct SearchRange {
  Offset low;    // The base of a batch.
  Offset until;  // Batches that begin below it.
  Direction direction = Direction::kForward;
  size_t matches_max = 1;
};

struct TermMatches {
  std::vector<Offset> bases;  // Of batches, each once, in the order of the search.
  bool complete = true;       // False: there may be more behind the last one.
};

// The first matches_max batches of the range that hold a term of `query`, and those that could not
// be read when they were indexed. `types_max` bounds how many types prefixes may stand for; empty:
// they stand for more.
// DATA_LOSS  a row is damaged.
absl::StatusOr<std::optional<TermMatches>> SearchTerms(storage::TermCursor& cursor,
                                                       const TermQuery& query,
                                                       const SearchRange& range, size_t types_max);

}  // namespace tidemark::log
