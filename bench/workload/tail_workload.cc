#include "bench/workload/tail_workload.h"

#include "bench/load/tail_load.h"
#include "bench/load/topic_admin.h"
#include "bench/process/cost_meter.h"

namespace tidemark::bench {
namespace {

Result ResultOf(const std::string& name, const std::string& latency_of, const Recorder& run,
                const TailConfig& config, const std::string& durability) {
  const Percentiles percentiles = PercentilesOf(run.latency());
  return {.name = name,
          .value = percentiles.p50_us,
          .unit = "us",
          .latency_of = latency_of,
          .percentiles = percentiles,
          .seconds = run.Seconds(),
          .events = run.events(),
          .durability = durability,
          .events_by_second = run.events_by_second(),
          .config = {{"events_per_second", config.rate},
                     {"batch_events", config.batch_events},
                     {"event_data_bytes", config.data_bytes},
                     {"partitions", config.partitions},
                     {"keys", config.keys},
                     {"zipf", config.zipf},
                     {"producers", config.producers},
                     {"subscribers", config.subscribers},
                     {"groups", config.groups},
                     {"loop", "open"}}};
}

}  // namespace

absl::StatusOr<std::vector<Result>> MeasureTail(const ServerProcess& server,
                                                const TailConfig& config,
                                                const std::string& durability) {
  if (config.rate <= 0 || config.batch_events == 0 || config.data_bytes < sizeof(int64_t)) {
    return absl::InvalidArgumentError(
        "tail needs a rate and a batch above 0, and 8 bytes of data for the time");
  }
  const double requests_per_second = config.rate / config.batch_events;
  const double seconds = config.warmup_seconds + config.seconds;
  const PacedLoad load = {.address = server.address(),
                          .topic = FreshTopicName("tail"),
                          .requests_per_second = requests_per_second,
                          .requests = static_cast<uint64_t>(requests_per_second * seconds),
                          .warmup_seconds = config.warmup_seconds,
                          .batch_events = config.batch_events,
                          .data_bytes = config.data_bytes,
                          .keys = config.keys,
                          .zipf = config.zipf};
  absl::Status status =
      EnsureTopic(server.address(), load.topic, config.partitions, /*index_keys=*/true);
  if (!status.ok()) return status;
  const CostMeter meter(server);
  const absl::StatusOr<TailFigures> figures =
      RunTailLoad(load, config.producers, config.subscribers,
                  config.groups ? TailReaders::kGroups : TailReaders::kSubscriptions);
  if (!figures.ok()) return figures.status();
  std::vector<Result> results = {
      ResultOf("tail, end to end", "intended send to decoded event", figures->end_to_end, config,
               durability),
      ResultOf("tail, ack", "intended send to ack", figures->ack, config, durability)};
  results[0].cost = meter.Stop(figures->end_to_end.events_with_warmup(), 0);
  return results;
}

}  // namespace tidemark::bench
