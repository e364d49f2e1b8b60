// Times and durations as people and CloudEvents write them.
#ifndef TIDEMARK_CLIENT_CLI_TIME_TEXT_H_
#define TIDEMARK_CLIENT_CLI_TIME_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tidemark::cli {

// RFC 3339 with seconds and a zone: "2026-01-31T08:00:00Z", "2026-01-31T09:00:00.25+01:00". Years
// 0001 to 9999, which is what google.protobuf.Timestamp holds.
absl::StatusOr<absl::Time> ParseRfc3339(absl::string_view text);

// RFC 3339 in UTC with as many decimals as are not zero.
std::string FormatRfc3339(absl::Time time);

// A duration for people: "90s", "2h", "1h30m", "7d", "2w". More than zero.
absl::StatusOr<absl::Duration> ParseDurationText(absl::string_view text);

// At most two units: "3d 4h", "12m 5s", "0.25s".
std::string FormatDurationText(absl::Duration duration);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_TIME_TEXT_H_
