// What /metrics says of backups.
#pragma once

#include <vector>

#include "prometheus/metric_family.h"
#include "server/storage/backup.h"

namespace tidemark::app {

void CollectBackups(const storage::Backups& backups,
                    std::vector<prometheus::MetricFamily>& families);

}  // namespace tidemark::app
