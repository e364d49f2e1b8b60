#include "server/app/group_figures.h"

#include <functional>
#include <optional>
#include <utility>

#include "server/metrics/families.h"

namespace tidemark::app {
namespace {

struct Figure {
  const char* name;
  const char* help;
  // Empty: not known.
  std::function<std::optional<double>(const groups::GroupLag&)> value;
  bool is_counter = false;
};

std::optional<double> AsDouble(const std::optional<uint64_t>& value) {
  return value.has_value() ? std::make_optional(static_cast<double>(*value)) : std::nullopt;
}

std::vector<Figure> Figures() {
  using Lag = groups::GroupLag;
  return {
      {"tidemark_group_lag_offsets", "Offsets between committed and end, summed over partitions.",
       [](const Lag& g) { return AsDouble(g.lag_offsets); }},
      {"tidemark_group_lag_events",
       "Events that a group reads and has not committed, as of the last look, some seconds ago.",
       [](const Lag& g) { return AsDouble(g.lag_events); }},
      {"tidemark_group_lag_seconds",
       "How long the oldest event that a group reads and has not committed is stored.",
       [](const Lag& g) -> std::optional<double> {
         if (!g.lag_events.has_value() && !g.lag_time.has_value()) return std::nullopt;
         return absl::ToDoubleSeconds(g.lag_time.value_or(absl::ZeroDuration()));
       }},
      {"tidemark_group_members", "Live members of a consumer group.",
       [](const Lag& g) { return std::optional<double>(g.members); }},
      {"tidemark_group_in_flight_events", "Delivered to members and not acked.",
       [](const Lag& g) { return std::optional<double>(g.in_flight_events); }},
      {"tidemark_group_redelivered_events_total", "Events that were delivered again.",
       [](const Lag& g) { return std::optional<double>(g.redelivered_events); }, true},
      {"tidemark_group_stalled",
       "1: events wait, and for group_stall_time nothing was delivered, acked or committed.",
       [](const Lag& g) { return std::optional<double>(g.stalled ? 1 : 0); }},
      {"tidemark_group_paused", "1: paused by PauseGroup.",
       [](const Lag& g) { return std::optional<double>(g.paused ? 1 : 0); }},
  };
}

}  // namespace

void CollectGroups(const std::vector<groups::GroupLag>& groups,
                   std::vector<prometheus::MetricFamily>& families) {
  for (const Figure& figure : Figures()) {
    prometheus::MetricFamily family = figure.is_counter
                                          ? metrics::CounterFamily(figure.name, figure.help)
                                          : metrics::GaugeFamily(figure.name, figure.help);
    for (const groups::GroupLag& group : groups) {
      const std::optional<double> value = figure.value(group);
      if (value.has_value()) metrics::AddSample(family, {{"group", group.group}}, *value);
    }
    families.push_back(std::move(family));
  }
}

}  // namespace tidemark::app
