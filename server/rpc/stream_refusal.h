// Why a stream is not opened or ends, for all kinds of streams.
#pragma once

#include "absl/status/status.h"
#include "server/rpc/async_call.h"
#include "server/rpc/limits.h"

namespace tidemark::rpc {

// UNAVAILABLE: after Draining.
absl::Status DrainingStatus();
// RESOURCE_EXHAUSTED with the limit, or UNAVAILABLE while draining.
absl::Status StreamRefused(const CallRegistry& calls, const RpcLimits& limits);

}  // namespace tidemark::rpc
