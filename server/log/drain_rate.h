// DrainRate: how long what waits in the commit queue takes to leave it, judged by what left lately.
//
// How.     While something is left in the queue, the time between two takings is what the first one
//          took: nanoseconds per byte, averaged over some takings. A taking that leaves nothing
//          measures nothing, because the next one waits for requests; but the queue is not behind
//          any more, so what was measured fades: a stall is no reason to refuse what comes after
//          it.
// Threads. One at a time.
#pragma once

#include <cstdint>

namespace tidemark::log {

class DrainRate {
 public:
  // `bytes` were taken at `now_nanos`, and `left_bytes` wait on.
  void Taken(uint64_t bytes, uint64_t left_bytes, int64_t now_nanos) {
    if (since_nanos_ > 0 && bytes_ > 0) {
      const auto taking = static_cast<double>(now_nanos - since_nanos_);
      Average(nanos_per_taking_, taking);
      Average(nanos_per_byte_, taking / static_cast<double>(bytes_));
    }
    since_nanos_ = left_bytes > 0 ? now_nanos : 0;
    if (left_bytes == 0) {
      nanos_per_byte_ /= 2;
      nanos_per_taking_ /= 2;
    }
    bytes_ = bytes;
  }

  // Until `bytes` have left, and then the taking behind them is prepared and committed. 0 if
  // nothing waits, or the queue was never behind.
  int64_t NanosFor(uint64_t bytes) const {
    if (bytes == 0) return 0;
    return static_cast<int64_t>(nanos_per_byte_ * static_cast<double>(bytes) +
                                2 * nanos_per_taking_);
  }

 private:
  static void Average(double& average, double sample) {
    average = average == 0 ? sample : average + (sample - average) / 8;
  }

  double nanos_per_byte_ = 0;
  double nanos_per_taking_ = 0;
  int64_t since_nanos_ = 0;  // Of the last taking, if something was left. 0: nothing was.
  uint64_t bytes_ = 0;       // Of the last taking.
};

}  // namespace tidemark::log
