// Delivery time: from when on an event is handed to the members of work queues.
//
// An event's attribute `deliverat` names a time (RFC 3339, "2026-11-26T06:30:00Z"), `delay` a
// duration from its append_time on ("30s", "1h30m"). Readers see the event at once.
// Threads. Plain functions.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/log/event_scan.h"

namespace tidemark::log {

inline constexpr absl::string_view kDeliverAtAttribute = "deliverat";
inline constexpr absl::string_view kDelayAttribute = "delay";
inline constexpr absl::Duration kDelayMax = absl::Hours(24 * 366 * 10);

// INVALID_ARGUMENT  `value` is no time between the years 1 and 9999 (deliverat), no duration of 0
//                   to kDelayMax (delay). Any other `name` is fine.
absl::Status CheckDeliveryAttribute(absl::string_view name, absl::string_view value,
                                    absl::string_view field);

// What a work queue needs of an event. Points into its bytes.
struct WorkView {
  EventView event;
  // With `deliverat` or `delay`; the later of the two if it has both.
  std::optional<absl::Time> not_before;
};

// Looks into a stored event. An attribute that is malformed (stored before it was checked) counts
// as absent.
// DATA_LOSS  the event is malformed.
absl::Status ViewWork(absl::string_view event, absl::Time append_time, WorkView& view);

}  // namespace tidemark::log
