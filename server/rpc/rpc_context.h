// What every RPC of a server needs.
//
// Lifetime. All of it outlives the server's calls.
#pragma once

#include <grpcpp/completion_queue.h>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/base/history_pace.h"
#include "server/log/event_log.h"
#include "server/metrics/metrics.h"
#include "server/rpc/async_call.h"
#include "server/rpc/limits.h"
#include "server/rpc/send_budget.h"

namespace tidemark::rpc {

struct RpcContext {
  log::EventLog& log;
  base::Executor& readers;  // Threads that may wait for the disk: openings and history.
  base::Executor& live;     // Threads that may not: members' deliveries.
  base::HistoryPace& pace;  // Told of what is delivered live.
  const base::Clock& clock;
  metrics::Metrics& metrics;
  CallRegistry& calls;
  SendBudget& sends;
  RpcLimits limits;
  absl::Duration heartbeat_interval;
};

}  // namespace tidemark::rpc
