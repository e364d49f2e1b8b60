#include "bench/workload/mixed_workload.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "bench/load/topic_admin.h"
#include "bench/measure/clock.h"
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
            const int64_t begin_ns = NowNs();
            absl::StatusOr<Result> result = ReplayOnce(server, config);
            if (!result.ok()) {
              status_ = result.status();
            } else {
              replays_.push_back({begin_ns, *std::move(result)});
            }
          }
        }) {}
  ~ReplayLoop() { Stop().IgnoreError(); }

  // The last replay, with the rate of the seconds of all that ended by now.
  absl::StatusOr<Result> Stop() {
    const int64_t now_ns = NowNs();
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    if (!status_.ok()) return status_;
    Result result = replays_.back().result;
    uint64_t events = 0;
    double seconds = 0;
    for (const Replay& replay : replays_) {
      const std::vector<uint64_t>& by_second = replay.result.events_by_second;
      // Its last second is not a whole one.
      for (size_t i = 0; i + 1 < by_second.size(); ++i) {
        if (replay.begin_ns + static_cast<int64_t>(i + 1) * 1'000'000'000 > now_ns) break;
        events += by_second[i];
        seconds += 1;
      }
    }
    if (seconds == 0) return result;
    result.bytes =
        static_cast<uint64_t>(static_cast<double>(result.bytes) /
                              static_cast<double>(result.events) * static_cast<double>(events));
    result.events = events;
    result.seconds = seconds;
    result.value = static_cast<double>(events) / seconds;
    return result;
  }

 private:
  struct Replay {
    int64_t begin_ns;
    Result result;
  };
  std::atomic<bool> stop_ = false;
  absl::Status status_;  // Of the thread until it is joined, as is what follows.
  std::vector<Replay> replays_;
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
