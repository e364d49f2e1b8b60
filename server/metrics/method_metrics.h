// MethodMetrics: the figures of one RPC method, looked up once and then updated without a lookup.
//
// Threads.  Safe from any thread.
// Lifetime. Owned by Metrics; a reference stays valid as long as that.
#ifndef TIDEMARK_SERVER_METRICS_METHOD_METRICS_H_
#define TIDEMARK_SERVER_METRICS_METHOD_METRICS_H_

#include <array>
#include <atomic>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"

namespace tidemark::metrics {

class MethodMetrics {
 public:
  // `method` is "Service/Method" ("EventStore/Append"). The families outlive this.
  MethodMetrics(std::string method, prometheus::Family<prometheus::Counter>& requests_total,
                prometheus::Family<prometheus::Histogram>& request_seconds,
                prometheus::Family<prometheus::Gauge>& open_streams);
  MethodMetrics(const MethodMetrics&) = delete;
  MethodMetrics& operator=(const MethodMetrics&) = delete;

  // A unary or finite call was answered, `latency` after it arrived.
  void Done(absl::StatusCode code, absl::Duration latency);

  // A stream began. StreamClosed is called exactly once for it; its life time is no latency, so
  // only the code is counted.
  void StreamOpened() { open_streams_.Increment(); }
  void StreamClosed(absl::StatusCode code);

 private:
  static constexpr int kCodes = 17;  // The canonical codes, 0 to 16.

  prometheus::Counter& CounterOf(absl::StatusCode code);

  const std::string method_;
  prometheus::Family<prometheus::Counter>& requests_total_;
  prometheus::Histogram& request_seconds_;
  prometheus::Gauge& open_streams_;
  // Null until the code first occurs, so that a scrape is not full of codes that never do.
  std::array<std::atomic<prometheus::Counter*>, kCodes> by_code_ = {};
};

}  // namespace tidemark::metrics

#endif  // TIDEMARK_SERVER_METRICS_METHOD_METRICS_H_
