// What the server says beside a status code: reason, values, wrong fields, failed conditions.
//
// Every call of this library answers with a canonical absl::Status. The code is the server's; the
// message is for people and says what to do next where the code alone does not; the details ride in
// the status's payload, and DetailsOf() reads them.
//
// Threads. Pure functions.
//
//   absl::Status status = client.CreateTopic("hr").status();
//   if (!status.ok()) {
//     std::cerr << tidemark::Explain(status) << "\n";
//     if (tidemark::ReasonOf(status) == "TOPIC_EXISTS") ...
//   }
#ifndef TIDEMARK_ERRORS_H_
#define TIDEMARK_ERRORS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tidemark {

// A field that the server refused.
struct FieldViolation {
  // Its path in the request: "events[3].type".
  std::string field;
  // What is wrong: the limit and the value.
  std::string description;
};

// A condition that did not hold.
struct PreconditionViolation {
  // The kind of condition.
  std::string type;
  // What it is about: the key, or the group and partition.
  std::string subject;
  // What was expected and what is.
  std::string description;
};

// The google.rpc details of an error.
struct ErrorDetails {
  // ErrorInfo.reason, UPPER_SNAKE: stable, for programs. Empty: none given.
  std::string reason;
  // ErrorInfo.domain: "tidemark.dev" when the server said it.
  std::string domain;
  // ErrorInfo.metadata: the values, by name.
  std::map<std::string, std::string> metadata;
  // BadRequest: every refused field.
  std::vector<FieldViolation> field_violations;
  // PreconditionFailure: every condition that did not hold.
  std::vector<PreconditionViolation> failed_preconditions;
  // RetryInfo: repeat not sooner than this. Unset: the server did not say.
  std::optional<absl::Duration> retry_delay;
};

// The details of `status`; nullopt if it is OK or has none (a broken connection, for instance).
std::optional<ErrorDetails> DetailsOf(const absl::Status& status);

// DetailsOf(status)->reason, or "" without details.
std::string ReasonOf(const absl::Status& status);

// A condition on a key that did not hold, and what is.
struct FailedCondition {
  std::string topic;
  std::string key;
  std::string expected;                       // "absent", "exists" or "revision N".
  std::optional<uint64_t> actual_revision{};  // Unset: no event has the key.
};

// The conditions of an Append or Transact that did not hold; empty for other errors. Where there
// are very many the first ones.
std::vector<FailedCondition> FailedConditionsOf(const absl::Status& status);

// The status in a few lines for a terminal or a log: code, message, wrong fields, failed conditions
// and the next step.
std::string Explain(const absl::Status& status);

// What a caller does about this code: "repeat with backoff", "fix the request", ... Empty for OK.
absl::string_view NextStep(absl::StatusCode code);

}  // namespace tidemark

#endif  // TIDEMARK_ERRORS_H_
