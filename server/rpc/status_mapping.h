// The one error table: absl::Status of the layers below to what clients get.
//
// Codes are the same by name. Details are google.rpc: ErrorInfo always (domain "tidemark.dev"),
// BadRequest, PreconditionFailure and RetryInfo where the status carries them. A status without a
// detail gets the reason of its code.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace tidemark::v1 {
class Error;
}  // namespace tidemark::v1

namespace tidemark::rpc {

inline constexpr char kErrorDomain[] = "tidemark.dev";

grpc::Status ToGrpc(const absl::Status& status);
// For answers that carry an error inside a stream.
void FillError(const absl::Status& status, v1::Error& error);

}  // namespace tidemark::rpc
