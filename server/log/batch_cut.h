// Cutting: which part of a stored batch a reader gets. The whole batch, untouched, in the common
// case; otherwise slices of its bytes, so that nothing is copied or encoded again. Only where
// events are to come in another order than they lie (backward), or without their data, are bytes
// copied.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "server/log/direction.h"
#include "server/log/filter.h"
#include "server/log/gap_reason.h"
#include "server/storage/batch_codec.h"

namespace tidemark::log {

// Events of one batch, as they are sent.
struct EventSlice {
  storage::BatchHeader header;                       // Of the batch it was cut from.
  Offset base_offset;                                // Of the first event.
  uint32_t count = 0;                                // 0: nothing matched.
  bool descending = false;                           // Newest first: offsets fall.
  std::vector<uint64_t> offset_deltas;               // From base_offset; empty when dense.
  absl::InlinedVector<absl::string_view, 1> pieces;  // Encoded `events`, in order.
  uint64_t bytes = 0;                                // Of all pieces.
  std::optional<uint32_t> events_crc32c;             // When it is the whole batch.
  // Set if erased or compacted events are nearest: then there is nothing else in it. Half-open.
  struct Erased {
    Offset from;
    Offset until;
    GapReason reason = GapReason::kErased;
  };
  std::optional<Erased> erased;
  // Where reading goes on, past what was looked at, also when nothing matched: the next `from`, or
  // backward the next `until`.
  Offset next;
  std::vector<std::shared_ptr<const void>> owners;  // Keep the pieces alive.

  // Of event `i`.
  Offset OffsetAt(uint32_t i) const {
    const uint64_t delta = offset_deltas.empty() ? i : offset_deltas[i];
    return Offset(descending ? base_offset.value() - delta : base_offset.value() + delta);
  }
};

struct CutLimits {
  Offset from;
  Offset until;
  uint64_t bytes_max = UINT64_MAX;   // But at least one event.
  uint64_t events_max = UINT64_MAX;  // At least 1.
  bool without_data = false;
  // Erased events count as such that do not match. With a filter compacted ones always do: nobody
  // can say which of them would have matched, and the newest of each key is there.
  bool pass_erased = false;
  Direction direction = Direction::kForward;
};

// Where the entries of a batch begin in its bytes, from the first one on as far as somebody had to
// know: kept between cuts of one batch, so that many small cuts do not each walk it from the front.
using EntryMap = std::vector<uint32_t>;

// The events of `batch` in [from, until) that match, up to the limits: forward the first ones,
// backward the last ones, newest first; but none beyond an erased event, which is told by itself.
// Requires that the batch holds `from`; backward, that it holds until - 1. `map` is empty or what
// an earlier cut of the same batch left in it. DATA_LOSS  the events cannot be walked.
absl::StatusOr<EventSlice> CutBatch(const storage::StoredBatch& batch, const Filter& filter,
                                    const CutLimits& limits, EntryMap& map);
inline absl::StatusOr<EventSlice> CutBatch(const storage::StoredBatch& batch, const Filter& filter,
                                           const CutLimits& limits) {
  EntryMap map;
  return CutBatch(batch, filter, limits, map);
}

}  // namespace tidemark::log
