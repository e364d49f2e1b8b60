#include "server/rpc/status_mapping.h"

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/error.h"
#include "tidemark/v1/event.pb.h"

namespace tidemark::rpc {
namespace {

// For statuses that arise where no reason is known: the disk, a bug.
std::string DefaultReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kDataLoss:
      return "DATA_LOSS";
    case absl::StatusCode::kUnavailable:
      return "UNAVAILABLE";
    case absl::StatusCode::kCancelled:
      return "CANCELLED";
    default:
      return "INTERNAL";
  }
}

void AddDetails(const ErrorDetail& detail,
                google::protobuf::RepeatedPtrField<google::protobuf::Any>& details) {
  google::rpc::ErrorInfo info;
  info.set_reason(detail.reason);
  info.set_domain(kErrorDomain);
  for (const auto& [name, value] : detail.metadata) (*info.mutable_metadata())[name] = value;
  details.Add()->PackFrom(info);
  if (!detail.fields.empty()) {
    google::rpc::BadRequest bad_request;
    for (const FieldViolation& field : detail.fields) {
      auto* violation = bad_request.add_field_violations();
      violation->set_field(field.field);
      violation->set_description(field.description);
    }
    details.Add()->PackFrom(bad_request);
  }
  if (!detail.preconditions.empty()) {
    google::rpc::PreconditionFailure failure;
    for (const PreconditionViolation& precondition : detail.preconditions) {
      auto* violation = failure.add_violations();
      violation->set_type(precondition.type);
      violation->set_subject(precondition.subject);
      violation->set_description(precondition.description);
    }
    details.Add()->PackFrom(failure);
  }
  if (detail.retry_delay.has_value()) {
    google::rpc::RetryInfo retry;
    const int64_t millis = absl::ToInt64Milliseconds(*detail.retry_delay);
    retry.mutable_retry_delay()->set_seconds(millis / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(millis % 1000) * 1'000'000);
    details.Add()->PackFrom(retry);
  }
}

// Codes a client may see from us; the rest are bugs of ours.
absl::StatusCode PublicCode(absl::StatusCode code) {
  return code == absl::StatusCode::kUnknown ? absl::StatusCode::kInternal : code;
}

template <typename Message>
void Fill(const absl::Status& status, Message& message) {
  const absl::StatusCode code = PublicCode(status.code());
  message.set_code(static_cast<int>(code));
  message.set_message(std::string(status.message()));
  AddDetails(DetailOf(status).value_or(ErrorDetail{.reason = DefaultReason(code)}),
             *message.mutable_details());
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  Fill(status, details);
  return grpc::Status(static_cast<grpc::StatusCode>(details.code()), details.message(),
                      details.SerializeAsString());
}

void FillError(const absl::Status& status, v1::Error& error) { Fill(status, error); }

}  // namespace tidemark::rpc
