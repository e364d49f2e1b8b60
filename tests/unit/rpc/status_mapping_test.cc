#include "server/rpc/status_mapping.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/error.h"

namespace tidemark::rpc {
namespace {

google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

template <typename Detail>
Detail Find(const google::rpc::Status& status) {
  Detail detail;
  for (const google::protobuf::Any& any : status.details()) {
    if (any.Is<Detail>()) any.UnpackTo(&detail);
  }
  return detail;
}

TEST(StatusMappingTest, KeepsTheCodeOfEveryCanonicalStatus) {
  for (int code = 1; code <= 16; ++code) {
    if (code == static_cast<int>(absl::StatusCode::kUnknown)) continue;
    const grpc::Status status = ToGrpc(absl::Status(static_cast<absl::StatusCode>(code), "m"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(Find<google::rpc::ErrorInfo>(Details(status)).domain(), "tidemark.dev");
  }
}

TEST(StatusMappingTest, AnswersInternalForWhatNobodyMeantToSay) {
  EXPECT_EQ(ToGrpc(absl::UnknownError("?")).error_code(), grpc::StatusCode::INTERNAL);
}

TEST(StatusMappingTest, CarriesReasonValuesFieldsAndRetryDelay) {
  const grpc::Status status =
      ToGrpc(MakeError(absl::StatusCode::kResourceExhausted, "full",
                       {.reason = "QUEUE_FULL",
                        .metadata = {{"limit", "64"}},
                        .fields = {{"events", "too many"}},
                        .preconditions = {{"TYPE", "subject", "description"}},
                        .retry_delay = absl::Milliseconds(1500)}));
  const google::rpc::Status details = Details(status);
  EXPECT_EQ(details.code(), 8);
  EXPECT_EQ(details.message(), "full");
  const auto info = Find<google::rpc::ErrorInfo>(details);
  EXPECT_EQ(info.reason(), "QUEUE_FULL");
  EXPECT_EQ(info.metadata().at("limit"), "64");
  EXPECT_EQ(Find<google::rpc::BadRequest>(details).field_violations(0).field(), "events");
  EXPECT_EQ(Find<google::rpc::PreconditionFailure>(details).violations(0).subject(), "subject");
  const auto retry = Find<google::rpc::RetryInfo>(details);
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

}  // namespace
}  // namespace tidemark::rpc
