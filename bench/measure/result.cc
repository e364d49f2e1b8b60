#include "bench/measure/result.h"

#include <cmath>
#include <cstdlib>

namespace tidemark::bench {
namespace {

using nlohmann::ordered_json;

double Us(int64_t ns) { return static_cast<double>(ns) / 1000.0; }

ordered_json ToJson(const Percentiles& p) {
  return {{"count", p.count}, {"mean", p.mean_us},   {"p50", p.p50_us},       {"p90", p.p90_us},
          {"p99", p.p99_us},  {"p99.9", p.p99_9_us}, {"p99.99", p.p99_99_us}, {"max", p.max_us}};
}

// Evenly spaced where it is drawn: ten points for each factor of ten in what is left above.
std::vector<std::pair<double, double>> CurveOf(const Histogram& histogram) {
  if (histogram.count() == 0) return {};
  std::vector<std::pair<double, double>> curve;
  constexpr int kPointsPerTen = 10;
  constexpr int kNines = 5;
  for (int i = 0; i <= kPointsPerTen * kNines; ++i) {
    const double above = std::pow(10, -static_cast<double>(i) / kPointsPerTen);
    // Beyond one value's share there is only the maximum.
    if (above * static_cast<double>(histogram.count()) < 1) break;
    const double percent = 100 * (1 - above);
    curve.emplace_back(percent, Us(histogram.Percentile(percent)));
  }
  curve.emplace_back(100 * (1 - 1 / (static_cast<double>(histogram.count()) + 1)),
                     Us(histogram.max()));
  return curve;
}

void AddCost(const Result& result, ordered_json& json) {
  const Cost& cost = *result.cost;
  if (cost.events > 0) json["cost_events"] = cost.events;
  json["cost_bytes"] = cost.bytes;
  json["client_cpu_s"] = cost.client_cpu_s;
  if (cost.client_rss_max_bytes > 0) json["client_rss_max_bytes"] = cost.client_rss_max_bytes;
  if (cost.server_cpu_s) json["server_cpu_s"] = *cost.server_cpu_s;
  if (cost.server_rss_max_bytes) json["server_rss_max_bytes"] = *cost.server_rss_max_bytes;
  if (cost.server_write_bytes) json["server_write_bytes"] = *cost.server_write_bytes;
  if (const std::optional<double> ratio = DiskBytesPerStoredByte(result)) {
    json["disk_bytes_per_stored_byte"] = *ratio;
  }
}

}  // namespace

Percentiles PercentilesOf(const Histogram& histogram) {
  return {.count = histogram.count(),
          .mean_us = histogram.Mean() / 1000.0,
          .p50_us = Us(histogram.Percentile(50)),
          .p90_us = Us(histogram.Percentile(90)),
          .p99_us = Us(histogram.Percentile(99)),
          .p99_9_us = Us(histogram.Percentile(99.9)),
          .p99_99_us = Us(histogram.Percentile(99.99)),
          .max_us = Us(histogram.max()),
          .curve = CurveOf(histogram)};
}

void CompareTo(const Result& baseline, Result& result) {
  if (baseline.unit != result.unit) std::abort();  // A ratio of two units would be a lie.
  result.baseline = baseline.name;
  if (baseline.value > 0) result.ratio = result.value / baseline.value;
}

double MegabytesPerSecond(const Result& result) {
  return result.seconds <= 0 ? 0 : static_cast<double>(result.bytes) / 1e6 / result.seconds;
}

std::optional<double> DiskBytesPerStoredByte(const Result& result) {
  if (!result.cost || !result.cost->server_write_bytes) return std::nullopt;
  if (!result.stores || result.cost->bytes == 0) return std::nullopt;
  return static_cast<double>(*result.cost->server_write_bytes) /
         static_cast<double>(result.cost->bytes);
}

std::string ToJsonLine(const Result& result) {
  ordered_json json = {{"name", result.name}, {"value", result.value}, {"unit", result.unit}};
  if (result.percentiles) {
    json["latency_of"] = result.latency_of;
    json["latency_us"] = ToJson(*result.percentiles);
  }
  if (result.seconds > 0) json["seconds"] = result.seconds;
  if (result.events > 0) json["events"] = result.events;
  if (result.bytes > 0) {
    json["bytes"] = result.bytes;
    json["mb_per_s"] = MegabytesPerSecond(result);
  }
  if (!result.baseline.empty()) json["baseline"] = result.baseline;
  if (result.ratio) json["ratio"] = *result.ratio;
  json["durability"] = result.durability;
  if (result.cost) AddCost(result, json);
  if (!result.events_by_second.empty()) json["events_by_second"] = result.events_by_second;
  if (!result.config.is_null()) json["config"] = result.config;
  return json.dump();
}

}  // namespace tidemark::bench
