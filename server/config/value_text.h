// Values of settings as text: sizes, durations and counts, read and written.
//
// Invariant. Parse(ToText(x)) == x for every x that Parse can return.
// Failure.   A message says only what is allowed; the caller knows which setting it is about.
#ifndef TIDEMARK_SERVER_CONFIG_VALUE_TEXT_H_
#define TIDEMARK_SERVER_CONFIG_VALUE_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tidemark::config {

// "1048576", "1024KiB", "1 MiB", "2GiB". Powers of 1024 only: MB means two things.
absl::StatusOr<uint64_t> ParseBytes(absl::string_view text);
// In the largest unit that divides it: "64MiB", "1000".
std::string BytesToText(uint64_t bytes);

// "500ms", "10s", "5min", "2h": a whole number and a unit.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);
// In the largest unit that divides it; whole milliseconds only.
std::string DurationToText(absl::Duration duration);

// "100000": digits only.
absl::StatusOr<uint64_t> ParseCount(absl::string_view text);

// "true" or "false".
absl::StatusOr<bool> ParseBool(absl::string_view text);

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_VALUE_TEXT_H_
