// Encoding what an append came to.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include "absl/status/statusor.h"
#include "server/log/append_request.h"

namespace tidemark::v1 {
class AppendResponse;
}  // namespace tidemark::v1

namespace tidemark::rpc {

void FillAppendResponse(const log::AppendResult& result, const std::string& topic,
                        v1::AppendResponse& response);
// An AppendResponse.
grpc::ByteBuffer EncodeAppendResponse(const log::AppendResult& result, const std::string& topic);
// An AppendStreamResponse.
grpc::ByteBuffer EncodeAppendOutcome(const absl::StatusOr<log::AppendResult>& result,
                                     const std::string& topic);

}  // namespace tidemark::rpc
