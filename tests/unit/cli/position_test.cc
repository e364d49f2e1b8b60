// Places and times as people write them.
#include "client/cli/position.h"

#include "absl/time/time.h"
#include "client/cli/time_text.h"
#include "client/cli/topic_output.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tidemark::cli {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

absl::Time TimeOf(absl::string_view text) {
  const auto position = ParsePosition(text, kNow);
  EXPECT_TRUE(position.ok()) << position.status();
  EXPECT_EQ(position->kind, Position::Kind::kTime);
  return position->time;
}

TEST(ParsePositionTest, KnowsNamesAndOffsets) {
  EXPECT_EQ(ParsePosition("earliest", kNow)->kind, Position::Kind::kEarliest);
  EXPECT_EQ(ParsePosition("latest", kNow)->kind, Position::Kind::kLatest);
  EXPECT_EQ(ParsePosition("0", kNow)->offset, 0);
  EXPECT_EQ(ParsePosition("18446744073709551615", kNow)->offset, 18446744073709551615u);
}

TEST(ParsePositionTest, KnowsTimes) {
  EXPECT_EQ(TimeOf("2026-01-31T08:00:00Z"), absl::FromUnixSeconds(1769846400));
  EXPECT_EQ(TimeOf("2026-01-31T09:00:00+01:00"), absl::FromUnixSeconds(1769846400));
  EXPECT_EQ(TimeOf("2026-01-31t08:00:00.5z"), absl::FromUnixMillis(1769846400500));
  EXPECT_EQ(TimeOf("2026-01-31"), absl::FromUnixSeconds(1769817600));
}

TEST(ParsePositionTest, KnowsTimesAgo) {
  EXPECT_EQ(TimeOf("2h"), kNow - absl::Hours(2));
  EXPECT_EQ(TimeOf("1h30m"), kNow - absl::Minutes(90));
  EXPECT_EQ(TimeOf("7d"), kNow - absl::Hours(168));
  EXPECT_EQ(TimeOf("2w"), kNow - absl::Hours(336));
}

TEST(ParsePositionTest, RefusesTheRest) {
  for (const char* text :
       {"", "-1", "1.5", "first", "2x", "h", "0h", "2h30", "18446744073709551616",
        "2026-01-31 08:00:00", "2026-01-31T08:00:00", "2026-13-31", "infinite-future",
        "12026-01-31T08:00:00Z", "99999999999999h"}) {
    EXPECT_EQ(ParsePosition(text, kNow).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(FormatRfc3339Test, IsWhatParseReads) {
  for (const char* text : {"0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999999Z",
                           "1985-01-01T00:00:00Z", "9999-12-31T23:59:59.5Z"}) {
    EXPECT_EQ(FormatRfc3339(*ParseRfc3339(text)), text);
  }
}

TEST(TopicSettingsTest, KnowsSizesAndAges) {
  EXPECT_EQ(*ParseMaxBytes("4096"), 4096);
  EXPECT_EQ(*ParseMaxBytes("512MiB"), 512u << 20);
  EXPECT_EQ(*ParseMaxBytes("10 GB"), 10'000'000'000u);
  EXPECT_EQ(*ParseMaxBytes("unlimited"), ~uint64_t{0});
  for (const char* text :
       {"", "0", "MiB", "-1", "5 parsecs", "99999999999999999999", "20000000TiB"}) {
    EXPECT_FALSE(ParseMaxBytes(text).ok()) << text;
  }
  EXPECT_EQ(*ParseMaxAge("30d"), absl::Hours(720));
  EXPECT_EQ(*ParseMaxAge("forever"), absl::InfiniteDuration());
  EXPECT_FALSE(ParseMaxAge("never").ok());
}

}  // namespace
}  // namespace tidemark::cli
