#include "bench/workload/replay_workload.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/load/paced_replays.h"
#include "bench/load/read_load.h"
#include "bench/load/topic_admin.h"
#include "bench/process/cost_meter.h"

namespace tidemark::bench {
namespace {

absl::StatusOr<Result> Measure(const ServerProcess& server, const ReadLoad& load) {
  const CostMeter meter(server);
  const absl::StatusOr<Recorder> run = RunReadLoad(load);
  if (!run.ok()) return run.status();
  Result result{.value = load.parse ? run->EventsPerSecond() : run->BytesPerSecond() / 1e6,
                .unit = load.parse ? "events/s" : "MB/s",
                .latency_of = "gap between messages",
                .percentiles = PercentilesOf(run->latency()),
                .seconds = run->Seconds(),
                .events = run->events(),
                .bytes = run->bytes(),
                .cost = meter.Stop(run->events(), run->bytes())};
  if (load.parse) result.events_by_second = run->events_by_second();
  return result;
}

Result PacedResult(const std::string& name, const std::string& latency_of, const Recorder& replays,
                   const ReplayConfig& config) {
  const Percentiles percentiles = PercentilesOf(replays.latency());
  return {.name = absl::StrFormat("%s at %g/s, %s", config.name, config.rate, name),
          .value = percentiles.p50_us,
          .unit = "us",
          .latency_of = latency_of,
          .percentiles = percentiles,
          .seconds = replays.Seconds(),
          .durability = kReadOnly,
          .config = {{"rate", config.rate},
                     {"loop", "open"},
                     {"decoded", true},
                     {"max_batch_bytes", config.max_batch_bytes}}};
}

}  // namespace

absl::StatusOr<std::vector<Result>> MeasurePacedReplays(const ServerProcess& server,
                                                        const ReplayConfig& config) {
  const absl::StatusOr<uint64_t> stored = CountEvents(server.address(), config.topic);
  if (!stored.ok()) return stored.status();
  const auto replays =
      static_cast<uint64_t>(config.rate * (config.warmup_seconds + config.seconds));
  if (replays == 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "not one replay begins in %g s at %g a second", config.seconds, config.rate));
  }
  const CostMeter meter(server);
  const auto figures = RunPacedReplays({.read = {.address = server.address(),
                                                 .topic = config.topic,
                                                 .parse = true,
                                                 .max_batch_bytes = config.max_batch_bytes},
                                        .replays_per_second = config.rate,
                                        .replays = replays,
                                        .warmup_seconds = config.warmup_seconds});
  if (!figures.ok()) return figures.status();
  const Recorder& messages = figures->messages;
  if (messages.events_with_warmup() != *stored * replays) {
    return absl::DataLossError(absl::StrCat("of ", *stored * replays, " events the replays gave ",
                                            messages.events_with_warmup()));
  }
  std::vector<Result> results = {
      PacedResult("first event", "intended start to the first event", figures->first, config),
      PacedResult("whole", "intended start to the end", figures->whole, config)};
  Result& whole = results[1];
  whole.seconds = messages.Seconds();
  whole.events = messages.events();
  whole.bytes = messages.bytes();
  whole.events_by_second = messages.events_by_second();
  whole.cost = meter.Stop(messages.events_with_warmup(), messages.bytes_with_warmup());
  return results;
}

absl::StatusOr<Result> MeasureReplay(const ServerProcess& server, const ReplayConfig& config) {
  const absl::StatusOr<uint64_t> stored = CountEvents(server.address(), config.topic);
  if (!stored.ok()) return stored.status();
  const uint64_t expected = *stored * config.readers;
  absl::StatusOr<Result> result = Measure(server, {.address = server.address(),
                                                   .topic = config.topic,
                                                   .parse = config.parse,
                                                   .readers = config.readers,
                                                   .max_batch_bytes = config.max_batch_bytes});
  if (!result.ok()) return result.status();
  if (config.parse && result->events != expected) {
    return absl::DataLossError(
        absl::StrCat("of ", expected, " events the replay gave ", result->events));
  }
  result->name = config.name;
  result->events = expected;
  result->cost->events = expected;
  result->durability = kReadOnly;
  result->config = {{"readers", config.readers},
                    {"decoded", config.parse},
                    {"max_batch_bytes", config.max_batch_bytes},
                    {"page_cache", config.cold ? "dropped, server restarted" : "warm"}};
  return result;
}

absl::StatusOr<Result> MeasureRawStream(const ServerProcess& server,
                                        const RawStreamConfig& config) {
  absl::StatusOr<Result> result = Measure(server, {.address = server.address(),
                                                   .topic = "bench",
                                                   .parse = config.parse,
                                                   .check_offsets = false,
                                                   .max_batch_bytes = config.message_bytes,
                                                   .max_events = config.messages});
  if (!result.ok()) return result.status();
  result->name = config.name;
  result->durability = kNothingStored;
  result->config = {{"message_bytes", config.message_bytes}, {"decoded", config.parse}};
  return result;
}

}  // namespace tidemark::bench
