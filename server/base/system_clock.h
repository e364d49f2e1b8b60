// The real clocks of the machine. The only code of the server that asks the system for the time.
#pragma once

#include <chrono>
#include <cstdint>

#include "server/base/clock.h"

namespace tidemark::base {

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
};

// When a timer that is set now for `delay` is due, as gRPC's alarms want it.
std::chrono::system_clock::time_point DueAfter(absl::Duration delay);

// Nanoseconds of a clock that never steps, for measuring how long something took.
int64_t MonotonicNanos();

// Nanoseconds that the calling thread has had of a processor.
int64_t ThreadNanos();

}  // namespace tidemark::base
