#include "client/cli/position.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/time_text.h"

namespace tidemark::cli {
namespace {

bool IsDigits(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(c)) return false;
  }
  return !text.empty();
}

}  // namespace

absl::StatusOr<Position> ParsePosition(absl::string_view text, absl::Time now) {
  if (text == "earliest") return Position{.kind = Position::Kind::kEarliest};
  if (text == "latest") return Position{.kind = Position::Kind::kLatest};
  if (IsDigits(text)) {
    Position position{.kind = Position::Kind::kOffset};
    if (!absl::SimpleAtoi(text, &position.offset)) {
      return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is too large for an offset"));
    }
    return position;
  }
  Position position{.kind = Position::Kind::kTime};
  if (const auto duration = ParseDurationText(text); duration.ok()) {
    position.time = now - *duration;
    return position;
  }
  constexpr size_t kDateBytes = 10;  // "2026-01-31"
  const auto time = text.size() == kDateBytes ? ParseRfc3339(absl::StrCat(text, "T00:00:00Z"))
                                              : ParseRfc3339(text);
  if (time.ok()) {
    position.time = *time;
    return position;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not earliest, latest, an offset, a time such as ",
                   "2026-01-31T08:00:00Z, or a time ago such as 2h"));
}

}  // namespace tidemark::cli
