// Lines of CloudEvents become events, and nothing of the data changes on the way.
#include "client/cli/cloud_event_parse.h"

#include <string>

#include "absl/time/time.h"
#include "client/cli/content_type.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tidemark::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

Event Parsed(absl::string_view line) {
  Event event;
  const absl::Status status = ParseCloudEvent(line, &event);
  EXPECT_TRUE(status.ok()) << status << "\n" << line;
  return event;
}

std::string ErrorOf(absl::string_view line) {
  Event event;
  const absl::Status status = ParseCloudEvent(line, &event);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << line;
  return std::string(status.message());
}

TEST(ParseCloudEventTest, TakesEveryMember) {
  const Event event =
      Parsed(R"({"specversion":"1.0","id":"hr-7","source":"/hr","type":"employee.created",)"
             R"("subject":"employee-10001","time":"1985-01-01T09:00:00.25+01:00",)"
             R"("datacontenttype":"application/json","traceparent":"00-ab","data":{"a":1}})");
  EXPECT_EQ(event.id, "hr-7");
  EXPECT_EQ(event.source, "/hr");
  EXPECT_EQ(event.type, "employee.created");
  EXPECT_EQ(event.key, "employee-10001");
  EXPECT_EQ(event.time, absl::FromUnixMillis(473414400250));
  EXPECT_EQ(event.content_type, "application/json");
  EXPECT_EQ(event.data, R"({"a":1})");
  EXPECT_THAT(event.attributes, ElementsAre(Pair("traceparent", "00-ab")));
}

TEST(ParseCloudEventTest, NeedsOnlyAType) {
  const Event event = Parsed(R"({"type":"x"})");
  EXPECT_EQ(event.type, "x");
  EXPECT_FALSE(event.time.has_value());
  EXPECT_THAT(event.content_type, IsEmpty());
  EXPECT_THAT(event.data, IsEmpty());
}

TEST(ParseCloudEventTest, KeepsTheTextOfTheDataByteForByte) {
  for (const std::string data : {
           R"({"z":1,"a":2})",
           R"({ "pay" : 60117.10000000000000000001 , "big":123456789012345678901234567890 })",
           R"([1, 2,[3,{"x":[]}]])",
           R"("text with \u00e9 and \"quotes\"")",
           "12.500",
           "-0",
           "1e3",
           "7",
           "true",
           "false",
           "null",
           "{}",
           R"({"data":{"data":1},"type":"inner","id":[]})",
       }) {
    SCOPED_TRACE(data);
    EXPECT_EQ(Parsed(R"({"type":"x","data":)" + data + "}").data, data);
    EXPECT_EQ(Parsed(R"({"type":"x","data" :  )" + data + " }").data, data);
    EXPECT_EQ(Parsed(R"({"data":)" + data + R"( , "type":"x"})").data, data);
    EXPECT_EQ(Parsed(R"({"data":)" + data + R"(,"type":"x"})").type, "x");
  }
}

TEST(ParseCloudEventTest, CallsDataWithoutContentTypeJson) {
  EXPECT_EQ(Parsed(R"({"type":"x","data":1})").content_type, "application/json");
}

TEST(ParseCloudEventTest, UnquotesAStringUnderAContentTypeThatIsNotJson) {
  EXPECT_EQ(Parsed(R"({"type":"x","datacontenttype":"text/plain","data":"a\nb"})").data, "a\nb");
  EXPECT_EQ(Parsed(R"({"type":"x","data":"a\nb","datacontenttype":"text/plain"})").data, "a\nb");
  EXPECT_EQ(Parsed(R"({"type":"x","datacontenttype":"a/b+json","data":"q"})").data, R"("q")");
}

TEST(ParseCloudEventTest, DecodesBase64) {
  const Event event = Parsed(R"({"type":"x","data_base64":"AAH/"})");
  EXPECT_EQ(event.data, std::string("\x00\x01\xff", 3));
  EXPECT_THAT(event.content_type, IsEmpty());
}

