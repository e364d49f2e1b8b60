// Calls of methods that the server does not have: UNIMPLEMENTED with the method's name.
//
// gRPC would answer them too, with a thread for each call that comes while others are being
// answered.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include "server/rpc/rpc_context.h"

namespace tidemark::rpc {

// Waits for one such call on `queue`; then answers it, and waits for the next.
void AcceptUnknownMethod(const RpcContext& context, grpc::AsyncGenericService& service,
                         grpc::ServerCompletionQueue& queue);

}  // namespace tidemark::rpc
