#include "server/app/work_figures.h"

#include <algorithm>
#include <utility>

#include "server/metrics/families.h"

namespace tidemark::app {

void CollectWork(const std::vector<groups::GroupLag>& groups, absl::Time now,
                 std::vector<prometheus::MetricFamily>& families) {
  prometheus::MetricFamily waiting = metrics::GaugeFamily(
      "tidemark_group_waiting_events", "Events that wait for their time or their next attempt.");
  prometheus::MetricFamily oldest = metrics::GaugeFamily(
      "tidemark_group_oldest_unacked_seconds", "How long the oldest event in flight is held.");
  prometheus::MetricFamily blocked = metrics::GaugeFamily(
      "tidemark_group_window_blocked", "1: a window is full and nothing in it is ready.");
  prometheus::MetricFamily keys =
      metrics::GaugeFamily("tidemark_group_blocked_keys", "Keys that a dead letter blocks.");
  prometheus::MetricFamily letters =
      metrics::GaugeFamily("tidemark_group_dead_letters", "Dead letters, redriven ones included.");
  for (const groups::GroupLag& group : groups) {
    if (!group.work.has_value()) continue;
    const groups::WorkFigures& work = *group.work;
    const auto add = [&](prometheus::MetricFamily& family, double value) {
      metrics::AddSample(family, {{"group", group.group}}, value);
    };
    add(waiting, static_cast<double>(work.waiting_events));
    const absl::Time since = absl::FromUnixMicros(
        static_cast<int64_t>(work.oldest_unacked_us.value_or(absl::ToUnixMicros(now))));
    add(oldest, std::max(0.0, absl::ToDoubleSeconds(now - since)));
    add(blocked, work.window_blocked ? 1 : 0);
    add(keys, static_cast<double>(work.blocked_keys));
    add(letters, static_cast<double>(work.dead_letters));
  }
  for (auto* family : {&waiting, &oldest, &blocked, &keys, &letters}) {
    families.push_back(std::move(*family));
  }
}

}  // namespace tidemark::app
