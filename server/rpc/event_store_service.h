// The control plane of the EventStore service; the data plane is in files of its own.
#pragma once

#include "server/rpc/rpc_context.h"
#include "server/rpc/service_types.h"

namespace tidemark::rpc {

class EventStoreService {
 public:
  explicit EventStoreService(const RpcContext& context) : context_(context) {}

  absl::Status GetProducer(const v1::GetProducerRequest& request,
                           v1::GetProducerResponse& response);

 private:
  const RpcContext& context_;
};

}  // namespace tidemark::rpc
