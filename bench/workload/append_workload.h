// append: how many events per second can be made durable, and what does it cost?
#ifndef TIDEMARK_BENCH_WORKLOAD_APPEND_WORKLOAD_H_
#define TIDEMARK_BENCH_WORKLOAD_APPEND_WORKLOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/load/event_pool.h"
#include "bench/load/paced_appender.h"
#include "bench/measure/result.h"
#include "bench/process/server_process.h"

namespace tidemark::bench {

struct AppendConfig {
  // The result's name.
  std::string name = "append";
  // 0: no limit by events; then `seconds` decides.
  uint64_t events = 0;
  double seconds = 5;
  double warmup_seconds = 0.5;
  EventShape shape;
  uint32_t batch_events = 1000;
  uint32_t producers = 1;
  // More than 0: an open loop of so many events a second, all producers together; latency counts
  // from the time at which a request should have left. `events`, `inflight`, `by_partition` and
  // `idempotent` are not looked at.
  double rate = 0;
  uint32_t inflight = 16;
  uint32_t partitions = 1;
  bool index_keys = true;
  // More than 0: partitions of the topic keep only so many bytes.
  uint64_t max_bytes = 0;
  // Requests name their partition, in turn, instead of being split by key.
  bool by_partition = false;
  bool idempotent = false;
  // More than 0, with `idempotent`: each stream's requests are in turn of so many producer ids.
  uint64_t producer_ids = 0;
  // Empty: a new one.
  std::string topic;
  // So many topics, each with `partitions` (TopicNames): producers take them in turn, so there must
  // be as many at least.
  uint32_t topics = 1;
};

// INVALID_ARGUMENT  some topics would get nothing.
absl::Status CheckTopics(const AppendConfig& config);

// What an open loop of `config` sends, to config.topic.
PacedLoad PacedLoadOf(const std::string& address, const AppendConfig& config);

// The load alone, against a server that needs no topic and stores nothing.
absl::StatusOr<Result> MeasureNoopAppend(const ServerProcess& server, AppendConfig config);

// Makes the topics, appends, and checks that they hold every acknowledged event. With a limit
// by events there is no warm-up. `topic`, if not null, gets the topic's name.
absl::StatusOr<Result> MeasureAppend(const ServerProcess& server, AppendConfig config,
                                     const std::string& durability, std::string* topic);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_APPEND_WORKLOAD_H_
