// Decoding an AppendRequest: one pass over the wire bytes checks everything, finds each event's
// partition, and leaves the events where they are.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "server/log/append_request.h"
#include "server/log/catalog.h"
#include "server/rpc/limits.h"
#include "server/rpc/request_bytes.h"

namespace tidemark::rpc {

// INVALID_ARGUMENT, OUT_OF_RANGE, NOT_FOUND, UNIMPLEMENTED  as in the contract of Append, naming
// the field. `spread` chooses the partition of events without a key, modulo the topic's count.
// `is_message` (may be null) becomes false if the bytes cannot be walked as a message at all.
absl::StatusOr<log::AppendRequest> DecodeAppend(std::shared_ptr<RequestBytes> request,
                                                const RpcLimits& limits,
                                                const log::Catalog& catalog, uint32_t spread,
                                                bool* is_message = nullptr);

}  // namespace tidemark::rpc
