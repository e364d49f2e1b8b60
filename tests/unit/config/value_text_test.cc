#include "server/config/value_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/str_cat.h"

namespace tidemark::config {
namespace {

using ::testing::HasSubstr;

TEST(ValueTextTest, ReadsSizesInPowersOf1024) {
  EXPECT_EQ(*ParseBytes("0"), 0u);
  EXPECT_EQ(*ParseBytes("1048576"), 1048576u);
  EXPECT_EQ(*ParseBytes("7B"), 7u);
  EXPECT_EQ(*ParseBytes("3KiB"), 3072u);
  EXPECT_EQ(*ParseBytes("64 MiB"), 64u << 20);
  EXPECT_EQ(*ParseBytes("2GiB"), uint64_t{2} << 30);
  EXPECT_EQ(*ParseBytes("1TiB"), uint64_t{1} << 40);
  EXPECT_EQ(*ParseBytes("18446744073709551615"), std::numeric_limits<uint64_t>::max());
}

TEST(ValueTextTest, RefusesSizesThatAreAmbiguousOrDoNotFit) {
  for (const char* text : {"", "MiB", "1MB", "1mib", "1.5MiB", "-1", "+1", " 1", "1 ", "1MiB2",
                           "0x10", "18446744073709551616", "16777216TiB"}) {
    const auto bytes = ParseBytes(text);
    ASSERT_FALSE(bytes.ok()) << text << " gave " << *bytes;
    EXPECT_THAT(std::string(bytes.status().message()), HasSubstr("64MiB"));
  }
}

TEST(ValueTextTest, ReadsDurationsWithUnit) {
  EXPECT_EQ(*ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("10s"), absl::Seconds(10));
  EXPECT_EQ(*ParseDuration("5min"), absl::Minutes(5));
  EXPECT_EQ(*ParseDuration("2 h"), absl::Hours(2));
  EXPECT_EQ(*ParseDuration("0s"), absl::ZeroDuration());
}

TEST(ValueTextTest, RefusesDurationsWithoutUnitOrBeyondTheClock) {
  for (const char* text :
       {"", "10", "s", "-1s", "1.5s", "1m", "1day", "9223372036855ms", "18446744073709551615h"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(ValueTextTest, ReadsBackWhatItWrites) {
  for (const uint64_t bytes :
       {uint64_t{0}, uint64_t{1}, uint64_t{1000}, uint64_t{1024}, uint64_t{1} << 20,
        (uint64_t{1} << 20) + 1, uint64_t{3} << 40, std::numeric_limits<uint64_t>::max()}) {
    EXPECT_EQ(*ParseBytes(BytesToText(bytes)), bytes) << BytesToText(bytes);
  }
  for (const int64_t ms : {0, 1, 999, 1000, 1001, 60'000, 90'000, 3'600'000}) {
    const absl::Duration duration = absl::Milliseconds(ms);
    EXPECT_EQ(*ParseDuration(DurationToText(duration)), duration) << DurationToText(duration);
  }
}

TEST(ValueTextTest, WritesTheLargestUnitThatDivides) {
  EXPECT_EQ(BytesToText(64 << 20), "64MiB");
  EXPECT_EQ(BytesToText(1500), "1500");
  EXPECT_EQ(DurationToText(absl::Seconds(15)), "15s");
  EXPECT_EQ(DurationToText(absl::Milliseconds(1500)), "1500ms");
  EXPECT_EQ(DurationToText(absl::Minutes(10)), "10min");
  EXPECT_EQ(DurationToText(absl::ZeroDuration()), "0ms");
}

TEST(ValueTextTest, ReadsCountsOfDigitsOnly) {
  EXPECT_EQ(*ParseCount("100000"), 100000u);
  for (const char* text : {"", "1_000", "1,000", "-1", "+1", " 1", "1e3", "99999999999999999999"}) {
    EXPECT_FALSE(ParseCount(text).ok()) << text;
  }
}

TEST(ValueTextTest, ReadsTrueAndFalseOnly) {
  EXPECT_TRUE(*ParseBool("true"));
  EXPECT_FALSE(*ParseBool("false"));
  for (const char* text : {"", "1", "yes", "True"}) EXPECT_FALSE(ParseBool(text).ok()) << text;
}

}  // namespace
}  // namespace tidemark::config
