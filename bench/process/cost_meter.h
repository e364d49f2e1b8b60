// CostMeter: what client and server use between its construction and Stop().
#ifndef TIDEMARK_BENCH_PROCESS_COST_METER_H_
#define TIDEMARK_BENCH_PROCESS_COST_METER_H_

#include <cstdint>
#include <optional>

#include "bench/measure/process_usage.h"
#include "bench/measure/result.h"
#include "bench/process/server_process.h"

namespace tidemark::bench {

class CostMeter {
 public:
  // `server` outlives the meter.
  explicit CostMeter(const ServerProcess& server);

  // The difference since the construction, for the work that was done meanwhile.
  // server_rss_max_bytes is since the server's start.
  Cost Stop(uint64_t events, uint64_t bytes) const;

 private:
  const ServerProcess& server_;
  const double client_cpu_s_;
  const std::optional<ProcessUsage> server_before_;
};

// CPU seconds of this process, all threads.
double OwnCpuSeconds();

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_PROCESS_COST_METER_H_
