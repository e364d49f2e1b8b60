// Conditions of requests, from the wire.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/log/append_request.h"
#include "server/log/catalog.h"
#include "server/rpc/limits.h"

namespace tidemark::rpc {

// Where a condition is looked for that does not say it itself.
struct ConditionDefaults {
  log::TopicPtr topic = nullptr;      // Null: each names its own.
  std::optional<uint32_t> partition;  // Unset: the key's own.
};

// Decodes the entries of `conditions`, encoded; requires not more than request_conditions_max.
// INVALID_ARGUMENT     one is malformed, over a limit, or about a key that another one is about.
// NOT_FOUND            no such topic.
// OUT_OF_RANGE         no such partition.
// FAILED_PRECONDITION  KEYS_NOT_INDEXED.
absl::StatusOr<std::vector<log::KeyCondition>> DecodeConditions(
    absl::Span<const absl::string_view> encoded, const ConditionDefaults& defaults,
    const RpcLimits& limits, const log::Catalog& catalog);

// FAILED_PRECONDITION  KEYS_NOT_INDEXED: nobody counts the keys of this topic.
absl::Status KeysNotIndexed(const log::Topic& topic);

// For a producer's request: what a retry must repeat.
uint32_t ExtendFingerprint(uint32_t fingerprint, const log::KeyCondition& condition);

}  // namespace tidemark::rpc
