// Walking the encoded events that a request brings for one partition, in whatever pieces they lie.
//
// Threads. Plain functions on the caller's bytes; nothing is copied.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/log/append_request.h"

namespace tidemark::log {

// One entry of `events`.
struct RequestEntry {
  absl::Span<const absl::string_view> pieces;  // With tag and length; one, unless it was cut.
  uint64_t bytes = 0;                          // Of all pieces.
  absl::string_view event;                     // Without its data, where it was cut.
};

// Calls `visit` for each event of `events` in order. They were checked when they came in.
void ForEachEntry(const PartitionEvents& events,
                  absl::FunctionRef<void(const RequestEntry&)> visit);

}  // namespace tidemark::log
