// The Topics service. Calls whose machinery is not there answer UNIMPLEMENTED, naming the feature.
#pragma once

#include "server/rpc/rpc_context.h"
#include "tidemark/v1/topics.grpc.pb.h"

namespace tidemark::rpc {

class TopicsService final : public v1::Topics::Service {
 public:
  explicit TopicsService(const RpcContext& context) : context_(context) {}

  grpc::Status CreateTopic(grpc::ServerContext*, const v1::CreateTopicRequest* request,
                           v1::CreateTopicResponse* response) override;
  grpc::Status GetTopic(grpc::ServerContext*, const v1::GetTopicRequest* request,
                        v1::GetTopicResponse* response) override;
  grpc::Status ListTopics(grpc::ServerContext*, const v1::ListTopicsRequest* request,
                          v1::ListTopicsResponse* response) override;
  grpc::Status UpdateTopic(grpc::ServerContext*, const v1::UpdateTopicRequest* request,
                           v1::UpdateTopicResponse* response) override;
  grpc::Status DeleteTopic(grpc::ServerContext*, const v1::DeleteTopicRequest* request,
                           v1::DeleteTopicResponse* response) override;
  grpc::Status ListEventTypes(grpc::ServerContext*, const v1::ListEventTypesRequest* request,
                              v1::ListEventTypesResponse* response) override;
  grpc::Status GetKey(grpc::ServerContext*, const v1::GetKeyRequest* request,
                      v1::GetKeyResponse* response) override;
  grpc::Status EraseEvents(grpc::ServerContext*, const v1::EraseEventsRequest* request,
                           v1::EraseEventsResponse* response) override;
  grpc::Status GetErasure(grpc::ServerContext*, const v1::GetErasureRequest* request,
                          v1::GetErasureResponse* response) override;
  grpc::Status ListErasures(grpc::ServerContext*, const v1::ListErasuresRequest* request,
                            v1::ListErasuresResponse* response) override;
  grpc::Status GetWatermarks(grpc::ServerContext*, const v1::GetWatermarksRequest* request,
                             v1::GetWatermarksResponse* response) override;

 private:
  absl::Status Create(const v1::CreateTopicRequest& request, v1::CreateTopicResponse& response);
  absl::Status Update(const v1::UpdateTopicRequest& request, v1::UpdateTopicResponse& response);
  absl::Status List(const v1::ListTopicsRequest& request, v1::ListTopicsResponse& response);
  absl::Status EventTypes(const v1::ListEventTypesRequest& request,
                          v1::ListEventTypesResponse& response);
  absl::Status Key(const v1::GetKeyRequest& request, v1::GetKeyResponse& response);
  // In erasures.cc.
  absl::Status Erase(const v1::EraseEventsRequest& request, v1::EraseEventsResponse& response);
  absl::Status Erasure(const v1::GetErasureRequest& request, v1::GetErasureResponse& response);
  absl::Status Erasures(const v1::ListErasuresRequest& request, v1::ListErasuresResponse& response);
  absl::Status Watermarks(const v1::GetWatermarksRequest& request,
                          v1::GetWatermarksResponse& response);

  const RpcContext& context_;
};

}  // namespace tidemark::rpc
