#include "bench/workload/append_workload.h"

#include "absl/strings/str_cat.h"
#include "bench/load/append_load.h"
#include "bench/load/paced_appender.h"
#include "bench/load/topic_admin.h"
#include "bench/process/cost_meter.h"

namespace tidemark::bench {
namespace {

nlohmann::ordered_json ToJson(const AppendConfig& config, const EventPool& pool) {
  return {{"event_data_bytes", config.shape.data_bytes},
          {"event_encoded_bytes", pool.MeanEntryBytes() / config.batch_events},
          {"batch_events", config.batch_events},
          {"producers", config.producers},
          {"inflight", config.inflight},
          {"partitions", config.partitions},
          {"by_partition", config.by_partition},
          {"keys", config.shape.keys},
          {"index_keys", config.index_keys},
          {"idempotent", config.idempotent},
          {"zipf", config.shape.zipf},
          {"topics", config.topics},
          {"rate", config.rate},
          {"loop", config.rate > 0 ? "open" : "closed"}};
}

AppendLoad LoadOf(const ServerProcess& server, const AppendConfig& config) {
  return {.address = server.address(),
          .topics = TopicNames(config.topic, config.topics),
          .events = config.events,
          .seconds = config.events > 0 ? 0 : config.seconds,
          .warmup_seconds = config.events > 0 ? 0 : config.warmup_seconds,
          .producers = config.producers,
          .inflight = config.inflight,
          .spread_over_partitions = config.by_partition ? config.partitions : 0,
          .idempotent = config.idempotent,
          .producer_ids = config.producer_ids};
}

absl::StatusOr<uint64_t> CountAll(const std::string& address,
                                  const std::vector<std::string>& topics) {
  uint64_t events = 0;
  for (const std::string& topic : topics) {
    const absl::StatusOr<uint64_t> here = CountAppended(address, topic);
    if (!here.ok()) return here.status();
    events += *here;
  }
  return events;
}

absl::StatusOr<Result> Measure(const ServerProcess& server, const AppendConfig& config) {
  const EventPool pool(config.shape, config.batch_events);
  const CostMeter meter(server);
  const absl::StatusOr<Recorder> run =
      config.rate > 0 ? RunPacedAppenders(PacedLoadOf(server.address(), config), config.producers,
                                          TopicNames(config.topic, config.topics))
                      : RunAppendLoad(LoadOf(server, config), pool);
  if (!run.ok()) return run.status();
  return Result{.name = config.name,
                .value = run->EventsPerSecond(),
                .unit = "events/s",
                .latency_of = config.rate > 0 ? "intended send to ack" : "ack of a request",
                .percentiles = PercentilesOf(run->latency()),
                .seconds = run->Seconds(),
                .events = run->events(),
                .bytes = run->bytes(),
                .cost = meter.Stop(run->events_with_warmup(), run->bytes_with_warmup()),
                .events_by_second = run->events_by_second(),
                .config = ToJson(config, pool)};
}

}  // namespace

absl::Status CheckTopics(const AppendConfig& config) {
  if (config.topics <= config.producers) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--topics ", config.topics, ": a producer appends to one topic, and --producers ",
      config.producers, " are fewer"));
}

PacedLoad PacedLoadOf(const std::string& address, const AppendConfig& config) {
  const double requests_per_second = config.rate / config.batch_events;
  const double seconds = config.warmup_seconds + config.seconds;
  return {.address = address,
          .topic = config.topic,
          .requests_per_second = requests_per_second,
          .requests = static_cast<uint64_t>(requests_per_second * seconds),
          .warmup_seconds = config.warmup_seconds,
          .batch_events = config.batch_events,
          .data_bytes = config.shape.data_bytes,
          .keys = config.shape.keys,
          .zipf = config.shape.zipf,
          .seed = config.shape.seed};
}

absl::StatusOr<Result> MeasureNoopAppend(const ServerProcess& server, AppendConfig config) {
  config.topic = "bench";
  absl::StatusOr<Result> result = Measure(server, config);
  if (result.ok()) result->durability = kNothingStored;
  return result;
}

absl::StatusOr<Result> MeasureAppend(const ServerProcess& server, AppendConfig config,
                                     const std::string& durability, std::string* topic) {
  if (config.topic.empty()) config.topic = FreshTopicName("append");
  const std::string& address = server.address();
  if (absl::Status status = CheckTopics(config); !status.ok()) return status;
  for (const std::string& name : TopicNames(config.topic, config.topics)) {
    absl::Status status =
        EnsureTopic(address, name, config.partitions, config.index_keys, config.max_bytes);
    if (!status.ok()) return status;
  }
  const absl::StatusOr<uint64_t> before =
      CountAll(address, TopicNames(config.topic, config.topics));
  if (!before.ok()) return before.status();
  absl::StatusOr<Result> result = Measure(server, config);
  if (!result.ok()) return result.status();
  const absl::StatusOr<uint64_t> after = CountAll(address, TopicNames(config.topic, config.topics));
  if (!after.ok()) return after.status();
  // The warm-up's events are stored too, but not counted in the result.
  if (*after - *before < result->events) {
    return absl::DataLossError(absl::StrCat(result->events, " events were acknowledged, ",
                                            *after - *before, " can be read"));
  }
  result->durability = durability;
  result->stores = true;
  if (topic != nullptr) *topic = config.topic;
  return result;
}

}  // namespace tidemark::bench
