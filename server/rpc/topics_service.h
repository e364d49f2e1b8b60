// The Topics service. Its methods may wait for the disk and for commits.
#pragma once

#include "server/rpc/rpc_context.h"
#include "tidemark/v1/topics.grpc.pb.h"

namespace tidemark::rpc {

class TopicsService {
 public:
  explicit TopicsService(const RpcContext& context) : context_(context) {}

  absl::Status CreateTopic(const v1::CreateTopicRequest& request,
                           v1::CreateTopicResponse& response);
  absl::Status GetTopic(const v1::GetTopicRequest& request, v1::GetTopicResponse& response);
  absl::Status ListTopics(const v1::ListTopicsRequest& request, v1::ListTopicsResponse& response);
  absl::Status UpdateTopic(const v1::UpdateTopicRequest& request,
                           v1::UpdateTopicResponse& response);
  absl::Status DeleteTopic(const v1::DeleteTopicRequest& request,
                           v1::DeleteTopicResponse& response);
  absl::Status ListEventTypes(const v1::ListEventTypesRequest& request,
                              v1::ListEventTypesResponse& response);
  absl::Status GetKey(const v1::GetKeyRequest& request, v1::GetKeyResponse& response);
  absl::Status EraseEvents(const v1::EraseEventsRequest& request,
                           v1::EraseEventsResponse& response);
  absl::Status GetErasure(const v1::GetErasureRequest& request, v1::GetErasureResponse& response);
  absl::Status ListErasures(const v1::ListErasuresRequest& request,
                            v1::ListErasuresResponse& response);
  absl::Status GetWatermarks(const v1::GetWatermarksRequest& request,
                             v1::GetWatermarksResponse& response);

 private:
  const RpcContext& context_;
};

}  // namespace tidemark::rpc
