// Client: connecting, errors with their details, repeated appends.
#include "tidemark/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/fake_server.h"
#include "tidemark/errors.h"

namespace tidemark {
namespace {

using testing::AppendFault;
using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeError;
using testing::NumberedEvent;
using ::testing::SizeIs;

TEST(ClientTest, SaysWhereNobodyAnswers) {
  std::string address;
  {
    FakeServer server;
    address = server.address();
  }
  ClientOptions options;
  options.server = address;
  options.connect_timeout = absl::Milliseconds(300);
  const auto client = Client::Connect(options);
  EXPECT_EQ(client.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(client.status().message()), HasSubstr(address));
  EXPECT_THAT(std::string(client.status().message()),
              HasSubstr("(is tidemarkd running there?): Connection refused"));
}

TEST(ClientTest, RefusesPingsThatServersDoNotPermit) {
  ClientOptions options;
  options.keepalive_interval = absl::Seconds(1);
  EXPECT_EQ(Client::Connect(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ClientTest, AppendsAndTellsWhere) {
  FakeServer server(4);
  const auto result =
      server.Connect().Append("hr", {NumberedEvent(1, "ada"), NumberedEvent(2, "ada")});
  ASSERT_TRUE(result.ok());
  ASSERT_THAT(result->ranges, SizeIs(1));
  EXPECT_EQ(result->ranges[0].count, 2);
  EXPECT_FALSE(result->duplicate);
  EXPECT_EQ(result->durability, Durability::kSynced);
}

TEST(ClientTest, RepeatsAnAppendThatIsSafeToRepeat) {
  FakeServer server(1);
  server.on_append = [](const v1::AppendRequest&, int nth) {
    return AppendFault{nth == 0 ? AppendFault::kStoreThenBreak : AppendFault::kNone};
  };
  const auto result = server.Connect().Append("hr", {NumberedEvent(1)},
                                              {.producer = ProducerSequence{"outbox", 1}});
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->duplicate);
  EXPECT_THAT(server.log().AllData(), ElementsAre("1"));
}

TEST(ClientTest, DoesNotRepeatAnAppendThatIsNot) {
  FakeServer server(1);
  server.on_append = [](const v1::AppendRequest&, int) {
    return AppendFault{AppendFault::kBreakBefore};
  };
  const auto result = server.Connect().Append("hr", {NumberedEvent(1)});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(server.log().AllData(), IsEmpty());
}

TEST(ErrorsTest, CarriesTheDetailsOfAnError) {
  FakeServer server;
  server.on_append = [](const v1::AppendRequest&, int) {
    return AppendFault{AppendFault::kAnswer,
                       MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                                 {"events[0].type", "topic"}, absl::Milliseconds(250))};
  };
  const absl::Status status = server.Connect().Append("hr", {NumberedEvent(1)}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "FIELD_INVALID");
  const auto details = DetailsOf(status);
  ASSERT_TRUE(details.has_value());
  EXPECT_EQ(details->domain, "tidemark.dev");
  EXPECT_EQ(details->metadata.at("topic"), "hr");
  ASSERT_THAT(details->field_violations, SizeIs(2));
  EXPECT_EQ(details->field_violations[1].field, "topic");
  EXPECT_EQ(details->retry_delay, absl::Milliseconds(250));
  EXPECT_THAT(Explain(status), HasSubstr("field events[0].type: is refused"));
  EXPECT_THAT(Explain(status), HasSubstr("next: fix the request"));
}

TEST(ErrorsTest, HasNoDetailsWhereThereAreNone) {
  EXPECT_EQ(DetailsOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(DetailsOf(absl::NotFoundError("x")), std::nullopt);
  EXPECT_EQ(ReasonOf(absl::NotFoundError("x")), "");
}

}  // namespace
}  // namespace tidemark
