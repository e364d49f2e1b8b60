#include "bench/workload/mixed_workload.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "bench/load/topic_admin.h"
#include "bench/workload/groups_workload.h"
#include "bench/workload/quick_goals.h"
#include "bench/workload/replay_workload.h"

namespace tidemark::bench {
namespace {

constexpr double kGoal = 1.25;

absl::StatusOr<Result> ReplayOnce(const ServerProcess& server, const MixedConfig& config) {
  if (config.tail.groups) {
    auto result = MeasureGroup(server, {.members = 1}, config.replay_topic, "partition",
                               FreshTopicName("late-group"));
    if (result.ok()) result->name = kReplayBesideName;
    return result;
  }
  return MeasureReplay(server, {.name = kReplayBesideName, .topic = config.replay_topic});
}

// Replays the topic until it is destroyed, which waits for the replay under way.
class ReplayLoop {
 public:
  ReplayLoop(const ServerProcess& server, const MixedConfig& config)
      : thread_([this, &server, &config] {
          while (!stop_ && status_.ok()) {
            absl::StatusOr<Result> result = ReplayOnce(server, config);
            if (result.ok()) {
              last_ = *std::move(result);
            } else {
              status_ = result.status();
            }
          }
        }) {}
  ~ReplayLoop() { Stop().IgnoreError(); }

  absl::StatusOr<Result> Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    if (!status_.ok()) return status_;
    return last_;
  }

 private:
  std::atomic<bool> stop_ = false;
  absl::Status status_;  // Of the thread until it is joined, as is what follows.
  Result last_;
  std::thread thread_;  // Last: it uses everything above.
};

struct Round {
  Result alone;
  Result beside;
  Result replay;
  double ratio() const { return beside.percentiles->p99_us / alone.percentiles->p99_us; }
};

absl::StatusOr<Result> TailOf(const ServerProcess& server, const TailConfig& config,
                              const char* name, const std::string& durability) {
  auto results = MeasureTail(server, config, durability);
  if (!results.ok()) return results.status();
  Result result = std::move(results->front());
  result.name = name;
  return result;
}

absl::StatusOr<Round> MeasureRound(const ServerProcess& server, const MixedConfig& config,
                                   const std::string& durability) {
  auto alone = TailOf(server, config.tail, kTailAloneName, durability);
  if (!alone.ok()) return alone.status();
  ReplayLoop loop(server, config);
  auto beside = TailOf(server, config.tail, kTailBesideName, durability);
  if (!beside.ok()) return beside.status();
  auto replay = loop.Stop();
  if (!replay.ok()) return replay.status();
  CompareTo(*alone, *beside);
  return Round{*std::move(alone), *std::move(beside), *std::move(replay)};
}

}  // namespace

absl::StatusOr<std::vector<Result>> MeasureMixed(const ServerProcess& server,
                                                 const MixedConfig& config,
                                                 const std::string& durability) {
  std::vector<Round> rounds;
  for (int i = 0; i < config.rounds; ++i) {
    absl::StatusOr<Round> round = MeasureRound(server, config, durability);
    if (!round.ok()) return round.status();
    rounds.push_back(*std::move(round));
  }
  std::sort(rounds.begin(), rounds.end(),
            [](const Round& a, const Round& b) { return a.ratio() < b.ratio(); });
  Round& median = rounds[rounds.size() / 2];
  return std::vector<Result>{std::move(median.alone), std::move(median.beside),
                             std::move(median.replay)};
}

std::vector<GoalCheck> MixedGoals(const std::vector<Result>& results) {
  const Result* const alone = FindResult(results, kTailAloneName);
  const Result* const beside = FindResult(results, kTailBesideName);
  if (alone == nullptr || beside == nullptr) return {};
  if (!alone->percentiles.has_value() || !beside->percentiles.has_value()) return {};
  return {{5, "tail p99 beside a full replay / alone",
           beside->percentiles->p99_us / alone->percentiles->p99_us, kGoal, GoalSense::kAtMost,
           "x"}};
}

}  // namespace tidemark::bench
