#include "bench/workload/conditions_workload.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/load/conditions_load.h"
#include "bench/load/topic_admin.h"
#include "bench/process/cost_meter.h"

namespace tidemark::bench {
namespace {

struct Kind {
  ConditionKind kind;
  const char* name;
};
constexpr Kind kKinds[] = {{ConditionKind::kNone, "unary, no condition"},
                           {ConditionKind::kOwnKey, "unary, revision of an own key"},
                           {ConditionKind::kNewKey, "unary, a new key is absent"}};

absl::StatusOr<Result> Measure(const ServerProcess& server, const ConditionsConfig& config,
                               const Kind& kind, const std::string& durability) {
  const ConditionsLoad load = {.address = server.address(),
                               .topic = FreshTopicName("conditions"),
                               .kind = kind.kind,
                               .callers = config.callers,
                               .connections = config.connections,
                               .data_bytes = config.data_bytes,
                               .seconds = config.seconds};
  absl::Status status =
      EnsureTopic(load.address, load.topic, config.partitions, /*index_keys=*/true);
  if (!status.ok()) return status;
  const CostMeter meter(server);
  const absl::StatusOr<Recorder> run = RunConditionsLoad(load);
  if (!run.ok()) return run.status();
  const absl::StatusOr<uint64_t> stored = CountEvents(load.address, load.topic);
  if (!stored.ok()) return stored.status();
  if (*stored < run->events()) {
    return absl::DataLossError(
        absl::StrCat(run->events(), " events were acknowledged, ", *stored, " can be read"));
  }
  return Result{.name = absl::StrCat(kind.name, " x", config.callers),
                .value = run->EventsPerSecond(),
                .unit = "calls/s",
                .latency_of = "call",
                .percentiles = PercentilesOf(run->latency()),
                .seconds = run->Seconds(),
                .events = run->events(),
                .bytes = run->bytes(),
                .durability = durability,
                .stores = true,
                .cost = meter.Stop(run->events_with_warmup(), run->bytes_with_warmup()),
                .events_by_second = run->events_by_second(),
                .config = {{"callers", config.callers},
                           {"connections", config.connections},
                           {"event_data_bytes", config.data_bytes},
                           {"partitions", config.partitions},
                           {"loop", "closed"}}};
}

}  // namespace

absl::StatusOr<std::vector<Result>> MeasureConditions(Session& session,
                                                      const ConditionsConfig& config,
                                                      Reporter& reporter) {
  const auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  std::vector<Result> results;
  for (const Kind& kind : kKinds) {
    reporter.Begin(kind.name);
    absl::StatusOr<Result> result = Measure(**server, config, kind, session.Durability());
    if (!result.ok()) return result.status();
    if (!results.empty()) CompareTo(results.front(), *result);
    results.push_back(*std::move(result));
  }
  return results;
}

std::vector<GoalCheck> ConditionsGoals(const std::vector<Result>& results) {
  std::vector<GoalCheck> checks;
  for (const Result& result : results) {
    if (!result.ratio.has_value()) continue;
    checks.push_back(
        {0, absl::StrCat(result.name, " / without"), *result.ratio, 0.5, GoalSense::kAtLeast, "x"});
  }
  return checks;
}

}  // namespace tidemark::bench
