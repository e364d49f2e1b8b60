// Limits on what clients send, as GetServerInfo reports them.
#pragma once

#include <cstdint>

#include "server/log/event_scan.h"

namespace tidemark::rpc {

struct RpcLimits {
  log::EventLimits event;
  uint64_t request_bytes_max = 4ull << 20;
  uint64_t request_events_max = 100'000;
  uint64_t request_conditions_max = 100;
  uint64_t request_offset_commits_max = 1000;
  uint64_t transact_appends_max = 100;
  uint64_t name_bytes_max = 200;
  uint64_t topic_partitions_max = 10'000;
  uint64_t partitions_max = 100'000;
  uint64_t filter_entries_max = 100;
  uint64_t group_members_max = 1000;
  uint64_t groups_max = 10'000;
  uint64_t queue_bytes_max = 64ull << 20;
  uint64_t streams_max = 10'000;
  uint64_t append_stream_inflight_bytes_max = 8ull << 20;
  uint64_t append_stream_inflight_requests_max = 1024;
  uint64_t batch_bytes_max = 1ull << 20;
  uint64_t page_size_max = 1000;
  bool encryption = false;  // There are master keys.
};

}  // namespace tidemark::rpc
