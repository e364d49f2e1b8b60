// The control plane of the ConsumerGroups service (groups_control.cc: what changes a group while it
// runs); Consume is in consume.cc.
#pragma once

#include "server/groups/group_coordinator.h"
#include "server/rpc/rpc_context.h"
#include "server/rpc/service_types.h"

namespace tidemark::rpc {

class GroupsService {
 public:
  GroupsService(const RpcContext& context, groups::GroupCoordinator& groups)
      : context_(context), groups_(groups) {}

  absl::Status CommitOffsets(const v1::CommitOffsetsRequest& request,
                             v1::CommitOffsetsResponse& response);
  absl::Status GetOffsets(const v1::GetOffsetsRequest& request, v1::GetOffsetsResponse& response);
  absl::Status ListGroups(const v1::ListGroupsRequest& request, v1::ListGroupsResponse& response);
  absl::Status GetGroup(const v1::GetGroupRequest& request, v1::GetGroupResponse& response);
  absl::Status UpdateGroup(const v1::UpdateGroupRequest& request,
                           v1::UpdateGroupResponse& response);
  absl::Status SeekGroup(const v1::SeekGroupRequest& request, v1::SeekGroupResponse& response);
  absl::Status PauseGroup(const v1::PauseGroupRequest& request, v1::PauseGroupResponse& response);
  absl::Status ResumeGroup(const v1::ResumeGroupRequest& request,
                           v1::ResumeGroupResponse& response);
  absl::Status DeleteGroup(const v1::DeleteGroupRequest& request,
                           v1::DeleteGroupResponse& response);
  absl::Status ListDeadLetters(const v1::ListDeadLettersRequest& request,
                               v1::ListDeadLettersResponse& response);
  absl::Status RedriveDeadLetters(const v1::RedriveDeadLettersRequest& request,
                                  v1::RedriveDeadLettersResponse& response);
  absl::Status DiscardDeadLetters(const v1::DiscardDeadLettersRequest& request,
                                  v1::DiscardDeadLettersResponse& response);

 private:
  absl::Status SetPaused(const std::string& group, bool paused);
  // Counts what the move delivers again or skips.
  absl::Status FillMove(const groups::SeekMove& move, const log::Filter& filter,
                        v1::SeekGroupResponse& response) const;
  absl::Status CheckGroupName(absl::string_view name) const;

  const RpcContext& context_;
  groups::GroupCoordinator& groups_;
};

}  // namespace tidemark::rpc
