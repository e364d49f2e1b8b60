// Where SeekGroup is to move a group, as the request says it, resolved to offsets.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/groups/group_coordinator.h"
#include "server/rpc/rpc_context.h"
#include "tidemark/v1/consumer_groups.pb.h"

namespace tidemark::rpc {

// The partitions to move and their new offsets, as of now. Waits for the disk.
// INVALID_ARGUMENT     no target, offsets or a cursor without topic, or a malformed cursor.
// NOT_FOUND            no such topic, group or other group.
// OUT_OF_RANGE         an offset is not readable, or a partition does not exist.
// FAILED_PRECONDITION  GROUP_SETTINGS_DIFFER: the other group reads none of the topics.
absl::StatusOr<std::vector<groups::TopicPartitionOffset>> SeekTargets(
    const RpcContext& context, groups::GroupCoordinator& groups,
    const v1::SeekGroupRequest& request);

}  // namespace tidemark::rpc
