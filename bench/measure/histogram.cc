#include "bench/measure/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tidemark::bench {
namespace {

constexpr int kExactBits = 11;  // Values below 2^11 are exact: three decimal digits and more.
constexpr uint64_t kExact = uint64_t{1} << kExactBits;
constexpr uint64_t kPerOctave = kExact / 2;

}  // namespace

Histogram::Histogram() : counts_(IndexOf(kValueMax) + 1) {}

size_t Histogram::IndexOf(uint64_t value) {
  if (value < kExact) return value;
  const int shift = std::bit_width(value) - kExactBits;
  const uint64_t within = (value >> shift) - kPerOctave;
  return kExact + static_cast<uint64_t>(shift - 1) * kPerOctave + within;
}

uint64_t Histogram::HighestValueOf(size_t index) {
  if (index < kExact) return index;
  const uint64_t above = index - kExact;
  const int shift = static_cast<int>(above / kPerOctave) + 1;
  return ((above % kPerOctave + kPerOctave + 1) << shift) - 1;
}

void Histogram::Record(int64_t value_ns) {
  const uint64_t value = static_cast<uint64_t>(std::max<int64_t>(value_ns, 0));
  ++counts_[IndexOf(std::min(value, kValueMax))];
  ++count_;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

int64_t Histogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  // The small subtraction keeps 99.9 % of 1000 at rank 999: the product is a little above it.
  const double rank = std::ceil(percent / 100.0 * static_cast<double>(count_) - 1e-6);
  const uint64_t wanted = std::max<uint64_t>(1, static_cast<uint64_t>(std::max(rank, 0.0)));
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) return static_cast<int64_t>(std::min(HighestValueOf(i), max_));
  }
  return max();
}

double Histogram::Mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

}  // namespace tidemark::bench
