#include "bench/measure/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace tidemark::bench {
namespace {

// What Percentile promises: the value of rank ceil(percent % of n), from the sorted values.
int64_t ExactPercentile(std::vector<int64_t> values, double percent) {
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(percent / 100 * static_cast<double>(values.size()) - 1e-6);
  return values[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

TEST(HistogramTest, ReportsZeroWhenEmpty) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Percentile(99), 0);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), 0);
  EXPECT_EQ(histogram.Mean(), 0);
}

TEST(HistogramTest, KeepsSmallValuesExactly) {
  Histogram histogram;
  for (int64_t value = 1; value <= 1000; ++value) histogram.Record(value);
  EXPECT_EQ(histogram.Percentile(0), 1);
  EXPECT_EQ(histogram.Percentile(50), 500);
  EXPECT_EQ(histogram.Percentile(99), 990);
  EXPECT_EQ(histogram.Percentile(99.9), 999);
  EXPECT_EQ(histogram.Percentile(100), 1000);
  EXPECT_DOUBLE_EQ(histogram.Mean(), 500.5);
}

// Percentiles of values over ten decades are at most one part in a thousand above the true ones.
TEST(HistogramTest, IsThreeDigitsExactAtEverySize) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(0, 11.5);
  Histogram histogram;
  std::vector<int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<int64_t>(std::pow(10, exponent(random))));
    histogram.Record(values.back());
  }
  for (double percent : {1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
    const int64_t exact = ExactPercentile(values, percent);
    EXPECT_GE(histogram.Percentile(percent), exact) << percent;
    EXPECT_LE(static_cast<double>(histogram.Percentile(percent)),
              static_cast<double>(exact) * 1.001)
        << percent;
  }
}

TEST(HistogramTest, NeverReportsMoreThanTheMaximum) {
  Histogram histogram;
  histogram.Record(1'000'001);
  EXPECT_EQ(histogram.Percentile(50), 1'000'001);
  EXPECT_EQ(histogram.Percentile(100), 1'000'001);
}

TEST(HistogramTest, CountsValuesBeyondItsRangeAndKeepsTheTrueMaximum) {
  Histogram histogram;
  const int64_t an_hour_ns = 3'600'000'000'000;
  histogram.Record(an_hour_ns);
  EXPECT_EQ(histogram.count(), 1u);
  EXPECT_EQ(histogram.max(), an_hour_ns);
  EXPECT_EQ(histogram.Percentile(99), static_cast<int64_t>(Histogram::kValueMax));
}

TEST(HistogramTest, CountsANegativeValueAsZero) {
  Histogram histogram;
  histogram.Record(-5);
  EXPECT_EQ(histogram.max(), 0);
  EXPECT_EQ(histogram.Percentile(50), 0);
}

// The percentile of merged histograms is not the average of their percentiles.
TEST(HistogramTest, MergesAsIfOneThreadHadRecordedAll) {
  Histogram fast;
  Histogram slow;
  Histogram all;
  for (int64_t i = 0; i < 990; ++i) {
    fast.Record(100 + i % 10);
    all.Record(100 + i % 10);
  }
  for (int64_t i = 0; i < 10; ++i) {
    slow.Record(5'000'000 + i);
    all.Record(5'000'000 + i);
  }
  fast.Merge(slow);
  EXPECT_EQ(fast.count(), all.count());
  EXPECT_EQ(fast.min(), all.min());
  EXPECT_EQ(fast.max(), all.max());
  EXPECT_DOUBLE_EQ(fast.Mean(), all.Mean());
  for (double percent : {50.0, 99.0, 99.5, 100.0}) {
    EXPECT_EQ(fast.Percentile(percent), all.Percentile(percent)) << percent;
  }
}

}  // namespace
}  // namespace tidemark::bench