TEST(ParseCloudEventTest, DropsWhereAnEventWasRead) {
  const Event event =
      Parsed(R"({"type":"x","tidemarkpartition":1,"tidemarkoffset":2,"tidemarkappendtime":"now"})");
  EXPECT_THAT(event.attributes, IsEmpty());
}

TEST(ParseCloudEventTest, KeepsNumbersAndBooleansOfExtensionsAsText) {
  const Event event = Parsed(R"({"type":"x","n":-7,"f":1.50,"yes":true,"none":null})");
  EXPECT_THAT(event.attributes,
              ElementsAre(Pair("f", "1.50"), Pair("n", "-7"), Pair("yes", "true")));
}

TEST(ParseCloudEventTest, ForgetsTheEventBefore) {
  Event event;
  ASSERT_TRUE(ParseCloudEvent(R"({"type":"x","id":"1","time":"2020-01-01T00:00:00Z","e":"f",)"
                              R"("subject":"k","source":"s","data":1})",
                              &event)
                  .ok());
  ASSERT_TRUE(ParseCloudEvent(R"({"type":"y"})", &event).ok());
  EXPECT_EQ(event, Event{.type = "y"});
}

TEST(ParseCloudEventTest, TellsWhereJsonBreaks) {
  EXPECT_THAT(ErrorOf(R"({"type":"x")"), HasSubstr("not valid JSON at column 12"));
  EXPECT_THAT(ErrorOf(R"({"type":"x"} {})"), HasSubstr("not valid JSON at column 14"));
  EXPECT_THAT(ErrorOf("hello"), HasSubstr("not valid JSON at column 1"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf("{\"type\":\"\xff\"}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf(std::string("{\"type\":\"x\0\"}", 13)), HasSubstr("not valid JSON"));
}

TEST(ParseCloudEventTest, RefusesWhatIsNoEvent) {
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(ErrorOf("1"), HasSubstr("not a JSON object"));
  EXPECT_THAT(ErrorOf("null"), HasSubstr("not a JSON object"));
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("\"type\" is missing"));
  EXPECT_THAT(ErrorOf(R"({"type":""})"), HasSubstr("\"type\" is missing"));
  EXPECT_THAT(ErrorOf(R"({"type":7})"), HasSubstr("\"type\" is not a string"));
  EXPECT_THAT(ErrorOf(R"({"type":"x","type":"y"})"), HasSubstr("\"type\" is there twice"));
  EXPECT_THAT(ErrorOf(R"({"type":"x","a":"1","a":"2"})"), HasSubstr("\"a\" is there twice"));
  EXPECT_THAT(ErrorOf(R"({"type":"x","specversion":"0.3"})"), HasSubstr("\"specversion\""));
  EXPECT_THAT(ErrorOf(R"({"type":"x","time":"yesterday"})"), HasSubstr("RFC 3339"));
  EXPECT_THAT(ErrorOf(R"({"type":"x","time":7})"), HasSubstr("\"time\""));
  EXPECT_THAT(ErrorOf(R"({"type":"x","subject":"a\u0007"})"), HasSubstr("control character"));
  EXPECT_THAT(ErrorOf(R"({"type":"x","ext":{"a":1}})"), HasSubstr("\"ext\" is an object"));
  EXPECT_THAT(ErrorOf(R"({"type":"x","ext":[1]})"), HasSubstr("\"ext\" is an object or an array"));
  EXPECT_THAT(ErrorOf(R"({"type":"x","data_base64":"?"})"), HasSubstr("not Base64"));
  EXPECT_THAT(ErrorOf(R"({"type":"x","data":1,"data_base64":"AA=="})"), HasSubstr("both"));
}

TEST(ContentTypeTest, KnowsJsonInEveryDress) {
  EXPECT_TRUE(IsJsonContentType("application/json"));
  EXPECT_TRUE(IsJsonContentType("Application/JSON; charset=utf-8"));
  EXPECT_TRUE(IsJsonContentType("application/vnd.acme.hr+json"));
  EXPECT_TRUE(IsJsonContentType("text/json"));
  EXPECT_FALSE(IsJsonContentType("application/jsonl"));
  EXPECT_FALSE(IsJsonContentType(""));
}

}  // namespace
}  // namespace tidemark::cli
