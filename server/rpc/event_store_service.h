// The synchronous part of the EventStore service; the data plane is in files of its own.
#pragma once

#include "server/rpc/rpc_context.h"
#include "server/rpc/service_types.h"

namespace tidemark::rpc {

class EventStoreService final : public EventStoreBase {
 public:
  explicit EventStoreService(const RpcContext& context) : context_(context) {}

  grpc::Status GetProducer(grpc::ServerContext*, const v1::GetProducerRequest* request,
                           v1::GetProducerResponse* response) override;

 private:
  absl::Status Producer(const v1::GetProducerRequest& request, v1::GetProducerResponse& response);

  const RpcContext& context_;
};

}  // namespace tidemark::rpc
