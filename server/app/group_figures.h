// What /metrics says of consumer groups.
#pragma once

#include <vector>

#include "prometheus/metric_family.h"
#include "server/groups/group_coordinator.h"

namespace tidemark::app {

void CollectGroups(groups::GroupCoordinator& groups,
                   std::vector<prometheus::MetricFamily>& families);

}  // namespace tidemark::app
