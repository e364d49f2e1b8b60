// The synchronous part of the ConsumerGroups service (groups_control.cc: what changes a group while
// it runs); Consume is in consume.cc.
#pragma once

#include "server/groups/group_coordinator.h"
#include "server/rpc/rpc_context.h"
#include "server/rpc/service_types.h"

namespace tidemark::rpc {

class GroupsService final : public ConsumerGroupsBase {
 public:
  GroupsService(const RpcContext& context, groups::GroupCoordinator& groups)
      : context_(context), groups_(groups) {}

  grpc::Status CommitOffsets(grpc::ServerContext*, const v1::CommitOffsetsRequest* request,
                             v1::CommitOffsetsResponse* response) override;
  grpc::Status GetOffsets(grpc::ServerContext*, const v1::GetOffsetsRequest* request,
                          v1::GetOffsetsResponse* response) override;
  grpc::Status ListGroups(grpc::ServerContext*, const v1::ListGroupsRequest* request,
                          v1::ListGroupsResponse* response) override;
  grpc::Status GetGroup(grpc::ServerContext*, const v1::GetGroupRequest* request,
                        v1::GetGroupResponse* response) override;
  grpc::Status UpdateGroup(grpc::ServerContext*, const v1::UpdateGroupRequest* request,
                           v1::UpdateGroupResponse* response) override;
  grpc::Status SeekGroup(grpc::ServerContext*, const v1::SeekGroupRequest* request,
                         v1::SeekGroupResponse* response) override;
  grpc::Status PauseGroup(grpc::ServerContext*, const v1::PauseGroupRequest* request,
                          v1::PauseGroupResponse* response) override;
  grpc::Status ResumeGroup(grpc::ServerContext*, const v1::ResumeGroupRequest* request,
                           v1::ResumeGroupResponse* response) override;
  grpc::Status DeleteGroup(grpc::ServerContext*, const v1::DeleteGroupRequest* request,
                           v1::DeleteGroupResponse* response) override;
  grpc::Status ListDeadLetters(grpc::ServerContext*, const v1::ListDeadLettersRequest* request,
                               v1::ListDeadLettersResponse* response) override;
  grpc::Status RedriveDeadLetters(grpc::ServerContext*,
                                  const v1::RedriveDeadLettersRequest* request,
                                  v1::RedriveDeadLettersResponse* response) override;
  grpc::Status DiscardDeadLetters(grpc::ServerContext*,
                                  const v1::DiscardDeadLettersRequest* request,
                                  v1::DiscardDeadLettersResponse* response) override;

 private:
  absl::Status Commit(const v1::CommitOffsetsRequest& request);
  absl::Status List(const v1::ListGroupsRequest& request, v1::ListGroupsResponse& response);
  absl::Status Update(const v1::UpdateGroupRequest& request, v1::UpdateGroupResponse& response);
  absl::Status SetPaused(const std::string& group, bool paused);
  absl::Status Seek(const v1::SeekGroupRequest& request, v1::SeekGroupResponse& response);
  // Counts what the move delivers again or skips.
  absl::Status FillMove(const groups::SeekMove& move, const log::Filter& filter,
                        v1::SeekGroupResponse& response) const;
  absl::Status ListLetters(const v1::ListDeadLettersRequest& request,
                           v1::ListDeadLettersResponse& response);
  absl::Status CheckGroupName(absl::string_view name) const;
  grpc::Status Missing(const char* method, absl::string_view feature, absl::string_view message);

  const RpcContext& context_;
  groups::GroupCoordinator& groups_;
};

}  // namespace tidemark::rpc
