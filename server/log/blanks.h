// Blanks: entries of a batch's `events` that stand for events which are gone. They keep the offsets
// dense, and nobody can append one, because an event has a type. A batch with blanks says so
// (BatchHeader::has_erased).
#pragma once

#include "absl/strings/string_view.h"
#include "server/log/gap_reason.h"

namespace tidemark::log {

// What such an entry contains: nothing, or one field that no event has.
inline constexpr absl::string_view kErasedBlank("", 0);
inline constexpr absl::string_view kCompactedBlank("\x78\x01", 2);

inline bool IsBlank(absl::string_view event) { return event.empty() || event == kCompactedBlank; }

// Of a blank.
inline GapReason ReasonOf(absl::string_view blank) {
  return blank.empty() ? GapReason::kErased : GapReason::kCompacted;
}

}  // namespace tidemark::log
