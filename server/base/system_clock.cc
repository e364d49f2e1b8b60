#include "server/base/system_clock.h"

#include <time.h>

#include "absl/time/clock.h"

namespace tidemark::base {

absl::Time SystemClock::Now() const { return absl::Now(); }

std::chrono::system_clock::time_point DueAfter(absl::Duration delay) {
  return absl::ToChronoTime(absl::Now() + delay);
}

int64_t MonotonicNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t ThreadNanos() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return absl::ToInt64Nanoseconds(absl::DurationFromTimespec(time));
}

}  // namespace tidemark::base
