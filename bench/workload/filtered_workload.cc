#include "bench/workload/filtered_workload.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/load/read_load.h"
#include "bench/process/cost_meter.h"
#include "bench/workload/quick_goals.h"

namespace tidemark::bench {
namespace {

constexpr uint32_t kBatchEvents = 1000;
constexpr uint32_t kRareEntries = 100;  // One event in 100 batches of 1000.
constexpr double kGoalMs = 50;          // For the 100 matches in ten million events.
constexpr double kGoalMatches = 100;

struct Wanted {
  std::string name;
  std::string type;
  std::string key;
  uint64_t matches = 0;
};

absl::StatusOr<Result> MeasureOne(const ServerProcess& server, const std::string& topic,
                                  const Wanted& wanted) {
  ReadLoad load = {
      .address = server.address(), .topic = topic, .parse = true, .check_offsets = false};
  if (!wanted.type.empty()) load.types.push_back(wanted.type);
  if (!wanted.key.empty()) load.keys.push_back(wanted.key);
  const CostMeter meter(server);
  const absl::StatusOr<Recorder> run = RunReadLoad(load);
  if (!run.ok()) return run.status();
  if (run->events() != wanted.matches) {
    return absl::DataLossError(absl::StrCat(wanted.name, ": of ", wanted.matches,
                                            " matching events the read gave ", run->events()));
  }
  const double ms = run->Seconds() * 1e3;
  return Result{.name = wanted.name,
                .value = ms,
                .unit = "ms",
                .latency_of = "gap between messages",
                .percentiles = PercentilesOf(run->latency()),
                .seconds = run->Seconds(),
                .events = run->events(),
                .durability = kReadOnly,
                .cost = meter.Stop(run->events(), run->bytes()),
                .config = {{"matches", wanted.matches},
                           {"us_per_match", ms * 1e3 / static_cast<double>(wanted.matches)}}};
}

}  // namespace

absl::StatusOr<std::vector<Result>> MeasureFiltered(Session& session, const FilteredConfig& config,
                                                    const Reporter& reporter) {
  auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  reporter.Begin("append, to have something to filter");
  AppendConfig append = config.append;
  append.name = "append (to fill the topic)";
  append.events = config.events;
  append.batch_events = kBatchEvents;
  append.producers = 1;
  append.partitions = config.partitions;
  append.by_partition = config.partitions > 1;
  append.shape.rare_entries = kRareEntries;
  std::string topic;
  absl::StatusOr<Result> filled = MeasureAppend(**server, append, session.Durability(), &topic);
  if (!filled.ok()) return filled.status();
  std::vector<Result> results = {*filled};

  const uint64_t batches = (config.events + kBatchEvents - 1) / kBatchEvents;
  const uint64_t rare = (batches + kRareEntries / 2 - 1) / kRareEntries;
  const std::vector<Wanted> all = {{kRareTypeName, kRareType, "", rare},
                                   {kOneKeyName, "", kRareKey, rare},
                                   {kUncommonTypeName, kUncommonType, "", batches - rare}};
  for (const bool cold : {false, true}) {
    if (cold && !config.cold) break;
    if (cold) {
      if (absl::Status status = session.RestartCold(); !status.ok()) return status;
      if (server = session.Tidemark(); !server.ok()) return server.status();
    }
    for (Wanted wanted : all) {
      if (cold) absl::StrAppend(&wanted.name, ", cold");
      reporter.Begin(wanted.name);
      absl::StatusOr<Result> result = MeasureOne(**server, topic, wanted);
      if (!result.ok()) return result.status();
      results.push_back(*std::move(result));
    }
  }
  return results;
}

std::vector<GoalCheck> FilteredGoals(const std::vector<Result>& results) {
  std::vector<GoalCheck> checks;
  const Result* const rare = FindResult(results, kRareTypeName);
  const Result* const uncommon = FindResult(results, kUncommonTypeName);
  if (rare == nullptr) return checks;
  const double share = std::min(1.0, static_cast<double>(rare->events) / kGoalMatches);
  checks.push_back({4, absl::StrCat(kRareTypeName, ", ", rare->events, " matches"), rare->value,
                    kGoalMs * share, GoalSense::kAtMost, "ms"});
  if (uncommon != nullptr && rare->events > 0 && uncommon->events > 0) {
    const double each_rare = rare->value / static_cast<double>(rare->events);
    const double each_uncommon = uncommon->value / static_cast<double>(uncommon->events);
    // A cost in proportion to the matches; with a scan the rare match would cost 100 times as much.
    checks.push_back({4, "cost of a match, 1 in 100000 / 1 in 1000", each_rare / each_uncommon, 2,
                      GoalSense::kAtMost, "x"});
  }
  return checks;
}

}  // namespace tidemark::bench
