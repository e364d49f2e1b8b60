// EventBatch as it travelled: its bytes, kept once, and where the events lie in them.
//
// Invariant. Every event between first_event and events_end is well formed (Parse checks it), so
// the
//           iterator has no error to report.
// Threads.  ParseBatch and the Trim functions build it on one thread; it is constant after that.
#ifndef TIDEMARK_CLIENT_SRC_BATCH_H_
#define TIDEMARK_CLIENT_SRC_BATCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/support/slice.h"

namespace tidemark::internal {

struct BatchData {
  grpc::Slice message;  // Owns the bytes that all views here point into.
  absl::string_view topic;
  uint32_t partition = 0;
  uint64_t base_offset = 0;
  absl::Time append_time;
  uint64_t position = 0;
  // [first_event, events_end): the `events` fields, tags included, perhaps others between.
  const char* first_event = nullptr;
  const char* events_end = nullptr;
  size_t events = 0;   // From first_event on.
  size_t skipped = 0;  // Events before first_event that were trimmed.
  size_t encoded_bytes = 0;
  // The same without tags and lengths.
  size_t payload_bytes = 0;
  std::vector<uint64_t> offset_deltas;  // Of all events, trimmed ones too; empty: dense.
  std::vector<uint32_t> attempts;       // Of all events; empty: 1 each.
  bool descending = false;              // Newest first.
  bool verified = false;

  uint64_t OffsetAt(size_t index) const {
    const size_t i = skipped + index;
    const uint64_t delta = offset_deltas.empty() ? i : offset_deltas[i];
    return descending ? base_offset - delta : base_offset + delta;
  }
  // Where a reader goes on after all of it: one past the last event, descending that event itself.
  uint64_t Next() const { return OffsetAt(events - 1) + (descending ? 0 : 1); }
};

// Reads an encoded EventBatch that lies within `message`, and checks its checksum if it has one.
// DATA_LOSS  the checksum is wrong, or the bytes are no EventBatch; the message tells the place.
absl::StatusOr<std::shared_ptr<BatchData>> ParseBatch(const grpc::Slice& message,
                                                      absl::string_view encoded);

// The same of an encoded Delivery, with its attempts.
absl::StatusOr<std::shared_ptr<BatchData>> ParseDelivery(const grpc::Slice& message,
                                                         absl::string_view encoded);

// Drops the events that were read by somebody who goes on at `next`: those before it, descending
// those at or after it.
void TrimRead(uint64_t next, BatchData* batch);

// Keeps only the first `events` of them.
void TrimToSize(size_t events, BatchData* batch);

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_BATCH_H_
