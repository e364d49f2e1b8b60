// A place in a topic as --from and --until name it.
#ifndef TIDEMARK_CLIENT_CLI_POSITION_H_
#define TIDEMARK_CLIENT_CLI_POSITION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tidemark::cli {

struct Position {
  enum class Kind { kEarliest, kLatest, kOffset, kTime };
  Kind kind = Kind::kEarliest;
  uint64_t offset = 0;  // kOffset
  absl::Time time{};    // kTime
};

// "earliest", "latest", an offset ("1200"), an RFC 3339 time, a date ("2026-01-31", midnight UTC),
// or a duration before `now` ("2h", "1h30m", "7d").
absl::StatusOr<Position> ParsePosition(absl::string_view text, absl::Time now);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_POSITION_H_
