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
  Offset low;
  Offset until;
  Direction direction = Direction::kForward;
  size_t matches_max = 1;
};

struct TermMatches {
  // What may match, each a part of a batch or of neighbours; disjoint, in the order of the search.
  std::vector<OffsetSpan> spans;
  // The other end of the range, or how far it was searched.
  Offset reached;
};

// The first matches_max places of the range where a term of `query` is, an erased event, of which
// nobody knows any more whether it matched, or a batch that could not be read when it was indexed.
// Places that are near are one: reading on is cheaper than another look. `types_max` bounds how
// many types prefixes may stand for; empty: they stand for more. DATA_LOSS  a row is damaged.
absl::StatusOr<std::optional<TermMatches>> SearchTerms(storage::TermCursor& cursor,
                                                       const TermQuery& query,
                                                       const SearchRange& range, size_t types_max);

}  // namespace tidemark::log
