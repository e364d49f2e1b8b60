// Where work queues get their events: a feed of delivery/ behind what groups/ asks for.
#pragma once

#include "server/groups/work_source.h"
#include "server/log/event_log.h"

namespace tidemark::rpc {

// Lifetime. The log outlives every source.
groups::WorkSourceFactory MakeWorkSources(log::EventLog& log, uint64_t batch_bytes_max);

}  // namespace tidemark::rpc
