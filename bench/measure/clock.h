// Clock: the one time source of the benchmarks.
#ifndef TIDEMARK_BENCH_MEASURE_CLOCK_H_
#define TIDEMARK_BENCH_MEASURE_CLOCK_H_

#include <time.h>

#include <cerrno>
#include <cstdint>

namespace tidemark::bench {

constexpr int64_t kNsPerSecond = 1'000'000'000;

// Nanoseconds of the machine's monotonic clock, the same in every process of this machine.
inline int64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

// Until NowNs() is `ns`, or a little more.
inline void SleepUntilNs(int64_t ns) {
  const timespec until = {.tv_sec = ns / kNsPerSecond, .tv_nsec = ns % kNsPerSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

inline int64_t SecondsToNs(double seconds) {
  return static_cast<int64_t>(seconds * static_cast<double>(kNsPerSecond));
}

inline double NsToSeconds(int64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(kNsPerSecond);
}

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_MEASURE_CLOCK_H_
