// Offsets of groups that an append commits, from the wire.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/groups/group_coordinator.h"
#include "server/rpc/append_decoder.h"
#include "server/rpc/limits.h"

namespace tidemark::rpc {

// Decodes the entries of `offset_commits`, encoded; requires not more than
// request_offset_commits_max.
// INVALID_ARGUMENT  one is malformed, or about a partition that another one of its group is about.
absl::StatusOr<std::vector<groups::GroupOffsets>> DecodeOffsetCommits(
    absl::Span<const absl::string_view> encoded, const RpcLimits& limits);

// For a producer's request: what a retry must repeat; who commits is not part of it.
uint32_t ExtendFingerprint(uint32_t fingerprint,
                           const std::vector<groups::GroupOffsets>& offset_commits);

// Makes the groups of its offset commits take part in the request's commit.
// NOT_FOUND  no such group, topic or partition.
absl::Status TakePart(groups::GroupCoordinator& groups, DecodedAppend& append);

}  // namespace tidemark::rpc
