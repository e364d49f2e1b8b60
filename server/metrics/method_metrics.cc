#include "server/metrics/method_metrics.h"

#include <algorithm>
#include <utility>

#include "absl/strings/string_view.h"
#include "server/metrics/buckets.h"

namespace tidemark::metrics {
namespace {

// The canonical names, by code.
constexpr absl::string_view kCodeNames[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

}  // namespace

MethodMetrics::MethodMetrics(std::string method,
                             prometheus::Family<prometheus::Counter>& requests_total,
                             prometheus::Family<prometheus::Histogram>& request_seconds,
                             prometheus::Family<prometheus::Gauge>& open_streams)
    : method_(std::move(method)),
      requests_total_(requests_total),
      request_seconds_(request_seconds.Add({{"method", method_}}, SecondsBuckets())),
      open_streams_(open_streams.Add({{"method", method_}})) {}

void MethodMetrics::Done(absl::StatusCode code, absl::Duration latency) {
  CounterOf(code).Increment();
  request_seconds_.Observe(absl::ToDoubleSeconds(latency));
}

void MethodMetrics::StreamClosed(absl::StatusCode code) {
  open_streams_.Decrement();
  CounterOf(code).Increment();
}

prometheus::Counter& MethodMetrics::CounterOf(absl::StatusCode code) {
  static_assert(std::size(kCodeNames) == kCodes);
  int index = static_cast<int>(code);
  if (index < 0 || index >= kCodes) index = static_cast<int>(absl::StatusCode::kUnknown);
  std::atomic<prometheus::Counter*>& slot = by_code_[index];
  prometheus::Counter* counter = slot.load(std::memory_order_acquire);
  if (counter == nullptr) {
    // Two threads may both come here: Add gives both the same counter.
    counter = &requests_total_.Add({{"method", method_}, {"code", std::string(kCodeNames[index])}});
    slot.store(counter, std::memory_order_release);
  }
  return *counter;
}

}  // namespace tidemark::metrics
