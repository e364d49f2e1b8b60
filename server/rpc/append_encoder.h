// Encoding what an append came to.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include "absl/status/statusor.h"
#include "server/log/append_request.h"
#include "server/log/catalog.h"

namespace tidemark::rpc {

// Response is AppendResponse or TransactResponse. `topic` names the ranges that do not say theirs.
template <typename Response>
void FillAppendResponse(const log::AppendResult& result, const std::string& topic,
                        const log::Catalog& catalog, Response& response);
// An AppendResponse.
grpc::ByteBuffer EncodeAppendResponse(const log::AppendResult& result, const std::string& topic,
                                      const log::Catalog& catalog);
// A TransactResponse.
grpc::ByteBuffer EncodeTransactResponse(const log::AppendResult& result,
                                        const log::Catalog& catalog);
// An AppendStreamResponse.
grpc::ByteBuffer EncodeAppendOutcome(const absl::StatusOr<log::AppendResult>& result,
                                     const std::string& topic, const log::Catalog& catalog);

}  // namespace tidemark::rpc
