#include "bench/workload/groups_workload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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

nlohmann::ordered_json Describe(const GroupsConfig& config) {
  const AppendConfig& fill = config.fill;
  return {{"members", config.members},
          {"credit_events", config.credit_events},
          {"topics", fill.topics},
          {"partitions", fill.partitions},
          {"keys", fill.shape.keys},
          {"zipf", fill.shape.zipf},
          {"event_data_bytes", fill.shape.data_bytes},
          {"batch_events", fill.batch_events},
          {"producers", fill.producers},
          {"rate", fill.rate},
          {"loop", fill.rate > 0 ? "open" : "closed"}};
}

Result LiveResult(const std::string& name, const std::string& latency_of, const Recorder& run,
                  const GroupsConfig& config) {
  const Percentiles percentiles = PercentilesOf(run.latency());
  return {.name = name,
          .value = percentiles.p50_us,
          .unit = "us",
          .latency_of = latency_of,
          .percentiles = percentiles,
          .seconds = run.Seconds(),
          .events = run.latency().count(),
          .durability = kFsyncBeforeAck,
          .config = Describe(config)};
}

// Each mode beside the first one measured.
absl::StatusOr<std::vector<Result>> MeasureLiveGroups(const ServerProcess& server,
                                                      const GroupsConfig& config,
                                                      Reporter& reporter) {
  std::vector<Result> results;
  for (const std::string& mode : config.modes) {
    reporter.Begin(absl::StrFormat("groups, %s, at %g/s", mode, config.fill.rate));
    auto both = MeasureLiveGroup(server, config, mode);
    if (!both.ok()) return both.status();
    for (size_t i = 0; i < both->size(); ++i) {
      if (mode != config.modes.front()) CompareTo(results[i], (*both)[i]);
      results.push_back(std::move((*both)[i]));
    }
  }
  return results;
}

}  // namespace

absl::StatusOr<std::vector<Result>> MeasureLiveGroup(const ServerProcess& server,
                                                     const GroupsConfig& config,
                                                     const std::string& mode_name) {
  const auto mode = ModeOf(mode_name);
  if (!mode.ok()) return mode.status();
  if (config.fill.shape.data_bytes < sizeof(int64_t)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--event-bytes ", config.fill.shape.data_bytes,
                     ": with a rate an event needs 8 bytes of data for its time"));
  }
  if (absl::Status status = CheckTopics(config.fill); !status.ok()) return status;
  AppendConfig append = config.fill;
  append.topic = FreshTopicName("live-group");
  absl::Status status =
      EnsureTopics(server.address(), TopicNames(append.topic, append.topics), append.partitions);
  if (!status.ok()) return status;
  const CostMeter meter(server);
  const auto figures = RunLiveGroupLoad({.address = server.address(),
                                         .topic = append.topic,
                                         .topics = append.topics,
                                         .group = append.topic,
                                         .mode = mode->first,
                                         .members = config.members,
                                         .credit_events = config.credit_events},
                                        PacedLoadOf(server.address(), append), append.producers);
  if (!figures.ok()) return figures.status();
  const uint64_t sent = PacedLoadOf(server.address(), append).requests * append.batch_events;
  const std::string name = absl::StrFormat("%s at %g/s", mode->second, append.rate);
  std::vector<Result> results = {
      LiveResult(absl::StrCat(name, ", received"), "intended send to decoded event",
                 figures->received, config),
      LiveResult(absl::StrCat(name, ", acked"), "intended send to confirmed ack", figures->acked,
                 config)};
  results[0].config["redelivered"] = figures->received.events_with_warmup() - sent;
  results[0].events_by_second = figures->received.events_by_second();
  results[0].cost = meter.Stop(figures->received.events_with_warmup(), 0);
  return results;
}

absl::StatusOr<Result> MeasureGroup(const ServerProcess& server, const GroupsConfig& config,
                                    const std::string& topic, const std::string& mode_name,
                                    const std::string& group) {
  const auto mode = ModeOf(mode_name);
  if (!mode.ok()) return mode.status();
  const absl::StatusOr<uint64_t> stored =
      CountEvents(server.address(), TopicNames(topic, config.fill.topics));
  if (!stored.ok()) return stored.status();
  const CostMeter meter(server);
  const absl::StatusOr<Recorder> run = RunGroupLoad({.address = server.address(),
                                                     .topic = topic,
                                                     .topics = config.fill.topics,
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
  result.config = Describe(config);
  return result;
}

absl::StatusOr<std::vector<Result>> MeasureGroups(Session& session, const GroupsConfig& config,
                                                  Reporter& reporter) {
  const auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  if (config.fill.rate > 0) return MeasureLiveGroups(**server, config, reporter);
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
