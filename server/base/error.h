// Errors a client can act on: an absl::Status that carries a reason, values, field paths and
// precondition violations. rpc/ turns them into google.rpc details; everybody between passes the
// status on unread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tidemark {

struct FieldViolation {
  std::string field;  // Path from the request: "events[3].type".
  std::string description;
};

struct PreconditionViolation {
  std::string type;     // "EXPECTED_OFFSET"
  std::string subject;  // "topics/hr/partitions/0"
  std::string description;
};

struct ErrorDetail {
  std::string reason;  // UPPER_SNAKE, part of the contract.
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<FieldViolation> fields;
  std::vector<PreconditionViolation> preconditions;
  std::optional<absl::Duration> retry_delay;
};

// A status with a detail. Requires a code other than OK and a reason.
absl::Status MakeError(absl::StatusCode code, absl::string_view message, ErrorDetail detail);

// The detail of a status made by MakeError.
std::optional<ErrorDetail> DetailOf(const absl::Status& status);

// INVALID_ARGUMENT about one field.
absl::Status InvalidField(absl::string_view field, absl::string_view description,
                          absl::string_view reason = "INVALID_FIELD");

// INVALID_ARGUMENT: `value` of `field` is over (or under) the limit called `limit_name`.
absl::Status OverLimit(absl::string_view field, absl::string_view limit_name, uint64_t limit,
                       uint64_t value, absl::string_view unit);

// NOT_FOUND: there is no `kind` ("topic") called `name`. `next_step` is for people.
absl::Status NoSuch(absl::string_view kind, absl::string_view name, absl::string_view next_step);

// UNIMPLEMENTED: the server has no such feature. `feature` is as in GetServerInfo.features.
absl::Status NoFeature(absl::string_view feature, absl::string_view message);

}  // namespace tidemark
