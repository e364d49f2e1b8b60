// What /metrics says of consumer groups.
#pragma once

#include <vector>

#include "prometheus/metric_family.h"
#include "server/groups/description.h"

namespace tidemark::app {

void CollectGroups(const std::vector<groups::GroupLag>& groups,
                   std::vector<prometheus::MetricFamily>& families);

}  // namespace tidemark::app
