#include "bench/process/cost_meter.h"

#include <time.h>
#include <unistd.h>

namespace tidemark::bench {

CostMeter::CostMeter(const ServerProcess& server)
    : server_(server), client_cpu_s_(OwnCpuSeconds()), server_before_(server.Usage()) {}

Cost CostMeter::Stop(uint64_t events, uint64_t bytes) const {
  Cost cost{.events = events, .bytes = bytes, .client_cpu_s = OwnCpuSeconds() - client_cpu_s_};
  if (const auto own = ReadProcessUsage(getpid()); own.ok()) {
    cost.client_rss_max_bytes = own->rss_max_bytes;
  }
  const std::optional<ProcessUsage> after = server_.Usage();
  if (!after || !server_before_) return cost;
  cost.server_cpu_s = after->cpu_s - server_before_->cpu_s;
  cost.server_rss_max_bytes = after->rss_max_bytes;
  cost.server_write_bytes = after->write_bytes - server_before_->write_bytes;
  return cost;
}

double OwnCpuSeconds() {
  timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

}  // namespace tidemark::bench
