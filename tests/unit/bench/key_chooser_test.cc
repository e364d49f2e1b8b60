// Keys by Zipf's law, and all alike.
#include "bench/load/key_chooser.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tidemark::bench {
namespace {

std::vector<int> CountsOf(const KeyChooser& chooser, uint32_t keys, int draws) {
  std::mt19937_64 random(1);
  std::vector<int> counts(keys);
  for (int i = 0; i < draws; ++i) ++counts[chooser.Rank(random())];
  return counts;
}

TEST(KeyChooserTest, WithoutKeysThereIsNone) { EXPECT_EQ(KeyChooser(0, 1).Key(5), ""); }

TEST(KeyChooserTest, UniformKeysComeEquallyOften) {
  const auto counts = CountsOf(KeyChooser(10, 0), 10, 100'000);
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 600);
}

TEST(KeyChooserTest, ZipfsSecondKeyComesHalfAsOftenAsTheFirst) {
  const auto counts = CountsOf(KeyChooser(1000, 1), 1000, 1'000'000);
  EXPECT_NEAR(counts[1] / static_cast<double>(counts[0]), 0.5, 0.02);
  EXPECT_NEAR(counts[9] / static_cast<double>(counts[0]), 0.1, 0.02);
  EXPECT_GT(counts[0], 120'000);  // 1 / H(1000) = 0.134 of them.
}

TEST(KeyChooserTest, EveryRandomWordHasAKey) {
  const KeyChooser chooser(3, 2);
  EXPECT_EQ(chooser.Rank(0), 0u);
  EXPECT_EQ(chooser.Rank(UINT64_MAX), 2u);
  EXPECT_EQ(chooser.Key(0), "employee-0000000");
}

}  // namespace
}  // namespace tidemark::bench
