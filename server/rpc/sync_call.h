// The frame of every synchronous call: counts it, and turns its status into gRPC's.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/rpc/rpc_context.h"

namespace tidemark::rpc {

// `method` is "Topics/CreateTopic". `handle` may wait for the disk and for commits: synchronous
// calls run on threads of their own.
grpc::Status Handle(const RpcContext& context, const char* method,
                    absl::FunctionRef<absl::Status()> handle);

}  // namespace tidemark::rpc
