#include "bench/workload/groups_workload.h"

#include "absl/strings/str_cat.h"
#include "bench/load/group_load.h"
#include "bench/load/topic_admin.h"
#include "bench/process/cost_meter.h"

namespace tidemark::bench {
namespace {

constexpr char kPartitionOrdered[] = "group, PARTITION_ORDERED";
constexpr char kKeyOrdered[] = "group, KEY_ORDERED";
constexpr char kUnordered[] = "group, UNORDERED";

absl::StatusOr<std::pair<v1::GroupMode, std::string>> ModeOf(const std::string& name) {
  using Mode = std::pair<v1::GroupMode, std::string>;
  if (name == "partition") return Mode(v1::GROUP_MODE_PARTITION_ORDERED, kPartitionOrdered);
  if (name == "key") return Mode(v1::GROUP_MODE_KEY_ORDERED, kKeyOrdered);
  if (name == "unordered") return Mode(v1::GROUP_MODE_UNORDERED, kUnordered);
  return absl::InvalidArgumentError(
      absl::StrCat("--mode ", name, ": use partition, key or unordered"));
}

}  // namespace

absl::StatusOr<Result> MeasureGroup(const ServerProcess& server, const GroupsConfig& config,
                                    const std::string& topic, const std::string& mode_name,
                                    const std::string& group) {
  const auto mode = ModeOf(mode_name);
  if (!mode.ok()) return mode.status();
  const absl::StatusOr<uint64_t> stored = CountEvents(server.address(), topic);
  if (!stored.ok()) return stored.status();
  const CostMeter meter(server);
  const absl::StatusOr<Recorder> run = RunGroupLoad({.address = server.address(),
                                                     .topic = topic,
                                                     .group = group,
                                                     .mode = mode->first,
                                                     .members = config.members,
                                                     .credit_events = config.credit_events,
                                                     .events = *stored});
  if (!run.ok()) return run.status();
  Result result{.name = mode->second,
                .value = run->EventsPerSecond(),
                .unit = "events/s",
                .latency_of = "ack to its confirmation",
                .percentiles = PercentilesOf(run->latency()),
                .seconds = run->Seconds(),
                .events = run->events(),
                .bytes = run->bytes(),
                .durability = kFsyncBeforeAck,
                .cost = meter.Stop(run->events(), run->bytes()),
                .events_by_second = run->events_by_second()};
  result.config = {{"members", config.members},
                   {"credit_events", config.credit_events},
                   {"partitions", config.fill.partitions},
                   {"keys", config.fill.shape.keys},
                   {"batch_events", config.fill.batch_events}};
  return result;
}

absl::StatusOr<std::vector<Result>> MeasureGroups(Session& session, const GroupsConfig& config,
                                                  Reporter& reporter) {
  const auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  std::string topic;
  AppendConfig fill = config.fill;
  fill.name = "append (to fill the topic)";
  reporter.Begin(fill.name);
  const auto filled = MeasureAppend(**server, fill, session.Durability(), &topic);
  if (!filled.ok()) return filled.status();
  std::vector<Result> results = {*filled};
  for (const std::string& mode : config.modes) {
    reporter.Begin(absl::StrCat("groups, ", mode));
    absl::StatusOr<Result> result =
        MeasureGroup(**server, config, topic, mode, absl::StrCat(topic, "-", mode));
    if (!result.ok()) return result.status();
    if (results.size() > 1 && results[1].name == kPartitionOrdered) CompareTo(results[1], *result);
    results.push_back(*std::move(result));
  }
  return results;
}

std::vector<GoalCheck> GroupsGoals(const std::vector<Result>& results) {
  std::vector<GoalCheck> checks;
  for (const Result& result : results) {
    if (result.name != kKeyOrdered || !result.ratio.has_value()) continue;
    checks.push_back(
        {0, "KEY_ORDERED / PARTITION_ORDERED", *result.ratio, 1.0 / 3, GoalSense::kAtLeast, "x"});
  }
  return checks;
}

}  // namespace tidemark::bench
