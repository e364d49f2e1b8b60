#include "server/log/event_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "tests/support/events.h"

namespace tidemark::log {
namespace {

using testing::BytesField;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Encode;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::TestEvent;
using testing::VarintField;

absl::Status Check(absl::string_view event, const EventLimits& limits = {}) {
  EventView view;
  return CheckEvent(event, limits, 3, view);
}

// INVALID_ARGUMENT about `field` of events[3].
void ExpectRefusal(const absl::Status& status, absl::string_view field, absl::string_view reason) {
  const std::string path = field.empty() ? "events[3]" : absl::StrCat("events[3].", field);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << path << ": " << status;
  const auto detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value()) << path << ": " << status;
  EXPECT_EQ(detail->reason, reason) << status;
  EXPECT_THAT(detail->fields, ElementsAre(Field(&FieldViolation::field, path))) << status;
}

TestEvent FullEvent() {
  return {.id = "e1",
          .type = "employee.created",
          .source = "/hr/employees",
          .key = "employee-10001",
          .time = {{1'700'000'000, 123}},
          .content_type = "application/json",
          .data = std::string("\0\xff{}", 4),
          .attributes = {{"traceparent", "00-abc"}, {"correlationid", ""}}};
}

TEST(CheckEventTest, FindsTypeAndKey) {
  const std::string event = Encode(FullEvent());
  EventView view;
  ASSERT_TRUE(CheckEvent(event, {}, 0, view).ok());
  EXPECT_EQ(view.type, "employee.created");
  EXPECT_EQ(view.key, "employee-10001");
}

TEST(CheckEventTest, TakesTheSmallestEvent) {
  const std::string event = Encode({.type = "t"});
  EventView view;
  view.key = "of the event before";
  ASSERT_TRUE(CheckEvent(event, {}, 0, view).ok());
  EXPECT_EQ(view.type, "t");
  EXPECT_EQ(view.key, "");
}

TEST(CheckEventTest, RefusesAnEventWithoutType) {
  ExpectRefusal(Check(""), "type", "INVALID_FIELD");
  ExpectRefusal(Check(Encode({.type = "", .key = "k"})), "type", "INVALID_FIELD");
  ExpectRefusal(Check(BytesField(2, "")), "type", "INVALID_FIELD");
}

TEST(CheckEventTest, RefusesAStarInTheType) {
  ExpectRefusal(Check(Encode({.type = "employee.*"})), "type", "INVALID_FIELD");
}

struct LimitCase {
  const char* field;
  const char* limit_name;
  uint64_t limit;
  std::function<TestEvent(size_t size)> event;
};

std::vector<LimitCase> LimitCases() {
  const auto x = [](size_t n) { return std::string(n, 'x'); };
  return {
      {"id", "id_bytes_max", 256, [x](size_t n) { return TestEvent{.id = x(n)}; }},
      {"type", "type_bytes_max", 200, [x](size_t n) { return TestEvent{.type = x(n)}; }},
      {"source", "source_bytes_max", 1024, [x](size_t n) { return TestEvent{.source = x(n)}; }},
      {"key", "key_bytes_max", 1024, [x](size_t n) { return TestEvent{.key = x(n)}; }},
      {"content_type", "content_type_bytes_max", 256,
       [x](size_t n) { return TestEvent{.content_type = x(n)}; }},
      {"attributes", "attribute_name_bytes_max", 200,
       [x](size_t n) {
         return TestEvent{.attributes = {{x(n), "v"}}};
       }},
      {"attributes[\"a\"]", "attribute_value_bytes_max", 4096,
       [x](size_t n) {
         return TestEvent{.attributes = {{"a", x(n)}}};
       }},
      {"attributes", "attributes_max", 64,
       [](size_t n) {
         TestEvent event;
         for (size_t i = 0; i < n; ++i) event.attributes.emplace_back(absl::StrCat("a", i), "v");
         return event;
       }},
  };
}

TEST(CheckEventTest, TakesEachFieldAtItsLimit) {
  for (const LimitCase& c : LimitCases()) {
    const absl::Status status = Check(Encode(c.event(c.limit)));
    EXPECT_TRUE(status.ok()) << c.limit_name << ": " << status;
  }
}

TEST(CheckEventTest, RefusesEachFieldOverItsLimitAndNamesBoth) {
  for (const LimitCase& c : LimitCases()) {
    const absl::Status status = Check(Encode(c.event(c.limit + 1)));
    ExpectRefusal(status, c.field, "LIMIT_EXCEEDED");
    if (!DetailOf(status).has_value()) continue;
    EXPECT_THAT(DetailOf(status)->metadata, Contains(Pair("limit_name", c.limit_name)));
    EXPECT_THAT(DetailOf(status)->metadata, Contains(Pair("limit", absl::StrCat(c.limit))));
    EXPECT_THAT(DetailOf(status)->metadata, Contains(Pair("value", absl::StrCat(c.limit + 1))));
  }
}

TEST(CheckEventTest, MeasuresTheWholeEncodedEvent) {
  const std::string event = Encode({.type = "t", .data = std::string(1000, 'x')});
  EXPECT_TRUE(Check(event, {.event_bytes_max = event.size()}).ok());
  const absl::Status status = Check(event, {.event_bytes_max = event.size() - 1});
  ExpectRefusal(status, "", "LIMIT_EXCEEDED");
  EXPECT_THAT(DetailOf(status)->metadata, Contains(Pair("limit_name", "event_bytes_max")));
}

TEST(CheckEventTest, RefusesTextThatIsNotPlain) {
  using Make = std::function<TestEvent(std::string)>;
  const std::vector<std::pair<const char*, Make>> fields = {
      {"id", [](std::string text) { return TestEvent{.id = std::move(text)}; }},
      {"type", [](std::string text) { return TestEvent{.type = std::move(text)}; }},
      {"source", [](std::string text) { return TestEvent{.source = std::move(text)}; }},
      {"key", [](std::string text) { return TestEvent{.key = std::move(text)}; }},
      {"content_type", [](std::string text) { return TestEvent{.content_type = std::move(text)}; }},
      {"attributes",
       [](std::string text) {
         return TestEvent{.attributes = {{std::move(text), "v"}}};
       }},
  };
  for (const auto& [field, make] : fields) {
    for (const std::string text : {"Zo\xeb", "a\nb", "\x7f", "\xed\xa0\x80"}) {
      SCOPED_TRACE(absl::CHexEscape(text));
      ExpectRefusal(Check(Encode(make(text))), field, "INVALID_FIELD");
    }
    EXPECT_TRUE(Check(Encode(make("Zoë"))).ok()) << field;
  }
}

TEST(CheckEventTest, RefusesAttributeValuesThatAreNotUtf8) {
  ExpectRefusal(Check(Encode({.attributes = {{"a", "\xff"}}})), "attributes", "INVALID_FIELD");
}

TEST(CheckEventTest, RefusesAnAttributeWithoutName) {
  ExpectRefusal(Check(Encode({.attributes = {{"", "v"}}})), "attributes", "INVALID_FIELD");
  ExpectRefusal(Check(Encode({}) + BytesField(8, BytesField(2, "v"))), "attributes",
                "INVALID_FIELD");
}

TEST(CheckEventTest, TakesAnyBytesAsData) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  EXPECT_TRUE(Check(Encode({.data = bytes})).ok());
}

TEST(CheckEventTest, TakesTimesOfTheYears1To9999) {
  for (const auto& time : std::vector<std::pair<int64_t, int32_t>>{
           {0, 0}, {-62135596800, 0}, {253402300799, 999'999'999}}) {
    EXPECT_TRUE(Check(Encode({.time = time})).ok()) << time.first;
  }
  for (const auto& time : std::vector<std::pair<int64_t, int32_t>>{
           {-62135596801, 0}, {253402300800, 0}, {0, -1}, {0, 1'000'000'000}}) {
    SCOPED_TRACE(absl::StrCat(time.first, " s ", time.second, " ns"));
    ExpectRefusal(Check(Encode({.time = time})), "time", "INVALID_FIELD");
  }
}

TEST(CheckEventTest, RefusesAKnownFieldOfTheWrongWireType) {
  for (uint32_t number = 1; number <= 8; ++number) {
    ExpectRefusal(Check(Encode({}) + VarintField(number, 1)), absl::StrCat("field ", number),
                  "MALFORMED");
  }
}

TEST(CheckEventTest, RefusesMalformedBytesInEveryPlace) {
  ExpectRefusal(Check(Encode({}) + "\x3a"), "", "MALFORMED");  // A tag and nothing behind it.
  ExpectRefusal(Check(Encode({}) + BytesField(5, "\x08")), "time", "MALFORMED");
  ExpectRefusal(Check(Encode({}) + BytesField(8, "\x0a\x05")), "attributes", "MALFORMED");
}

TEST(CheckEventTest, TakesFieldsOfLaterContracts) {
  EXPECT_TRUE(Check(Encode({}) + VarintField(9, 1) + BytesField(100, "\xff")).ok());
}

// Protobuf keeps the last of a repeated scalar, but its parsers check the text of each.
TEST(CheckEventTest, ChecksEveryOccurrenceOfAField) {
  const std::string last = BytesField(2, "good");
  EXPECT_FALSE(Check(BytesField(2, "\xff") + last).ok());
  EXPECT_FALSE(Check(BytesField(1, "\xff") + BytesField(1, "good") + last).ok());
  EXPECT_FALSE(Check(BytesField(4, "\xff") + BytesField(4, "good") + last).ok());
  EXPECT_FALSE(Check(last + BytesField(8, BytesField(1, "\xff") + BytesField(1, "a"))).ok());
  EXPECT_FALSE(
      Check(last + BytesField(8, BytesField(1, "a") + BytesField(2, "\xff") + BytesField(2, "v")))
          .ok());
}

TEST(CheckEventTest, TakesTheLastTypeAndKey) {
  EventView view;
  const std::string event =
      BytesField(2, "first") + BytesField(4, "k1") + BytesField(2, "last") + BytesField(4, "k2");
  ASSERT_TRUE(CheckEvent(event, {}, 0, view).ok());
  EXPECT_EQ(view.type, "last");
  EXPECT_EQ(view.key, "k2");
}

TEST(ViewEventTest, FindsTypeAndKey) {
  const std::string event = Encode(FullEvent());
  EventView view;
  ASSERT_TRUE(ViewEvent(event, view).ok());
  EXPECT_EQ(view.type, "employee.created");
  EXPECT_EQ(view.key, "employee-10001");
}

TEST(ViewEventTest, CallsAMalformedStoredEventDataLoss) {
  EventView view;
  EXPECT_TRUE(absl::IsDataLoss(ViewEvent(Encode({}) + "\x3a", view)));
}

TEST(CheckTypeTest, NamesTheFieldItIsToldAbout) {
  const absl::Status status = CheckType("", 200, "filter.types[2]");
  EXPECT_THAT(std::string(status.message()), HasSubstr("filter.types[2]"));
  EXPECT_TRUE(CheckType("employee.created", 200, "filter.types[2]").ok());
}

}  // namespace
}  // namespace tidemark::log
