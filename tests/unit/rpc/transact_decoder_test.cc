// The scan of a TransactRequest: parts over several topics, and a clear refusal of everything else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/error.h"
#include "server/base/murmur2.h"
#include "server/rpc/append_decoder.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {
namespace {

using Reason = std::pair<std::string, std::string>;

class TransactDecoderTest : public ::testing::Test {
 protected:
  TransactDecoderTest() {
    catalog_.Put(
        {.id = TopicId(1), .name = "hr", .first_log = LogId(10), .config = {.partitions = 8}});
    catalog_.Put(
        {.id = TopicId(2), .name = "pay", .first_log = LogId(20), .config = {.partitions = 2}});
  }
  v1::TopicAppend& AddAppend(const std::string& topic, std::initializer_list<const char*> keys) {
    v1::TopicAppend& append = *request_.add_appends();
    append.set_topic(topic);
    for (const char* key : keys) {
      append.add_events()->set_type("t");
      append.mutable_events(append.events_size() - 1)->set_key(key);
    }
    return append;
  }
  absl::StatusOr<DecodedAppend> Decode() {
    return DecodeTransact(std::make_shared<RequestBytes>(
                              std::vector<grpc::Slice>{grpc::Slice(request_.SerializeAsString())}),
                          limits_, catalog_, 0);
  }
  Reason Refusal() {
    const absl::Status status = Decode().status();
    const std::optional<ErrorDetail> detail = DetailOf(status);
    if (!detail.has_value()) return {status.ToString(), ""};
    return {detail->reason, detail->fields.empty() ? "" : detail->fields.front().field};
  }

  log::Catalog catalog_;
  RpcLimits limits_;
  v1::TransactRequest request_;
};

TEST_F(TransactDecoderTest, EachPartitionOfEachTopicIsOnePart) {
  AddAppend("pay", {"a", "b"}).set_partition(1);
  AddAppend("hr", {"a"});
  AddAppend("pay", {"c"}).set_partition(1);
  AddAppend("pay", {"d"}).set_partition(0);
  const absl::StatusOr<DecodedAppend> decoded = Decode();
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const std::vector<log::PartitionEvents>& parts = decoded->request.parts;
  ASSERT_EQ(parts.size(), 3);
  EXPECT_EQ(parts[0].topic->name(), "pay");
  EXPECT_EQ(parts[0].partition, PartitionIndex(0));
  EXPECT_EQ(parts[1].count, 3);
  EXPECT_EQ(parts[2].topic->name(), "hr");
  EXPECT_EQ(parts[2].partition.value(), base::PartitionOfKey("a", 8));
  EXPECT_EQ(decoded->request.topic, nullptr);
}

TEST_F(TransactDecoderTest, TellsWhereAnEventIsWrong) {
  AddAppend("hr", {"a"});
  AddAppend("pay", {"a", "b"}).mutable_events(1)->clear_type();
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "appends[1].events[1].type"));
}

TEST_F(TransactDecoderTest, RefusesWhatMeansNothing) {
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "appends"));
  v1::TopicAppend& append = AddAppend("hr", {});
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "appends[0].events"));
  append.add_events()->set_type("t");
  append.set_partition(8);
  EXPECT_EQ(Refusal(), Reason("PARTITION_OUT_OF_RANGE", "appends[0].partition"));
  append.clear_partition();
  append.set_topic("nobody");
  EXPECT_EQ(Refusal().first, "TOPIC_NOT_FOUND");
  append.set_topic("hr");
  request_.add_conditions()->set_key("k");
  request_.mutable_conditions(0)->mutable_exists();
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "conditions[0].topic"));
  request_.clear_conditions();
  limits_.request_events_max = 1;
  AddAppend("pay", {"a"});
  EXPECT_EQ(Refusal(), Reason("LIMIT_EXCEEDED", "appends"));
  limits_.request_events_max = 2;
  EXPECT_EQ(Refusal().first, "OK");
  limits_.transact_appends_max = 1;
  EXPECT_EQ(Refusal(), Reason("LIMIT_EXCEEDED", "appends"));
  limits_.request_bytes_max = 10;
  EXPECT_EQ(Refusal(), Reason("LIMIT_EXCEEDED", "request"));
}

TEST_F(TransactDecoderTest, OffsetsAloneAreEnough) {
  v1::OffsetCommit& commit = *request_.add_offset_commits();
  commit.set_group("g");
  commit.set_topic("hr");
  const absl::StatusOr<DecodedAppend> decoded = Decode();
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(decoded->request.parts.empty());
  ASSERT_EQ(decoded->offset_commits.size(), 1);
}

TEST_F(TransactDecoderTest, ARetryRepeatsTopicsAndPartitions) {
  AddAppend("pay", {"a"});
  const uint32_t first = Decode()->request.fingerprint;
  EXPECT_EQ(Decode()->request.fingerprint, first);
  request_.mutable_appends(0)->set_partition(0);
  const uint32_t fixed = Decode()->request.fingerprint;
  EXPECT_NE(fixed, first);
  request_.mutable_appends(0)->set_topic("hr");
  EXPECT_NE(Decode()->request.fingerprint, fixed);
}

TEST_F(TransactDecoderTest, SurvivesEveryPrefix) {
  AddAppend("pay", {"a"}).set_partition(1);
  request_.add_conditions()->set_topic("hr");
  request_.mutable_conditions(0)->set_key("k");
  request_.mutable_conditions(0)->mutable_exists();
  const std::string bytes = request_.SerializeAsString();
  for (size_t size = 0; size < bytes.size(); ++size) {
    v1::TransactRequest parsed;
    const bool parses = parsed.ParseFromString(bytes.substr(0, size));
    const auto decoded = DecodeTransact(std::make_shared<RequestBytes>(std::vector<grpc::Slice>{
                                            grpc::Slice(bytes.substr(0, size))}),
                                        limits_, catalog_, 0);
    if (!parses) {
      EXPECT_FALSE(decoded.ok()) << size << " bytes";
    }
  }
}

}  // namespace
}  // namespace tidemark::rpc
