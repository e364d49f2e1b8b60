#include "server/base/error.h"

#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "server/base/check.h"

namespace tidemark {
namespace {

constexpr char kPayloadUrl[] = "tidemark.dev/error-detail";

// The payload: strings with their lengths in front, in a fixed order with counts.
void Put(std::string& out, absl::string_view text) {
  const uint32_t size = text.size();
  out.append(reinterpret_cast<const char*>(&size), sizeof(size));
  out.append(text.data(), text.size());
}
void PutCount(std::string& out, size_t count) { Put(out, std::to_string(count)); }

class Taker {
 public:
  explicit Taker(absl::string_view in) : in_(in) {}
  std::string Take() {
    uint32_t size = 0;
    TM_CHECK_GE(in_.size(), sizeof(size));
    std::memcpy(&size, in_.data(), sizeof(size));
    in_.remove_prefix(sizeof(size));
    std::string text(in_.substr(0, size));
    in_.remove_prefix(size);
    return text;
  }
  size_t TakeCount() { return std::stoul(Take()); }

 private:
  absl::string_view in_;
};

}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view message, ErrorDetail detail) {
  TM_CHECK(code != absl::StatusCode::kOk);
  TM_CHECK(!detail.reason.empty());
  std::string payload;
  Put(payload, detail.reason);
  PutCount(payload, detail.metadata.size());
  for (const auto& [name, value] : detail.metadata) {
    Put(payload, name);
    Put(payload, value);
  }
  PutCount(payload, detail.fields.size());
  for (const FieldViolation& violation : detail.fields) {
    Put(payload, violation.field);
    Put(payload, violation.description);
  }
  PutCount(payload, detail.preconditions.size());
  for (const PreconditionViolation& violation : detail.preconditions) {
    Put(payload, violation.type);
    Put(payload, violation.subject);
    Put(payload, violation.description);
  }
  Put(payload,
      detail.retry_delay ? std::to_string(absl::ToInt64Milliseconds(*detail.retry_delay)) : "");
  absl::Status status(code, message);
  status.SetPayload(kPayloadUrl, absl::Cord(payload));
  return status;
}

std::optional<ErrorDetail> DetailOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return std::nullopt;
  const std::string bytes(*payload);
  Taker taker(bytes);
  ErrorDetail detail;
  detail.reason = taker.Take();
  for (size_t n = taker.TakeCount(); n > 0; --n) {
    std::string name = taker.Take();
    std::string value = taker.Take();
    detail.metadata.emplace_back(std::move(name), std::move(value));
  }
  for (size_t n = taker.TakeCount(); n > 0; --n) {
    FieldViolation& violation = detail.fields.emplace_back();
    violation.field = taker.Take();
    violation.description = taker.Take();
  }
  for (size_t n = taker.TakeCount(); n > 0; --n) {
    PreconditionViolation& violation = detail.preconditions.emplace_back();
    violation.type = taker.Take();
    violation.subject = taker.Take();
    violation.description = taker.Take();
  }
  const std::string delay_ms = taker.Take();
  if (!delay_ms.empty()) detail.retry_delay = absl::Milliseconds(std::stoll(delay_ms));
  return detail;
}

absl::Status InvalidField(absl::string_view field, absl::string_view description,
                          absl::string_view reason) {
  return MakeError(absl::StatusCode::kInvalidArgument, absl::StrCat(field, ": ", description),
                   {.reason = std::string(reason),
                    .metadata = {{"field", std::string(field)}},
                    .fields = {{std::string(field), std::string(description)}}});
}

absl::Status OverLimit(absl::string_view field, absl::string_view limit_name, uint64_t limit,
                       uint64_t value, absl::string_view unit) {
  const std::string description = absl::StrCat(value, " ", unit, " where ", limit_name, " is ",
                                               limit, value > limit ? "" : " at least");
  return MakeError(absl::StatusCode::kInvalidArgument, absl::StrCat(field, ": ", description),
                   {.reason = "LIMIT_EXCEEDED",
                    .metadata = {{"field", std::string(field)},
                                 {"limit_name", std::string(limit_name)},
                                 {"limit", std::to_string(limit)},
                                 {"value", std::to_string(value)}},
                    .fields = {{std::string(field), description}}});
}

absl::Status NoSuch(absl::string_view kind, absl::string_view name, absl::string_view next_step) {
  return MakeError(absl::StatusCode::kNotFound,
                   absl::StrCat(kind, " \"", name, "\" does not exist", next_step),
                   {.reason = absl::StrCat(absl::AsciiStrToUpper(kind), "_NOT_FOUND"),
                    .metadata = {{std::string(kind), std::string(name)}}});
}

absl::Status NoFeature(absl::string_view feature, absl::string_view message) {
  return MakeError(
      absl::StatusCode::kUnimplemented, message,
      {.reason = "FEATURE_NOT_AVAILABLE", .metadata = {{"feature", std::string(feature)}}});
}

}  // namespace tidemark
