// Decoding an AppendRequest: one pass over the wire bytes checks everything, finds each event's
// partition, and leaves the events where they are.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "server/groups/offset_entries.h"
#include "server/log/append_request.h"
#include "server/log/catalog.h"
#include "server/rpc/limits.h"
#include "server/rpc/request_bytes.h"

namespace tidemark::rpc {

struct DecodedAppend {
  log::AppendRequest request;
  // To become its participant (GroupCoordinator::CommitWithAppend).
  std::vector<groups::GroupOffsets> offset_commits;
};

// INVALID_ARGUMENT, OUT_OF_RANGE, NOT_FOUND, FAILED_PRECONDITION  as in the contract of Append,
// naming the field. `spread` modulo the topic's count is the partition of events without a key.
// `is_message` (may be null) becomes false if the bytes cannot be walked as a message at all.
absl::StatusOr<DecodedAppend> DecodeAppend(std::shared_ptr<RequestBytes> request,
                                           const RpcLimits& limits, const log::Catalog& catalog,
                                           uint32_t spread, bool* is_message = nullptr);

// The same of a TransactRequest.
absl::StatusOr<DecodedAppend> DecodeTransact(std::shared_ptr<RequestBytes> request,
                                             const RpcLimits& limits, const log::Catalog& catalog,
                                             uint32_t spread);

}  // namespace tidemark::rpc
