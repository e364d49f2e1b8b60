// How long HR waited for its acknowledgements, in each act of the demo.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_LATENCY_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_LATENCY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "examples/hr/demo/records.h"

namespace hr_example {

// A stretch of time, [from_us, until_us) by MonotonicUs.
struct Act {
  std::string name;
  int64_t from_us = 0;
  int64_t until_us = 0;
};

struct Latency {
  size_t events = 0;  // 0: the others mean nothing.
  absl::Duration p50;
  absl::Duration p99;
  absl::Duration max;
};

// Of the events that were sent during `act`.
Latency LatencyDuring(const Act& act, const std::vector<Acknowledged>& acks);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_LATENCY_H_
