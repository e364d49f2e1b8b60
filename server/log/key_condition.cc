#include "server/log/key_condition.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace tidemark::log {
namespace {

// A status travels in HTTP/2 trailers, of which clients take 8 KiB, encoded a third larger.
constexpr size_t kListedBytesMax = 3 << 10;

std::string TextOf(uint64_t events) {
  return events == 0 ? "absent" : absl::StrCat("revision ", events - 1);
}

std::string Expected(const KeyCondition& condition) {
  switch (condition.expect) {
    case KeyCondition::Expect::kAbsent:
      return "absent";
    case KeyCondition::Expect::kExists:
      return "exists";
    case KeyCondition::Expect::kRevision:
      return absl::StrCat("revision ", condition.revision);
  }
  return "";
}

std::string TypeOf(const KeyCondition& condition) {
  switch (condition.expect) {
    case KeyCondition::Expect::kAbsent:
      return "KEY_ABSENT";
    case KeyCondition::Expect::kExists:
      return "KEY_EXISTS";
    case KeyCondition::Expect::kRevision:
      return "KEY_REVISION";
  }
  return "";
}

}  // namespace

bool KeyCondition::Holds(uint64_t events) const {
  switch (expect) {
    case Expect::kAbsent:
      return events == 0;
    case Expect::kExists:
      return events > 0;
    case Expect::kRevision:
      return events > 0 && events - 1 == revision;
  }
  return false;
}

absl::Status ConditionsFailed(const std::vector<FailedCondition>& failed) {
  const KeyCondition& first = *failed.front().condition;
  ErrorDetail detail{.reason = "CONDITION_FAILED",
                     .metadata = {{"topic", first.topic->name()},
                                  {"key", first.key},
                                  {"expected", Expected(first)},
                                  {"actual", TextOf(failed.front().events)},
                                  {"failed_conditions", absl::StrCat(failed.size())}}};
  size_t bytes = first.key.size();
  for (const auto& [condition, events] : failed) {
    PreconditionViolation violation{
        .type = TypeOf(*condition),
        .subject = absl::StrCat("topics/", condition->topic->name(), "/keys/", condition->key),
        .description =
            absl::StrCat("expected ", Expected(*condition), ", actual ", TextOf(events))};
    bytes += violation.type.size() + violation.subject.size() + violation.description.size();
    if (!detail.preconditions.empty() && bytes > kListedBytesMax) break;
    detail.preconditions.push_back(std::move(violation));
  }
  std::string message = absl::StrCat(detail.preconditions.front().subject, ": ",
                                     detail.preconditions.front().description);
  if (failed.size() > 1) absl::StrAppend(&message, " (", failed.size(), " conditions do not hold)");
  absl::StrAppend(&message, "; nothing was written. Read the key again and decide");
  return MakeError(absl::StatusCode::kAborted, message, std::move(detail));
}

}  // namespace tidemark::log
