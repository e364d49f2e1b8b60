#include "tidemark/errors.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cpp/src/status_codec.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace tidemark {
namespace internal {

absl::Status MakeStatus(int code, absl::string_view message, absl::string_view details) {
  absl::Status status(static_cast<absl::StatusCode>(code), message);
  if (!status.ok() && !details.empty()) status.SetPayload(kDetailsUrl, absl::Cord(details));
  return status;
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  return MakeStatus(status.error_code(), status.error_message(), status.error_details());
}

absl::Status WithPrefix(const absl::Status& status, absl::string_view before) {
  absl::Status result(status.code(), absl::StrCat(before, status.message()));
  status.ForEachPayload([&result](absl::string_view url, const absl::Cord& payload) {
    result.SetPayload(url, payload);
  });
  return result;
}

bool IsBrokenConnection(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return true;
    // gRPC says these of a connection that was reset; the server's own carry details.
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
      return !status.GetPayload(kDetailsUrl).has_value();
    default:
      return false;
  }
}

bool IsOverload(const absl::Status& status) {
  return status.code() == absl::StatusCode::kResourceExhausted &&
         status.GetPayload(kDetailsUrl).has_value();
}

absl::Duration RetryDelayOf(const absl::Status& status) {
  const std::optional<ErrorDetails> details = DetailsOf(status);
  return details && details->retry_delay ? *details->retry_delay : absl::ZeroDuration();
}

namespace {

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

void AddDetail(const google::protobuf::Any& any, ErrorDetails* details) {
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad_request;
  google::rpc::PreconditionFailure failure;
  google::rpc::RetryInfo retry;
  if (any.UnpackTo(&info)) {
    details->reason = info.reason();
    details->domain = info.domain();
    details->metadata.insert(info.metadata().begin(), info.metadata().end());
  } else if (any.UnpackTo(&bad_request)) {
    for (const auto& violation : bad_request.field_violations()) {
      details->field_violations.push_back({violation.field(), violation.description()});
    }
  } else if (any.UnpackTo(&failure)) {
    for (const auto& violation : failure.violations()) {
      details->failed_preconditions.push_back(
          {violation.type(), violation.subject(), violation.description()});
    }
  } else if (any.UnpackTo(&retry)) {
    details->retry_delay = FromProto(retry.retry_delay());
  }
}

}  // namespace
}  // namespace internal

std::optional<ErrorDetails> DetailsOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(internal::kDetailsUrl);
  if (!payload) return std::nullopt;
  google::rpc::Status proto;
  if (!proto.ParseFromString(std::string(*payload))) return std::nullopt;
  ErrorDetails details;
  for (const google::protobuf::Any& any : proto.details()) internal::AddDetail(any, &details);
  return details;
}

std::string ReasonOf(const absl::Status& status) {
  const std::optional<ErrorDetails> details = DetailsOf(status);
  return details ? details->reason : "";
}

std::vector<FailedCondition> FailedConditionsOf(const absl::Status& status) {
  std::vector<FailedCondition> failed;
  const std::optional<ErrorDetails> details = DetailsOf(status);
  if (!details || details->reason != "CONDITION_FAILED") return failed;
  for (const PreconditionViolation& violation : details->failed_preconditions) {
    // "topics/TOPIC/keys/KEY", "expected X, actual Y"; see proto Condition. Names have no slash.
    absl::string_view subject = violation.subject;
    absl::string_view text = violation.description;
    const size_t key = subject.find("/keys/");
    const size_t actual = text.find(", actual ");
    if (!absl::ConsumePrefix(&subject, "topics/") || key == absl::string_view::npos) continue;
    if (!absl::ConsumePrefix(&text, "expected ") || actual == absl::string_view::npos) continue;
    FailedCondition& condition = failed.emplace_back();
    condition.topic = std::string(subject.substr(0, subject.find("/keys/")));
    condition.key = std::string(subject.substr(subject.find("/keys/") + 6));
    condition.expected = std::string(text.substr(0, text.find(", actual ")));
    text.remove_prefix(text.find(", actual ") + 9);
    uint64_t revision = 0;
    if (absl::ConsumePrefix(&text, "revision ") && absl::SimpleAtoi(text, &revision)) {
      condition.actual_revision = revision;
    }
  }
  return failed;
}

absl::string_view NextStep(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return "";
    case absl::StatusCode::kInvalidArgument:
      return "fix the request; repeating it cannot succeed";
    case absl::StatusCode::kNotFound:
      return "create it, or fix the name";
    case absl::StatusCode::kAlreadyExists:
      return "look at the existing one, or choose another name";
    case absl::StatusCode::kOutOfRange:
      return "choose an offset or partition within the watermarks";
    case absl::StatusCode::kFailedPrecondition:
      return "bring the system into the state that the message asks for, then repeat";
    case absl::StatusCode::kAborted:
      return "read the state again and decide; nothing was written";
    case absl::StatusCode::kResourceExhausted:
      return "repeat after a pause; nothing was written";
    case absl::StatusCode::kUnavailable:
      return "check that tidemarkd runs at this address, and repeat with backoff";
    case absl::StatusCode::kDeadlineExceeded:
      return "it may have happened; look, or repeat what is safe to repeat";
    case absl::StatusCode::kDataLoss:
      return "stop and call for help: stored data is damaged";
    case absl::StatusCode::kUnimplemented:
      return "this server cannot do it; see the features of its server info";
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return "use other credentials";
    case absl::StatusCode::kCancelled:
      return "the caller ended it";
    default:
      return "report it with its message: it is a bug";
  }
}

std::string Explain(const absl::Status& status) {
  if (status.ok()) return "OK";
  std::string text = absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message());
  if (const std::optional<ErrorDetails> details = DetailsOf(status)) {
    for (const FieldViolation& violation : details->field_violations) {
      absl::StrAppend(&text, "\n  field ", violation.field, ": ", violation.description);
    }
    for (const PreconditionViolation& violation : details->failed_preconditions) {
      absl::StrAppend(&text, "\n  condition ", violation.type, " of ", violation.subject, ": ",
                      violation.description);
    }
    if (details->retry_delay) {
      absl::StrAppend(&text, "\n  not sooner than: ", absl::FormatDuration(*details->retry_delay));
    }
  }
  return absl::StrCat(text, "\n  next: ", NextStep(status.code()));
}

}  // namespace tidemark
