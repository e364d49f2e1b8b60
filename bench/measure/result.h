// Result: one measured figure with everything needed to judge it, and its JSON line.
#ifndef TIDEMARK_BENCH_MEASURE_RESULT_H_
#define TIDEMARK_BENCH_MEASURE_RESULT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/measure/histogram.h"

namespace tidemark::bench {

// What a figure stands for must be read together with what its acknowledgement meant.
inline constexpr char kFsyncBeforeAck[] = "fsync before ack";
inline constexpr char kNothingStored[] = "nothing stored";
inline constexpr char kReadOnly[] = "read only";

// Latencies of a run, in microseconds.
struct Percentiles {
  uint64_t count = 0;
  double mean_us = 0;
  double p50_us = 0;
  double p90_us = 0;
  double p99_us = 0;
  double p99_9_us = 0;
  double p99_99_us = 0;
  double max_us = 0;
  // (percentile, microseconds), both rising, up to 99.999 % and the maximum: to draw.
  std::vector<std::pair<double, double>> curve;
};

Percentiles PercentilesOf(const Histogram& histogram);

// What the processes used while the figure was measured, warm-up included. Server figures are unset
// when the server is not a process that we may look at.
struct Cost {
  // The work done meanwhile, also warm-up included.
  uint64_t events = 0;
  uint64_t bytes = 0;
  double client_cpu_s = 0;
  // Both since the start of their process.
  uint64_t client_rss_max_bytes = 0;
  std::optional<double> server_cpu_s;
  std::optional<uint64_t> server_rss_max_bytes;
  std::optional<uint64_t> server_write_bytes;
};

struct Result {
  std::string name;
  double value = 0;
  std::string unit;
  // What the percentiles are of: "ack", "end to end", "gap between messages"; empty: none.
  std::string latency_of;
  std::optional<Percentiles> percentiles;
  double seconds = 0;
  uint64_t events = 0;
  // Encoded bytes of the events (append) or of the messages (replay).
  uint64_t bytes = 0;
  // The name of the result that `value` is divided by, of the same unit and run.
  std::string baseline;
  std::optional<double> ratio;
  std::string durability;
  // Another system's: its costs say nothing of Tidemark.
  bool of_peer = false;
  // True: the server stored the bytes during the run.
  bool stores = false;
  std::optional<Cost> cost;
  std::vector<uint64_t> events_by_second;
  nlohmann::ordered_json config;
};

// Sets `result.baseline` and `result.ratio`. Requires the same unit in both.
void CompareTo(const Result& baseline, Result& result);

// MB (10^6 bytes) of `result.bytes` per second of its window.
double MegabytesPerSecond(const Result& result);

// Bytes written by the server for each byte stored; nullopt if unknown.
std::optional<double> DiskBytesPerStoredByte(const Result& result);

// One object, no line breaks inside.
std::string ToJsonLine(const Result& result);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_MEASURE_RESULT_H_
