#include "client/cli/time_text.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tidemark::cli {
namespace {

// absl::ParseTime is more generous than RFC 3339 ("infinite-future", five-digit years, blanks), so
// the shape is checked first.
bool HasRfc3339Shape(absl::string_view text) {
  constexpr absl::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() <= kShape.size()) return false;
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = kShape[i] == '0';
    if (digit ? !absl::ascii_isdigit(text[i]) : absl::ascii_toupper(text[i]) != kShape[i]) {
      return false;
    }
  }
  const char last = text.back();
  return absl::ascii_isdigit(last) || last == 'Z' || last == 'z';
}

bool UnitOf(char unit, absl::Duration* duration) {
  switch (unit) {
    case 's':
      *duration = absl::Seconds(1);
      return true;
    case 'm':
      *duration = absl::Minutes(1);
      return true;
    case 'h':
      *duration = absl::Hours(1);
      return true;
    case 'd':
      *duration = absl::Hours(24);
      return true;
    case 'w':
      *duration = absl::Hours(24 * 7);
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::StatusOr<absl::Time> ParseRfc3339(absl::string_view text) {
  absl::Time time;
  std::string error;
  if (!HasRfc3339Shape(text) || !absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not an RFC 3339 time such as 2026-01-31T08:00:00Z"));
  }
  static const absl::Time kFirst = absl::FromUnixSeconds(-62135596800);  // 0001-01-01T00:00:00Z
  static const absl::Time kEnd = absl::FromUnixSeconds(253402300800);    // 10000-01-01T00:00:00Z
  if (time < kFirst || time >= kEnd) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is outside the years 0001 to 9999"));
  }
  return time;
}

std::string FormatRfc3339(absl::Time time) {
  return absl::FormatTime("%E4Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

absl::StatusOr<absl::Duration> ParseDurationText(absl::string_view text) {
  const absl::Status error = absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a duration such as 90s, 2h, 1h30m or 7d"));
  absl::Duration sum = absl::ZeroDuration();
  absl::string_view rest = text;
  while (!rest.empty()) {
    size_t digits = 0;
    while (digits < rest.size() && absl::ascii_isdigit(rest[digits])) ++digits;
    int32_t count = 0;
    absl::Duration unit;
    if (digits == rest.size() || !absl::SimpleAtoi(rest.substr(0, digits), &count) ||
        !UnitOf(rest[digits], &unit)) {
      return error;
    }
    sum += count * unit;
    rest.remove_prefix(digits + 1);
  }
  if (sum <= absl::ZeroDuration()) return error;
  return sum;
}

std::string FormatDurationText(absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  if (seconds < 10) return absl::StrFormat("%.2fs", seconds);
  const auto whole = static_cast<int64_t>(seconds);
  if (whole < 60) return absl::StrCat(whole, "s");
  if (whole < 3600) return absl::StrCat(whole / 60, "m ", whole % 60, "s");
  if (whole < 86400) return absl::StrCat(whole / 3600, "h ", whole % 3600 / 60, "m");
  return absl::StrCat(whole / 86400, "d ", whole % 86400 / 3600, "h");
}

}  // namespace tidemark::cli
