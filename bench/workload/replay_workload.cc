#include "bench/workload/replay_workload.h"

#include "absl/strings/str_cat.h"
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

}  // namespace

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
