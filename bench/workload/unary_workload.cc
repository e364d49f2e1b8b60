#include "bench/workload/unary_workload.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/load/paced_unary.h"
#include "bench/load/topic_admin.h"
#include "bench/load/unary_load.h"
#include "bench/process/cost_meter.h"

namespace tidemark::bench {
namespace {

std::string NameOf(const UnaryConfig& config) {
  if (config.rate > 0) return absl::StrFormat("%s at %g/s", config.name, config.rate);
  if (config.idle_seconds > 0) return absl::StrCat(config.name, " after idle");
  return absl::StrCat(config.name, " x", config.callers);
}

absl::StatusOr<Result> Measure(const ServerProcess& server, const UnaryConfig& config) {
  const EventPool pool(config.shape, 1);
  const bool idle = config.idle_seconds > 0;
  const UnaryLoad load = {.address = server.address(),
                          .topic = config.topic,
                          .topics = config.topics,
                          .callers = config.callers,
                          .connections = config.connections,
                          .seconds = config.seconds,
                          .warmup_seconds = idle ? 0 : config.warmup_seconds,
                          .idle_seconds = config.idle_seconds};
  const CostMeter meter(server);
  const absl::StatusOr<Recorder> run =
      config.rate > 0 ? RunPacedUnary(load, config.rate, pool) : RunUnaryLoad(load, pool);
  if (!run.ok()) return run.status();
  return Result{.name = NameOf(config),
                .value = run->EventsPerSecond(),
                .unit = "calls/s",
                .latency_of = config.rate > 0 ? "intended start to answer" : "call",
                .percentiles = PercentilesOf(run->latency()),
                .seconds = run->Seconds(),
                .events = run->events(),
                .bytes = run->bytes(),
                .cost = meter.Stop(run->events_with_warmup(), run->bytes_with_warmup()),
                .events_by_second = run->events_by_second(),
                .config = {{"callers", config.callers},
                           {"connections", config.connections},
                           {"idle_seconds", config.idle_seconds},
                           {"event_data_bytes", config.shape.data_bytes},
                           {"event_encoded_bytes", pool.MeanEntryBytes()},
                           {"topics", config.topics},
                           {"partitions", config.partitions},
                           {"keys", config.shape.keys},
                           {"zipf", config.shape.zipf},
                           {"rate", config.rate},
                           {"loop", config.rate > 0 ? "open" : "closed"}}};
}

}  // namespace

absl::StatusOr<Result> MeasureNoopUnary(const ServerProcess& server, UnaryConfig config) {
  config.topic = "bench";
  absl::StatusOr<Result> result = Measure(server, config);
  if (result.ok()) result->durability = kNothingStored;
  return result;
}

absl::StatusOr<Result> MeasureUnary(const ServerProcess& server, UnaryConfig config,
                                    const std::string& durability) {
  if (config.topic.empty()) config.topic = FreshTopicName("unary");
  const std::vector<std::string> topics = TopicNames(config.topic, config.topics);
  absl::Status status = EnsureTopics(server.address(), topics, config.partitions);
  if (!status.ok()) return status;
  absl::StatusOr<Result> result = Measure(server, config);
  if (!result.ok()) return result.status();
  const absl::StatusOr<uint64_t> stored = CountEvents(server.address(), topics);
  if (!stored.ok()) return stored.status();
  if (*stored < result->events) {
    return absl::DataLossError(
        absl::StrCat(result->events, " events were acknowledged, ", *stored, " can be read"));
  }
  result->durability = durability;
  result->stores = true;
  return result;
}

}  // namespace tidemark::bench
