// A group's settings, as Join and UpdateGroup say them and as answers show them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/rpc/limits.h"
#include "server/storage/records.h"
#include "tidemark/v1/consumer_groups.pb.h"

namespace tidemark::rpc {

// Names or patterns. INVALID_ARGUMENT  too many, or not a name; errors name the field below
// `field`.
absl::StatusOr<std::vector<std::string>> GroupTopicsFromProto(
    const google::protobuf::RepeatedPtrField<std::string>& topics, const RpcLimits& limits,
    absl::string_view field);
// Empty: unspecified. INVALID_ARGUMENT  an unknown value.
absl::StatusOr<std::optional<storage::GroupMode>> GroupModeFromProto(v1::GroupMode mode,
                                                                     absl::string_view field);
// INVALID_ARGUMENT  names the field below `prefix`.
absl::StatusOr<storage::RetryPolicy> RetryFromProto(const v1::RetryPolicy& policy,
                                                    absl::string_view prefix);

void FillGroupConfig(const storage::GroupRecord& group, v1::GroupConfig& out);

}  // namespace tidemark::rpc
