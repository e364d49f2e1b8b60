// Looking into encoded events without decoding them: one pass finds type and key and checks the
// rest. Stored bytes are wire bytes, so this is the only code of the log that knows an event's
// fields (rpc/ asserts that the numbers are the contract's).
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tidemark::log {

// Field numbers of tidemark.v1.Event and of `events` in EventBatch and AppendRequest.
inline constexpr uint32_t kEventIdField = 1;
inline constexpr uint32_t kEventTypeField = 2;
inline constexpr uint32_t kEventSourceField = 3;
inline constexpr uint32_t kEventKeyField = 4;
inline constexpr uint32_t kEventTimeField = 5;
inline constexpr uint32_t kEventContentTypeField = 6;
inline constexpr uint32_t kEventDataField = 7;
inline constexpr uint32_t kEventAttributesField = 8;
inline constexpr uint32_t kEventsField = 2;

struct EventLimits {
  uint64_t event_bytes_max = 1 << 20;
  uint64_t type_bytes_max = 200;
  uint64_t key_bytes_max = 1024;
  uint64_t id_bytes_max = 256;
  uint64_t source_bytes_max = 1024;
  uint64_t content_type_bytes_max = 256;
  uint64_t attributes_max = 64;
  uint64_t attribute_name_bytes_max = 200;
  uint64_t attribute_value_bytes_max = 4096;
};

// What routing, indexes and filters need of an event. Points into the event's bytes.
struct EventView {
  absl::string_view type;
  absl::string_view key;
};

// Checks one encoded event from a client. `index` names it in errors ("events[3]"). `data_bytes`:
// of the data field, if the caller left it out of `event`. INVALID_ARGUMENT  malformed, without a
// type, not UTF-8, or over a limit; names field, limit and
//                   value.
absl::Status CheckEvent(absl::string_view event, const EventLimits& limits, size_t index,
                        EventView& view, uint64_t data_bytes = 0);

// Finds type and key of a stored event, which was checked when it came in.
// DATA_LOSS  it is malformed all the same.
absl::Status ViewEvent(absl::string_view event, EventView& view);

// True if `type` may name an event type: 1 to limit bytes of plain UTF-8 without '*'.
absl::Status CheckType(absl::string_view type, uint64_t type_bytes_max, absl::string_view field);

}  // namespace tidemark::log
