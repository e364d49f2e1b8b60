// Figures that only groups have whose members ack event by event, for Prometheus; those of every
// group are in group_figures.h.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "prometheus/metric_family.h"
#include "server/groups/description.h"

namespace tidemark::app {

void CollectWork(const std::vector<groups::GroupLag>& groups, absl::Time now,
                 std::vector<prometheus::MetricFamily>& families);

}  // namespace tidemark::app
