// Decoding an AppendRequest: one pass over the wire bytes checks everything, finds each event's
// partition, and leaves the events where they are.
#pragma once

#include "absl/status/statusor.h"
#include "server/log/append_request.h"
#include "server/log/catalog.h"
#include "server/rpc/byte_buffer.h"
#include "server/rpc/limits.h"

namespace tidemark::rpc {

// INVALID_ARGUMENT, OUT_OF_RANGE, NOT_FOUND, UNIMPLEMENTED  as in the contract of Append, naming
// the field. `spread` chooses the partition of events without a key, modulo the topic's count.
absl::StatusOr<log::AppendRequest> DecodeAppend(FlatBytes request, const RpcLimits& limits,
                                                const log::Catalog& catalog, uint32_t spread);

// True if `bytes` can be walked as a message at all.
bool IsWireMessage(absl::string_view bytes);

}  // namespace tidemark::rpc
