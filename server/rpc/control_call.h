// The calls of the control plane, and those of methods that the server does not have, which are
// answered UNIMPLEMENTED with the method's name.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include "server/rpc/control_methods.h"
#include "server/rpc/control_plane.h"
#include "server/rpc/rpc_context.h"

namespace tidemark::rpc {

// What they share. All of it outlives them.
struct ControlParts {
  const RpcContext& context;
  const ControlMethods& methods;
  ControlPlane& plane;
  grpc::AsyncGenericService& service;
};

// Waits for one such call on `queue`; then serves it, and waits for the next.
void AcceptControlCall(const ControlParts& parts, grpc::ServerCompletionQueue& queue);

}  // namespace tidemark::rpc
