// Events become lines of CloudEvents that are valid JSON and lose no byte.
#include "client/cli/cloud_event_write.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/cloud_event_parse.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tidemark/v1/event.pb.h"

namespace tidemark::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kAppendTime[] = "2026-01-31T08:00:00Z";

std::string Written(const Event& event) {
  v1::Event encoded;
  for (const auto& [name, value] : event.attributes) (*encoded.mutable_attributes())[name] = value;
  const std::string bytes = encoded.SerializeAsString();
  ReceivedEvent received{.event = {.id = event.id,
                                   .type = event.type,
                                   .source = event.source,
                                   .key = event.key,
                                   .content_type = event.content_type,
                                   .data = event.data,
                                   .time = event.time,
                                   .encoded = bytes},
                         .topic = "hr",
                         .partition = 3,
                         .offset = 17,
                         .append_time = absl::UnixEpoch(),
                         .position = 0};
  std::string line;
  AppendCloudEvent(received, kAppendTime, &line);
  return line;
}

Event RoundTrip(const Event& event) {
  Event back;
  const absl::Status status = ParseCloudEvent(Written(event), &back);
  EXPECT_TRUE(status.ok()) << status << "\n" << Written(event);
  return back;
}

TEST(AppendCloudEventTest, WritesMembersInAFixedOrder) {
  const Event event{.id = "7",
                    .type = "employee.created",
                    .source = "/hr",
                    .key = "employee-10001",
                    .time = absl::FromUnixMillis(500),
                    .content_type = "application/json",
                    .data = R"({"z":1.50,"a":2})",
                    .attributes = {{"zone", "b"}, {"actor", "ada"}}};
  EXPECT_EQ(Written(event),
            R"({"specversion":"1.0","id":"7","source":"/hr","type":"employee.created",)"
            R"("subject":"employee-10001","time":"1970-01-01T00:00:00.5Z",)"
            R"("datacontenttype":"application/json","actor":"ada","zone":"b",)"
            R"("tidemarkpartition":3,"tidemarkoffset":17,)"
            R"("tidemarkappendtime":"2026-01-31T08:00:00Z","data":{"z":1.50,"a":2}})");
}

TEST(AppendCloudEventTest, FillsInWhatCloudEventsRequires) {
  const auto json = nlohmann::json::parse(Written({.type = "x"}));
  EXPECT_EQ(json["id"], "hr/3/17");
  EXPECT_EQ(json["source"], "tidemark:hr");
  EXPECT_FALSE(json.contains("data"));
  EXPECT_FALSE(json.contains("datacontenttype"));
}

TEST(AppendCloudEventTest, GivesBackWhatWasParsed) {
  const std::string every_byte = [] {
    std::string bytes;
    for (int b = 0; b < 256; ++b) bytes.push_back(static_cast<char>(b));
    return bytes;
  }();
  const std::vector<std::pair<std::string, std::string>> contents = {
      {"application/json", R"({"a": [1, 2.0e5, "\u0000"]})"},
      {"application/json", R"("text")"},
      {"application/json", "not json {"},
      {"application/json; charset=utf-8", "[]"},
      {"text/plain", "line one\nline \"two\" \x7f é \\"},
      {"text/plain", every_byte},
      {"", every_byte},
      {"application/xml", "<a/>"},
  };
  for (const auto& [content_type, data] : contents) {
    SCOPED_TRACE(content_type + ": " + data);
    const Event event{.id = "i\"d\\é",
                      .type = "x",
                      .source = "s",
                      .key = "k",
                      .time = absl::FromUnixNanos(1),
                      .content_type = content_type,
                      .data = data,
                      .attributes = {{"a\"b", "c\\d"}}};
    EXPECT_EQ(RoundTrip(event), event);
  }
}

TEST(AppendCloudEventTest, StaysOnOneLine) {
  const std::string line = Written(
      {.type = "x", .content_type = "application/json", .data = "{\n  \"a\": \"b\\n\"\r\n}"});
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  EXPECT_THAT(line, Not(HasSubstr("\r")));
  EXPECT_EQ(nlohmann::json::parse(line)["data"]["a"], "b\n");
}

TEST(AppendCloudEventTest, NeverWritesAMemberTwice) {
  const std::string line = Written(
      {.id = "real",
       .type = "x",
       .attributes = {{"id", "fake"}, {"data", "fake"}, {"tidemarkoffset", "0"}, {"fine", "yes"}}});
  EXPECT_THAT(line, Not(HasSubstr("fake")));
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["id"], "real");
  EXPECT_EQ(json["tidemarkoffset"], 17);
  EXPECT_EQ(json["fine"], "yes");
}

TEST(AppendJsonStringTest, MakesValidJsonOfAnyBytes) {
  for (int b = 0; b < 256; ++b) {
    std::string out;
    AppendJsonString(std::string("a") + static_cast<char>(b), &out);
    EXPECT_TRUE(nlohmann::json::accept(out)) << b << ": " << out;
  }
}

}  // namespace
}  // namespace tidemark::cli
