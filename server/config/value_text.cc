#include "server/config/value_text.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tidemark::config {
namespace {

struct Unit {
  absl::string_view name;
  uint64_t factor;
};

// The largest first, so that the first unit which divides a value is the shortest way to write it.
constexpr Unit kByteUnits[] = {
    {"TiB", uint64_t{1} << 40},
    {"GiB", uint64_t{1} << 30},
    {"MiB", uint64_t{1} << 20},
    {"KiB", uint64_t{1} << 10},
    {"B", 1},
    {"", 1},
};
constexpr Unit kMillisecondUnits[] = {{"h", 3'600'000}, {"min", 60'000}, {"s", 1000}, {"ms", 1}};

// The number and unit of "64 MiB" multiplied; nothing if it is not one or does not fit.
template <size_t N>
std::optional<uint64_t> ParseWithUnit(absl::string_view text, const Unit (&units)[N]) {
  const auto digits_end = std::find_if_not(text.begin(), text.end(), absl::ascii_isdigit);
  const size_t digits = digits_end - text.begin();
  uint64_t number = 0;
  if (digits == 0 || absl::EndsWith(text, " ") ||
      !absl::SimpleAtoi(text.substr(0, digits), &number))
    return std::nullopt;
  const absl::string_view name = absl::StripLeadingAsciiWhitespace(text.substr(digits));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (number > std::numeric_limits<uint64_t>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

template <size_t N>
std::string FormatWithUnit(uint64_t value, const Unit (&units)[N]) {
  for (const Unit& unit : units) {
    if (unit.factor > 1 && value != 0 && value % unit.factor == 0) {
      return absl::StrCat(value / unit.factor, unit.name);
    }
  }
  return absl::StrCat(value, units[N - 1].name);
}

}  // namespace

absl::StatusOr<uint64_t> ParseBytes(absl::string_view text) {
  const std::optional<uint64_t> bytes = ParseWithUnit(text, kByteUnits);
  if (bytes.has_value()) return *bytes;
  return absl::InvalidArgumentError(
      "must be a size: a whole number of bytes, KiB, MiB, GiB or TiB, such as 1048576 or 64MiB");
}

std::string BytesToText(uint64_t bytes) { return FormatWithUnit(bytes, kByteUnits); }

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  const std::optional<uint64_t> ms = ParseWithUnit(text, kMillisecondUnits);
  constexpr uint64_t kMillisecondsMax = std::numeric_limits<int64_t>::max() / 1'000'000;
  if (ms.has_value() && *ms <= kMillisecondsMax) return absl::Milliseconds(*ms);
  return absl::InvalidArgumentError(
      "must be a duration: a whole number with ms, s, min or h, such as 500ms, 10s or 5min");
}

std::string DurationToText(absl::Duration duration) {
  return FormatWithUnit(absl::ToInt64Milliseconds(duration), kMillisecondUnits);
}

absl::StatusOr<uint64_t> ParseCount(absl::string_view text) {
  uint64_t count = 0;
  const bool digits = std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  if (digits && absl::SimpleAtoi(text, &count)) return count;
  return absl::InvalidArgumentError("must be a whole number");
}

absl::StatusOr<bool> ParseBool(absl::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return absl::InvalidArgumentError("must be true or false");
}

}  // namespace tidemark::config
