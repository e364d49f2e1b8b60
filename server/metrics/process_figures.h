// Figures of this process, read from /proc/self when asked: CPU time, memory, open files.
#ifndef TIDEMARK_SERVER_METRICS_PROCESS_FIGURES_H_
#define TIDEMARK_SERVER_METRICS_PROCESS_FIGURES_H_

#include <vector>

#include "prometheus/metric_family.h"

namespace tidemark::metrics {

// Adds tidemark_process_*. A figure that the system does not give is left out, never made up.
void CollectProcessFigures(std::vector<prometheus::MetricFamily>& out);

}  // namespace tidemark::metrics

#endif  // TIDEMARK_SERVER_METRICS_PROCESS_FIGURES_H_
