#include "bench/workload/overload_workload.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/load/topic_admin.h"
#include "bench/process/cost_meter.h"

namespace tidemark::bench {
namespace {

constexpr double kGoalShare = 0.8;

absl::StatusOr<Result> Measure(const ServerProcess& server, const RawCalls& load, const char* name,
                               const std::string& durability) {
  const CostMeter meter(server);
  absl::StatusOr<RawFigures> run = RunRawCalls(load);
  if (!run.ok()) return run.status();
  nlohmann::ordered_json refused = nlohmann::ordered_json::object();
  for (const auto& [status, calls] : run->refused) refused[absl::StrCat("status ", status)] = calls;
  return Result{.name = name,
                .value = static_cast<double>(run->in_time) / run->seconds,
                .unit = "calls/s",
                .latency_of = load.rate > 0 ? "intended start to answer" : "call",
                .percentiles = PercentilesOf(run->latency),
                .seconds = run->seconds,
                .events = run->acknowledged,
                .bytes = run->acknowledged * load.event_bytes,
                .durability = durability,
                .stores = true,
                .cost = meter.Stop(run->sent, run->sent * load.event_bytes),
                .config = {{"connections", load.connections},
                           {"event_data_bytes", load.event_bytes},
                           {"loop", load.rate > 0 ? "open" : "closed"},
                           {"callers", load.callers},
                           {"rate", load.rate},
                           {"deadline_ms", load.deadline_ms},
                           {"sent", run->sent},
                           {"held_back", run->held_back},
                           {"late", run->late},
                           {"refused", refused},
                           {"in_time_by_second", run->in_time_by_second},
                           {"connection_streams_least", run->streams_max}}};
}

struct OverloadRound {
  Result peak;
  Result overload;
};

absl::StatusOr<OverloadRound> RunRound(const ServerProcess& server, const OverloadConfig& config,
                                       const std::string& durability) {
  RawCalls calm = config.load;
  calm.rate = 0;
  calm.deadline_ms = 60'000;
  absl::StatusOr<Result> peak = Measure(server, calm, kPeakName, durability);
  if (!peak.ok()) return peak.status();
  RawCalls load = config.load;
  load.rate = config.times * peak->value;
  absl::StatusOr<Result> overload = Measure(server, load, kOverloadName, durability);
  if (!overload.ok()) return overload.status();
  CompareTo(*peak, *overload);
  return OverloadRound{*std::move(peak), *std::move(overload)};
}

}  // namespace

absl::StatusOr<std::vector<Result>> MeasureOverload(const ServerProcess& server,
                                                    OverloadConfig config,
                                                    const std::string& durability) {
  config.load.address = server.address();
  config.load.topic = FreshTopicName("overload");
  absl::Status status =
      EnsureTopic(server.address(), config.load.topic, config.partitions, /*index_keys=*/true);
  if (!status.ok()) return status;
  std::vector<OverloadRound> rounds;
  uint64_t acknowledged = 0;
  for (int i = 0; i < config.rounds; ++i) {
    absl::StatusOr<OverloadRound> round = RunRound(server, config, durability);
    if (!round.ok()) return round.status();
    acknowledged += round->peak.events + round->overload.events;
    rounds.push_back(*std::move(round));
  }
  const absl::StatusOr<uint64_t> stored = CountEvents(server.address(), config.load.topic);
  if (!stored.ok()) return stored.status();
  if (*stored < acknowledged) {
    return absl::DataLossError(
        absl::StrCat(acknowledged, " events were acknowledged, ", *stored, " can be read"));
  }
  std::sort(rounds.begin(), rounds.end(), [](const OverloadRound& a, const OverloadRound& b) {
    return a.overload.ratio.value_or(0) < b.overload.ratio.value_or(0);
  });
  nlohmann::ordered_json ratios = nlohmann::ordered_json::array();
  for (const OverloadRound& round : rounds) ratios.push_back(round.overload.ratio.value_or(0));
  OverloadRound& median = rounds[rounds.size() / 2];
  median.overload.config["ratios"] = std::move(ratios);
  return std::vector<Result>{std::move(median.peak), std::move(median.overload)};
}

std::vector<GoalCheck> OverloadGoals(const std::vector<Result>& results) {
  const Result* const overload = FindResult(results, kOverloadName);
  if (overload == nullptr || !overload->ratio) return {};
  return {{0, "acknowledged in time under overload / peak", *overload->ratio, kGoalShare,
           GoalSense::kAtLeast, "x"}};
}

}  // namespace tidemark::bench
