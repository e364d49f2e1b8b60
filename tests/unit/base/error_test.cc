#include "server/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"

namespace tidemark {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(ErrorTest, KeepsEveryPartOfADetail) {
  const std::string odd("\0 and \xff", 6);
  const absl::Status status = MakeError(
      absl::StatusCode::kAborted, "no",
      {.reason = "SEQUENCE_GAP",
       .metadata = {{"id", "hr"}, {"", odd}},
       .fields = {{"events[3].type", "is required"}, {"", ""}},
       .preconditions = {{"EXPECTED_OFFSET", "topics/hr/partitions/0", "is 7"}, {odd, "", odd}},
       .retry_delay = absl::Milliseconds(1500)});
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "no");
  const auto detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->reason, "SEQUENCE_GAP");
  EXPECT_THAT(detail->metadata, ElementsAre(Pair("id", "hr"), Pair("", odd)));
  EXPECT_THAT(detail->fields,
              ElementsAre(FieldsAre("events[3].type", "is required"), FieldsAre("", "")));
  EXPECT_THAT(detail->preconditions,
              ElementsAre(FieldsAre("EXPECTED_OFFSET", "topics/hr/partitions/0", "is 7"),
                          FieldsAre(odd, "", odd)));
  EXPECT_EQ(detail->retry_delay, absl::Milliseconds(1500));
}

TEST(ErrorTest, KeepsAnEmptyDetailEmpty) {
  const auto detail = DetailOf(MakeError(absl::StatusCode::kInternal, "", {.reason = "X"}));
  ASSERT_TRUE(detail.has_value());
  EXPECT_THAT(detail->metadata, IsEmpty());
  EXPECT_THAT(detail->fields, IsEmpty());
  EXPECT_THAT(detail->preconditions, IsEmpty());
  EXPECT_EQ(detail->retry_delay, std::nullopt);
}

TEST(ErrorTest, TellsARetryDelayOfZeroFromNone) {
  const auto detail = DetailOf(MakeError(absl::StatusCode::kUnavailable, "",
                                         {.reason = "X", .retry_delay = absl::ZeroDuration()}));
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->retry_delay, absl::ZeroDuration());
}

TEST(ErrorTest, FindsNoDetailInOtherStatuses) {
  EXPECT_EQ(DetailOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(DetailOf(absl::AbortedError("plain")), std::nullopt);
}

TEST(ErrorTest, KeepsTheDetailInACopiedStatus) {
  absl::Status status = InvalidField("topic", "is empty");
  const absl::Status copy = status;
  status = absl::OkStatus();
  ASSERT_TRUE(DetailOf(copy).has_value());
  EXPECT_EQ(DetailOf(copy)->reason, "INVALID_FIELD");
}

TEST(ErrorTest, InvalidFieldNamesTheField) {
  const absl::Status status = InvalidField("events[3].type", "is required", "MALFORMED");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "events[3].type: is required");
  EXPECT_EQ(DetailOf(status)->reason, "MALFORMED");
  EXPECT_THAT(DetailOf(status)->fields, ElementsAre(FieldsAre("events[3].type", "is required")));
}

TEST(ErrorTest, OverLimitNamesLimitAndValue) {
  const absl::Status status = OverLimit("events[0].key", "key_bytes_max", 1024, 2000, "bytes");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "events[0].key: 2000 bytes where key_bytes_max is 1024");
  EXPECT_EQ(DetailOf(status)->reason, "LIMIT_EXCEEDED");
  EXPECT_THAT(
      DetailOf(status)->metadata,
      UnorderedElementsAre(Pair("field", "events[0].key"), Pair("limit_name", "key_bytes_max"),
                           Pair("limit", "1024"), Pair("value", "2000")));
}

TEST(ErrorTest, NoSuchNamesWhatIsMissing) {
  const absl::Status status = NoSuch("topic", "hr", ". Create it");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("topic \"hr\" does not exist. Create it"));
  EXPECT_EQ(DetailOf(status)->reason, "TOPIC_NOT_FOUND");
  EXPECT_THAT(DetailOf(status)->metadata, ElementsAre(Pair("topic", "hr")));
}

TEST(ErrorTest, NoFeatureNamesTheFeature) {
  const absl::Status status = NoFeature("erase", "not yet");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(DetailOf(status)->metadata, ElementsAre(Pair("feature", "erase")));
}

}  // namespace
}  // namespace tidemark
