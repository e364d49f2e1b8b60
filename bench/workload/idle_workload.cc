#include "bench/workload/idle_workload.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/load/idle_groups.h"
#include "bench/load/topic_admin.h"
#include "bench/measure/clock.h"
#include "bench/process/cost_meter.h"
#include "bench/workload/quick_goals.h"

namespace tidemark::bench {
namespace {

// More than the kernel's step in a second of measuring; what the groups of an idle server may cost.
constexpr double kGoalPercent = 2;
// What joining has set off (assignments, commits, a flush) is over by then.
constexpr absl::Duration kSettle = absl::Milliseconds(500);

absl::StatusOr<Result> CpuWhileIdle(const ServerProcess& server, const char* name,
                                    const IdleConfig& config, uint32_t groups) {
  absl::SleepFor(kSettle);
  const CostMeter meter(server);
  const int64_t begin_ns = NowNs();
  absl::SleepFor(absl::Seconds(config.seconds));
  const Cost cost = meter.Stop(0, 0);
  const double seconds = NsToSeconds(NowNs() - begin_ns);
  if (!cost.server_cpu_s) {
    return absl::FailedPreconditionError("the server's process is not known: give --server-pid");
  }
  return Result{.name = name,
                .value = 100 * *cost.server_cpu_s / seconds,
                .unit = "% of a core",
                .seconds = seconds,
                .durability = kReadOnly,
                .cost = cost,
                .config = {{"groups", groups}}};
}

}  // namespace

absl::StatusOr<std::vector<Result>> MeasureIdle(const ServerProcess& server,
                                                const IdleConfig& config) {
  const std::string topic = FreshTopicName("idle");
  absl::Status status = EnsureTopic(server.address(), topic, /*partitions=*/1, /*index_keys=*/true);
  if (!status.ok()) return status;
  auto alone = CpuWhileIdle(server, kIdleAloneName, config, 0);
  if (!alone.ok()) return alone.status();
  IdleGroups groups;
  if (status = groups.Join(server.address(), topic, config.groups); !status.ok()) return status;
  auto beside = CpuWhileIdle(server, kIdleGroupsName, config, config.groups);
  if (!beside.ok()) return beside.status();
  return std::vector<Result>{*std::move(alone), *std::move(beside)};
}

std::vector<GoalCheck> IdleGoals(const std::vector<Result>& results) {
  const Result* const alone = FindResult(results, kIdleAloneName);
  const Result* const groups = FindResult(results, kIdleGroupsName);
  if (alone == nullptr || groups == nullptr) return {};
  return {{6, absl::StrCat("CPU of ", ConfigNumber(*groups, "groups"), " idle groups"),
           std::max(0.0, groups->value - alone->value), kGoalPercent, GoalSense::kAtMost,
           "% of a core"}};
}

}  // namespace tidemark::bench
