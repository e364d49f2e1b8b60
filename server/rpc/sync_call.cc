#include "server/rpc/sync_call.h"

#include "server/base/system_clock.h"
#include "server/rpc/status_mapping.h"
#include "server/rpc/stream_refusal.h"

namespace tidemark::rpc {

grpc::Status Handle(const RpcContext& context, const char* method,
                    absl::FunctionRef<absl::Status()> handle) {
  const ActiveCall active(context.calls);
  const int64_t begin = base::MonotonicNanos();
  const absl::Status status = context.calls.draining() ? DrainingStatus() : handle();
  context.metrics.Method(method).Done(status.code(),
                                      absl::Nanoseconds(base::MonotonicNanos() - begin));
  return ToGrpc(status);
}

}  // namespace tidemark::rpc
