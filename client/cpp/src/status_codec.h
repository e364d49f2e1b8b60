// gRPC's errors as absl::Status, their google.rpc details in its payload.
//
// Threads. Pure functions.
#ifndef TIDEMARK_CLIENT_SRC_STATUS_CODEC_H_
#define TIDEMARK_CLIENT_SRC_STATUS_CODEC_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/support/status.h"

namespace tidemark::internal {

// The payload that DetailsOf reads: an encoded google.rpc.Status.
constexpr absl::string_view kDetailsUrl = "type.googleapis.com/google.rpc.Status";

// `details`: an encoded google.rpc.Status, as in grpc-status-details-bin. Empty: none.
absl::Status MakeStatus(int code, absl::string_view message, absl::string_view details);

absl::Status FromGrpcStatus(const grpc::Status& status);

// The same status with `before` in front of its message.
absl::Status WithPrefix(const absl::Status& status, absl::string_view before);

// Whether a new connection may cure it: what is said of the connection, not of the request.
bool IsBrokenConnection(const absl::Status& status);

// Whether the server is too busy; gRPC says the same code of a message above our own limit.
bool IsOverload(const absl::Status& status);

// The pause that the server asked for, or zero.
absl::Duration RetryDelayOf(const absl::Status& status);

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_STATUS_CODEC_H_
