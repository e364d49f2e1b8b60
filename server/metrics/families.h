// Families of samples for collectors: made in one line, filled in one line each.
#ifndef TIDEMARK_SERVER_METRICS_FAMILIES_H_
#define TIDEMARK_SERVER_METRICS_FAMILIES_H_

#include <string>
#include <vector>

#include "prometheus/client_metric.h"
#include "prometheus/metric_family.h"

namespace tidemark::metrics {

// `name` is "tidemark_...", in base units with the unit last; a counter ends in "_total".
prometheus::MetricFamily GaugeFamily(std::string name, std::string help);
prometheus::MetricFamily CounterFamily(std::string name, std::string help);

// Adds a sample to a family made by one of the above.
void AddSample(prometheus::MetricFamily& family,
               std::vector<prometheus::ClientMetric::Label> labels, double value);

// Sorts families by name; those of one name and type become one, with the first one's HELP text.
// Prometheus rejects a whole scrape that has a name twice; of two types under one name, a bug, the
// first is kept.
std::vector<prometheus::MetricFamily> MergeFamilies(std::vector<prometheus::MetricFamily> families);

}  // namespace tidemark::metrics

#endif  // TIDEMARK_SERVER_METRICS_FAMILIES_H_
