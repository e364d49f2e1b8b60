#include "bench/workload/restart_workload.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/load/topic_admin.h"
#include "bench/workload/quick_goals.h"

namespace tidemark::bench {
namespace {

constexpr double kGoalSeconds = 2;
constexpr double kDiskBytesGoal = 2.1;

Result ResultOf(std::string name, absl::Duration ready, const RestartConfig& config,
                uint64_t events, uint64_t bytes) {
  return {.name = std::move(name),
          .value = absl::ToDoubleMilliseconds(ready),
          .unit = "ms",
          .events = events,
          .durability = kFsyncBeforeAck,
          .config = {{"stored_events", events},
                     {"stored_bytes", bytes},
                     {"partitions", config.partitions},
                     {"topics", config.topics + 1}}};
}

}  // namespace

absl::StatusOr<std::vector<Result>> MeasureRestart(Session& session, const RestartConfig& config,
                                                   const Reporter& reporter) {
  std::vector<Result> results;
  if (config.empty_first) {
    reporter.Begin("start of an empty store");
    if (auto server = session.Tidemark(); !server.ok()) return server.status();
    const absl::StatusOr<absl::Duration> empty = session.KillAndRestart(/*cold=*/false);
    if (!empty.ok()) return empty.status();
    results.push_back(ResultOf("ready, empty store", *empty, config, 0, 0));
  }
  reporter.Begin("append, to have something to restart with");
  auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  const std::string prefix = FreshTopicName("restart");
  if (auto s = CreateTopics((*server)->address(), prefix, config.topics); !s.ok()) return s;
  AppendConfig append = config.append;
  append.name = kRestartFillName;
  append.partitions = config.partitions;
  const double event_bytes = append.shape.data_bytes + 43.0;  // Type, key and tags.
  append.events = static_cast<uint64_t>(config.gigabytes * 1e9 / event_bytes) + 1;
  std::string topic;
  absl::StatusOr<Result> filled = MeasureAppend(**server, append, session.Durability(), &topic);
  if (!filled.ok()) return filled.status();
  results.push_back(*filled);

  for (const bool cold : {false, true}) {
    reporter.Begin(cold ? "restart, cold" : "restart");
    const absl::StatusOr<absl::Duration> ready = session.KillAndRestart(cold);
    if (!ready.ok()) return ready.status();
    server = session.Tidemark();
    if (!server.ok()) return server.status();
    const absl::StatusOr<uint64_t> events = CountEvents((*server)->address(), topic);
    if (!events.ok()) return events.status();
    if (*events < filled->events) {
      return absl::DataLossError(absl::StrCat(filled->events, " events were acknowledged, ",
                                              *events, " are there after the kill"));
    }
    results.push_back(ResultOf(cold ? kRestartColdName : kRestartName, *ready, config, *events,
                               session.DataBytes().value_or(filled->bytes)));
    // A kill right after a start would find an empty log: write what a kill may meet.
    AppendConfig again = append;
    again.topic = topic;
    again.events = append.events / 20 + 1;
    if (auto more = MeasureAppend(**server, again, session.Durability(), nullptr); !more.ok()) {
      return more.status();
    }
  }
  return results;
}

std::vector<GoalCheck> RestartGoals(const std::vector<Result>& results) {
  std::vector<GoalCheck> checks;
  for (const char* name : {kRestartName, kRestartColdName}) {
    const Result* const result = FindResult(results, name);
    if (result == nullptr) continue;
    const double gigabytes = result->config["stored_bytes"].get<double>() / 1e9;
    checks.push_back({7, absl::StrFormat("%s, %.1f GB stored", name, gigabytes),
                      result->value / 1e3, kGoalSeconds, GoalSense::kAtMost, "s"});
  }
  const Result* const filled = FindResult(results, kRestartFillName);
  if (filled == nullptr) return checks;
  if (const std::optional<double> amplification = DiskBytesPerStoredByte(*filled)) {
    checks.push_back({8,
                      absl::StrCat("bytes to disk per stored byte, ",
                                   ConfigNumber(*filled, "partitions"), " partitions"),
                      *amplification, kDiskBytesGoal, GoalSense::kAtMost, "x"});
  }
  return checks;
}

}  // namespace tidemark::bench
