// Histogram: counts of latencies in buckets whose width grows with the value.
//
// Terms.     Values are nanoseconds. Below 2048 each value has a bucket of its own; above, each
//            power of two is cut into 1024 buckets, so a reported value is at most 0.1 % above
//            the recorded one, at any size.
// Invariant. count() is the sum of all buckets; max() and min() are exact.
// Threads.   None: one histogram per thread, then Merge. Percentiles of merged histograms are
//            percentiles of all values together, which an average of percentiles is not.
#ifndef TIDEMARK_BENCH_MEASURE_HISTOGRAM_H_
#define TIDEMARK_BENCH_MEASURE_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tidemark::bench {

class Histogram {
 public:
  // 18 minutes; longer values are counted as this long (max() still tells the true one).
  static constexpr uint64_t kValueMax = (uint64_t{1} << 40) - 1;

  Histogram();

  // Counts one value; a negative one (the clock cannot give it) counts as 0.
  void Record(int64_t value_ns);
  void Merge(const Histogram& other);

  // The smallest recorded value that at least `percent` % of the values do not exceed, rounded up
  // to its bucket's end but never above max(). 0 if nothing was recorded. Requires 0..100.
  int64_t Percentile(double percent) const;

  uint64_t count() const { return count_; }
  int64_t min() const { return count_ == 0 ? 0 : static_cast<int64_t>(min_); }
  int64_t max() const { return static_cast<int64_t>(max_); }
  double Mean() const;

 private:
  static size_t IndexOf(uint64_t value);
  static uint64_t HighestValueOf(size_t index);

  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_MEASURE_HISTOGRAM_H_
