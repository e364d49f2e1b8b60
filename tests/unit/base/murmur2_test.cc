#include "server/base/murmur2.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tidemark::base {
namespace {

// The vectors that Kafka publishes for its default partitioner.
TEST(Murmur2Test, GivesKafkasValues) {
  const std::vector<std::pair<std::string, int32_t>> vectors = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107}};
  for (const auto& [text, hash] : vectors) {
    EXPECT_EQ(static_cast<int32_t>(Murmur2(text)), hash) << text;
  }
}

TEST(Murmur2Test, RoutesAKeyAsKafkaDoes) {
  // "21" hashes to -973932308; without its sign bit that is 1173551340.
  EXPECT_EQ(PartitionOfKey("21", 1), 0u);
  EXPECT_EQ(PartitionOfKey("21", 7), 1173551340u % 7);
  EXPECT_EQ(PartitionOfKey("abc", 1000), 479470107u % 1000);
}

TEST(Murmur2Test, RoutesEveryKeyBelowThePartitionCount) {
  for (uint32_t partitions : {1u, 2u, 3u, 8u, 10'000u}) {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_LT(PartitionOfKey("employee-" + std::to_string(i), partitions), partitions) << i;
    }
  }
}

TEST(Murmur2Test, TakesBytesAboveAsciiAsUnsigned) {
  EXPECT_NE(Murmur2("\xff"), Murmur2("\x7f"));
  EXPECT_LT(PartitionOfKey("\xff\xfe\xfd", 5), 5u);
}

}  // namespace
}  // namespace tidemark::base
