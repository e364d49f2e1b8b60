// Cutting: which part of a stored batch a reader gets. The whole batch, untouched, in the common
// case; otherwise slices of its bytes, so that nothing is copied or encoded again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "server/log/filter.h"
#include "server/storage/batch_codec.h"

namespace tidemark::log {

// Events of one batch, as they are sent.
struct EventSlice {
  storage::BatchHeader header;                       // Of the batch it was cut from.
  Offset base_offset;                                // Of the first event.
  uint32_t count = 0;                                // 0: nothing matched.
  std::vector<uint64_t> offset_deltas;               // Empty when dense.
  absl::InlinedVector<absl::string_view, 1> pieces;  // Encoded `events`, in order.
  uint64_t bytes = 0;                                // Of all pieces.
  std::optional<uint32_t> events_crc32c;             // When it is the whole batch.
  Offset next;  // Where reading goes on; past what was looked at, also when nothing matched.
  std::vector<std::shared_ptr<const void>> owners;  // Keep the pieces alive.
};

struct CutLimits {
  Offset from;
  Offset until;
  uint64_t bytes_max = UINT64_MAX;   // But at least one event.
  uint64_t events_max = UINT64_MAX;  // At least 1.
  bool without_data = false;
};

// The events of `batch` in [from, until) that match, up to the limits. Requires that the batch
// holds `from`.
// DATA_LOSS  the events cannot be walked.
absl::StatusOr<EventSlice> CutBatch(const storage::StoredBatch& batch, const Filter& filter,
                                    const CutLimits& limits);

}  // namespace tidemark::log
