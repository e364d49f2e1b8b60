#include "server/base/crc32c.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/random.h"

namespace tidemark::base {
namespace {

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
TEST(Crc32cTest, GivesThePublishedValues) {
  std::string rising(32, '\0');
  std::iota(rising.begin(), rising.end(), 0);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(Crc32c(std::string(rising.rbegin(), rising.rend())), 0x113fdb5cu);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32cTest, GivesThePublishedValuesWithoutTheInstruction) {
  EXPECT_EQ(ExtendCrc32cPortable(0, std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(ExtendCrc32cPortable(0, "123456789"), 0xe3069283u);
  EXPECT_EQ(ExtendCrc32cPortable(0, ""), 0u);
}

// The instruction runs three blocks of 1 KiB in parallel: sizes around its multiples matter most.
TEST(Crc32cTest, InstructionAgreesWithThePortableForm) {
  const uint64_t seed = testing::SeedOr(1);
  testing::Random random(seed);
  for (int i = 0; i < 2000; ++i) {
    const size_t blocks = random.Below(4) * 3 * 1024;
    const size_t size = i % 2 == 0 ? random.Below(200) : blocks + random.Below(64);
    const std::string bytes = random.Bytes(size + 8);
    const auto data = absl::string_view(bytes).substr(random.Below(8), size);  // Any alignment.
    const auto crc = static_cast<uint32_t>(random.Below(1ull << 32));
    ASSERT_EQ(ExtendCrc32c(crc, data), ExtendCrc32cPortable(crc, data))
        << "seed " << seed << ", size " << size;
  }
}

TEST(Crc32cTest, ContinuesFromAnyCut) {
  testing::Random random(testing::SeedOr(2));
  const std::string bytes = random.Bytes(7000);
  const absl::string_view data = bytes;
  for (size_t cut = 0; cut <= data.size(); cut += 1 + random.Below(97)) {
    ASSERT_EQ(ExtendCrc32c(Crc32c(data.substr(0, cut)), data.substr(cut)), Crc32c(data)) << cut;
  }
}

TEST(Crc32cTest, NoticesEverySingleFlippedBit) {
  testing::Random random(testing::SeedOr(3));
  std::string bytes = random.Bytes(200);
  const uint32_t crc = Crc32c(bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    ASSERT_NE(Crc32c(bytes), crc) << "bit " << bit;
    bytes[bit / 8] ^= static_cast<char>(1 << (bit % 8));
  }
}

}  // namespace
}  // namespace tidemark::base
