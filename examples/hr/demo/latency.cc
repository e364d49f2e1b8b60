#include "examples/hr/demo/latency.h"

#include <algorithm>

namespace hr_example {
namespace {

// The smallest value that `percent` of the values do not exceed.
absl::Duration Percentile(const std::vector<int64_t>& sorted_us, size_t percent) {
  const size_t rank = (sorted_us.size() * percent + 99) / 100;
  return absl::Microseconds(sorted_us[rank - 1]);
}

}  // namespace

Latency LatencyDuring(const Act& act, const std::vector<Acknowledged>& acks) {
  std::vector<int64_t> latencies_us;
  for (const Acknowledged& ack : acks) {
    if (ack.sent_us >= act.from_us && ack.sent_us < act.until_us) {
      latencies_us.push_back(ack.latency_us);
    }
  }
  if (latencies_us.empty()) return {};
  std::sort(latencies_us.begin(), latencies_us.end());
  return {.events = latencies_us.size(),
          .p50 = Percentile(latencies_us, 50),
          .p99 = Percentile(latencies_us, 99),
          .max = absl::Microseconds(latencies_us.back())};
}

}  // namespace hr_example
