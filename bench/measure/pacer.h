// Pacer: when the requests of an open loop should leave.
//
// Terms.     The intended time of request i is start + i / rate, however late the others were:
// latency that
//            counts from it has every delay in it.
// Threads.   Make it on the thread that sleeps.
#ifndef TIDEMARK_BENCH_MEASURE_PACER_H_
#define TIDEMARK_BENCH_MEASURE_PACER_H_

#include <sys/prctl.h>

#include <cstdint>

#include "bench/measure/clock.h"

namespace tidemark::bench {

class Pacer {
 public:
  // Requires: a rate above 0.
  Pacer(int64_t start_ns, double per_second)
      : start_ns_(start_ns), interval_ns_(static_cast<double>(kNsPerSecond) / per_second) {
    prctl(PR_SET_TIMERSLACK, 1);  // The default lets the kernel wake us 50 us late.
  }

  int64_t IntendedNs(uint64_t number) const {
    return start_ns_ + static_cast<int64_t>(static_cast<double>(number) * interval_ns_);
  }
  // Until the intended time, which it returns.
  int64_t Await(uint64_t number) const {
    const int64_t intended_ns = IntendedNs(number);
    SleepUntilNs(intended_ns);
    return intended_ns;
  }

 private:
  const int64_t start_ns_;
  const double interval_ns_;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_MEASURE_PACER_H_
