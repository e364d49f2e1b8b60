// The scan of an AppendRequest: routing, and a clear refusal of everything else.
#include "server/rpc/append_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"
#include "server/base/murmur2.h"
#include "server/log/request_entries.h"
#include "tests/support/events.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {
namespace {

class AppendDecoderTest : public ::testing::Test {
 protected:
  AppendDecoderTest() {
    catalog_.Put(
        {.id = TopicId(1), .name = "hr", .first_log = LogId(10), .config = {.partitions = 8}});
    request_.set_topic("hr");
  }

  v1::Event& AddEvent(const std::string& type, const std::string& key) {
    v1::Event& event = *request_.add_events();
    event.set_type(type);
    event.set_key(key);
    return event;
  }

  absl::StatusOr<log::AppendRequest> Decode(uint32_t spread = 0) {
    return DecodeBytes(request_.SerializeAsString(), spread);
  }
  absl::StatusOr<log::AppendRequest> DecodeBytes(std::string bytes, uint32_t spread = 0) {
    return DecodePieces({grpc::Slice(bytes)}, spread);
  }
  absl::StatusOr<log::AppendRequest> DecodePieces(std::vector<grpc::Slice> pieces,
                                                  uint32_t spread = 0) {
    absl::StatusOr<DecodedAppend> decoded = DecodeAppend(
        std::make_shared<RequestBytes>(std::move(pieces)), limits_, catalog_, spread, &is_message_);
    if (!decoded.ok()) return decoded.status();
    return std::move(decoded->request);
  }
  // The reason and the field of the refusal.
  std::pair<std::string, std::string> Refusal() {
    const absl::Status status = Decode().status();
    const std::optional<ErrorDetail> detail = DetailOf(status);
    if (!detail.has_value()) return {status.ToString(), ""};
    return {detail->reason, detail->fields.empty() ? "" : detail->fields.front().field};
  }

  log::Catalog catalog_;
  RpcLimits limits_;
  v1::AppendRequest request_;
  bool is_message_ = true;
};

using Reason = std::pair<std::string, std::string>;

TEST_F(AppendDecoderTest, RoutesKeysAsKafkaDoesAndKeepsTheirOrder) {
  std::map<uint32_t, std::vector<std::string>> expected;
  for (int i = 0; i < 100; ++i) {
    const std::string key = "employee-" + std::to_string(i % 20);
    v1::Event& event = AddEvent("employee.created", key);
    event.set_id(std::to_string(i));
    expected[base::PartitionOfKey(key, 8)].push_back(event.SerializeAsString());
  }
  const absl::StatusOr<log::AppendRequest> append = Decode();
  ASSERT_TRUE(append.ok()) << append.status();
  ASSERT_EQ(append->parts.size(), expected.size());
  for (const log::PartitionEvents& part : append->parts) {
    std::string bytes;
    for (const absl::string_view run : part.runs) bytes.append(run.data(), run.size());
    v1::EventBatch batch;
    ASSERT_TRUE(batch.ParseFromString(bytes));
    std::vector<std::string> events;
    for (const v1::Event& event : batch.events()) events.push_back(event.SerializeAsString());
    EXPECT_EQ(events, expected[part.partition.value()]);
    EXPECT_EQ(part.count, events.size());
  }
}

TEST_F(AppendDecoderTest, PutsEventsOfOnePartitionIntoOneRun) {
  for (int i = 0; i < 10; ++i) AddEvent("t", "same-key");
  EXPECT_EQ(Decode()->parts.front().runs.size(), 1);
}

TEST_F(AppendDecoderTest, SpreadsEventsWithoutAKeyByRequest) {
  AddEvent("t", "");
  AddEvent("t", "");
  EXPECT_EQ(Decode(3)->parts.front().partition, PartitionIndex(3));
  EXPECT_EQ(Decode(12)->parts.front().partition, PartitionIndex(4));
  EXPECT_EQ(Decode(3)->parts.size(), 1);
}

TEST_F(AppendDecoderTest, ObeysAnExplicitPartition) {
  AddEvent("t", "a");
  AddEvent("t", "b");
  request_.set_partition(7);
  ASSERT_EQ(Decode()->parts.size(), 1);
  EXPECT_EQ(Decode()->parts.front().partition, PartitionIndex(7));
  request_.set_partition(8);
  EXPECT_EQ(Decode().status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(AppendDecoderTest, RefusesWhatIsMissingOrUnknown) {
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "events"));
  AddEvent("t", "");
  request_.set_topic("payroll");
  EXPECT_EQ(Decode().status().code(), absl::StatusCode::kNotFound);
  request_.set_topic("");
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "topic"));
  request_.set_topic("no/slash");
  EXPECT_EQ(Refusal(), Reason("INVALID_NAME", "topic"));
}

TEST_F(AppendDecoderTest, NamesTheEventTheLimitAndTheValue) {
  AddEvent("t", "");
  AddEvent("t", std::string(1025, 'k'));
  EXPECT_EQ(Refusal(), Reason("LIMIT_EXCEEDED", "events[1].key"));
  const std::optional<ErrorDetail> detail = DetailOf(Decode().status());
  EXPECT_THAT(
      detail->metadata,
      ::testing::IsSupersetOf({std::pair<std::string, std::string>("limit_name", "key_bytes_max"),
                               {"limit", "1024"},
                               {"value", "1025"}}));
}

TEST_F(AppendDecoderTest, RefusesAnEventWithoutType) {
  AddEvent("", "k");
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "events[0].type"));
}

TEST_F(AppendDecoderTest, RefusesARequestOverItsLimits) {
  limits_.request_events_max = 2;
  for (int i = 0; i < 3; ++i) AddEvent("t", "");
  EXPECT_EQ(Refusal(), Reason("LIMIT_EXCEEDED", "events"));
  limits_.request_bytes_max = 10;
  EXPECT_EQ(Refusal(), Reason("LIMIT_EXCEEDED", "request"));
}

TEST_F(AppendDecoderTest, ConditionsAreLookedForWhereTheirKeysAre) {
  AddEvent("t", "");
  request_.add_conditions()->set_key("employee-1");
  request_.mutable_conditions(0)->mutable_absent();
  v1::Condition& other = *request_.add_conditions();
  other.set_key("employee-2");
  other.set_topic("hr");
  other.set_partition(5);
  other.mutable_revision()->set_revision(7);
  const absl::StatusOr<log::AppendRequest> append = Decode();
  ASSERT_TRUE(append.ok()) << append.status();
  ASSERT_EQ(append->conditions.size(), 2);
  EXPECT_EQ(append->conditions[0].partition.value(), base::PartitionOfKey("employee-1", 8));
  EXPECT_EQ(append->conditions[0].expect, log::KeyCondition::Expect::kAbsent);
  EXPECT_EQ(append->conditions[1].partition, PartitionIndex(5));
  EXPECT_EQ(append->conditions[1].revision, 7);
  request_.set_partition(3);
  EXPECT_EQ(Decode()->conditions[0].partition, PartitionIndex(3));
}

TEST_F(AppendDecoderTest, RefusesConditionsThatMeanNothing) {
  AddEvent("t", "");
  v1::Condition& condition = *request_.add_conditions();
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "conditions[0].key"));
  condition.set_key("k");
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "conditions[0].expect"));
  condition.mutable_exists();
  EXPECT_EQ(Refusal().first, "OK");
  condition.set_key(std::string(1025, 'k'));
  EXPECT_EQ(Refusal(), Reason("LIMIT_EXCEEDED", "conditions[0].key"));
  condition.set_key("k");
  condition.set_topic("other");
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "conditions[0].topic"));
  condition.clear_topic();
  condition.set_partition(8);
  EXPECT_EQ(Refusal(), Reason("PARTITION_OUT_OF_RANGE", "conditions[0].partition"));
  condition.clear_partition();
  *request_.add_conditions() = request_.conditions(0);
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "conditions[1].key"));
  limits_.request_conditions_max = 1;
  EXPECT_EQ(Refusal(), Reason("LIMIT_EXCEEDED", "conditions"));
}

TEST_F(AppendDecoderTest, RefusesConditionsOnKeysThatNobodyCounts) {
  catalog_.Put({.id = TopicId(2),
                .name = "fast",
                .first_log = LogId(20),
                .config = {.partitions = 1, .index_keys = false}});
  request_.set_topic("fast");
  AddEvent("t", "");
  request_.add_conditions()->set_key("k");
  request_.mutable_conditions(0)->mutable_exists();
  EXPECT_EQ(Refusal().first, "KEYS_NOT_INDEXED");
}

TEST_F(AppendDecoderTest, ARetryRepeatsConditionsAndOffsetCommits) {
  AddEvent("t", "k");
  request_.mutable_producer()->set_id("p");
  const uint32_t plain = Decode()->fingerprint;
  request_.add_conditions()->set_key("k");
  request_.mutable_conditions(0)->mutable_exists();
  const uint32_t conditioned = Decode()->fingerprint;
  EXPECT_NE(conditioned, plain);
  request_.mutable_conditions(0)->mutable_absent();
  EXPECT_NE(Decode()->fingerprint, conditioned);
  request_.clear_conditions();
  v1::OffsetCommit& commit = *request_.add_offset_commits();
  commit.set_group("g");
  commit.set_topic("hr");
  const uint32_t committing = Decode()->fingerprint;
  EXPECT_NE(committing, plain);
  commit.set_member_id("member-1");
  commit.set_assignment(7);
  EXPECT_EQ(Decode()->fingerprint, committing);  // Who commits may change.
  commit.set_expected_offset(0);
  EXPECT_NE(Decode()->fingerprint, committing);
}

TEST_F(AppendDecoderTest, RefusesOffsetCommitsThatMeanNothing) {
  AddEvent("t", "");
  v1::OffsetCommit& commit = *request_.add_offset_commits();
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "offset_commits[0].group"));
  commit.set_group("g");
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "offset_commits[0].topic"));
  commit.set_topic("hr");
  EXPECT_EQ(Refusal().first, "OK");
  commit.set_member_id("member-1");
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "offset_commits[0].assignment"));
  commit.clear_member_id();
  commit.set_assignment(1);
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "offset_commits[0].member_id"));
  commit.clear_assignment();
  *request_.add_offset_commits() = request_.offset_commits(0);
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "offset_commits[1]"));
  limits_.request_offset_commits_max = 1;
  EXPECT_EQ(Refusal(), Reason("LIMIT_EXCEEDED", "offset_commits"));
}

TEST_F(AppendDecoderTest, RefusesEveryPrefixThatCutsAField) {
  AddEvent("employee.created", "employee-1").set_data(std::string(100, 'x'));
  request_.mutable_producer()->set_id("p");
  const std::string bytes = request_.SerializeAsString();
  for (size_t size = 0; size < bytes.size(); ++size) {
    v1::AppendRequest parsed;
    const bool parses = parsed.ParseFromString(bytes.substr(0, size));
    if (!parses) {
      EXPECT_FALSE(DecodeBytes(bytes.substr(0, size)).ok()) << size << " bytes";
    }
  }
}

// gRPC hands over large requests in pieces that end anywhere.
TEST_F(AppendDecoderTest, TakesARequestInPieces) {
  for (int i = 0; i < 6; ++i) {
    AddEvent("employee.created", absl::StrCat("employee-", i)).set_data(std::string(20 * i, 'x'));
  }
  request_.mutable_producer()->set_id("p");
  const std::string bytes = request_.SerializeAsString();
  const absl::StatusOr<log::AppendRequest> whole = DecodeBytes(bytes);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto check = [&](std::vector<grpc::Slice> pieces) {
    const absl::StatusOr<log::AppendRequest> append = DecodePieces(std::move(pieces));
    ASSERT_TRUE(append.ok()) << append.status();
    ASSERT_EQ(append->fingerprint, whole->fingerprint);
    ASSERT_EQ(append->bytes, bytes.size());
    ASSERT_EQ(append->parts.size(), whole->parts.size());
    for (size_t i = 0; i < append->parts.size(); ++i) {
      EXPECT_EQ(append->parts[i].partition, whole->parts[i].partition);
      EXPECT_EQ(append->parts[i].bytes, whole->parts[i].bytes);
      EXPECT_EQ(absl::StrJoin(append->parts[i].runs, ""), absl::StrJoin(whole->parts[i].runs, ""));
    }
  };
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    check({grpc::Slice(bytes.substr(0, cut)), grpc::Slice(bytes.substr(cut))});
  }
  std::vector<grpc::Slice> crumbs;
  for (const char byte : bytes) {
    crumbs.emplace_back(std::string(1, byte));
    crumbs.emplace_back(std::string());
  }
  check(std::move(crumbs));
}

// The log copies the bytes from where gRPC put them, wherever those end. (Shorter pieces than these
// lie in the grpc::Slice itself.)
TEST_F(AppendDecoderTest, LeavesTheDataOfSmallEventsWhereItArrived) {
  for (int i = 0; i < 50; ++i) {
    AddEvent("employee.created", absl::StrCat("employee-", i % 7)).set_data(std::string(90, 'x'));
  }
  const std::string bytes = request_.SerializeAsString();
  for (const size_t step : {40, 64, 1000}) {
    std::vector<grpc::Slice> pieces;
    for (size_t at = 0; at < bytes.size();) {
      const size_t size = bytes.size() - at < 2 * step ? bytes.size() - at : step;
      pieces.emplace_back(bytes.substr(at, size));
      at += size;
    }
    const std::vector<grpc::Slice> arrived = pieces;
    const absl::StatusOr<log::AppendRequest> append = DecodePieces(std::move(pieces));
    ASSERT_TRUE(append.ok()) << append.status();
    size_t events = 0;
    for (const log::PartitionEvents& part : append->parts) {
      for (const absl::string_view run : part.runs) {
        EXPECT_TRUE(std::any_of(arrived.begin(), arrived.end(), [&](const grpc::Slice& slice) {
          const char* begin = reinterpret_cast<const char*>(slice.begin());
          return run.data() >= begin && run.data() + run.size() <= begin + slice.size();
        })) << step;
      }
      log::ForEachEntry(part, [&](const log::RequestEntry& entry) {
        log::EventView view;
        EXPECT_TRUE(log::ViewEvent(entry.event, view).ok());
        EXPECT_EQ(PartitionIndex(base::PartitionOfKey(view.key, 8)), part.partition);
        EXPECT_EQ(absl::StrJoin(entry.pieces, "").size(), entry.bytes);
        ++events;
      });
    }
    EXPECT_EQ(events, 50u);
  }
}

// However it was cut, it is as long as it is, and as bad.
TEST_F(AppendDecoderTest, RefusesABadEventInPieces) {
  limits_.event.event_bytes_max = 100;
  AddEvent("employee.created", "employee-1").set_data(std::string(90, 'x'));
  const Reason whole = Refusal();
  EXPECT_EQ(whole, Reason("LIMIT_EXCEEDED", "events[0]"));
  const std::string message(Decode().status().message());
  const std::string bytes = request_.SerializeAsString();
  const std::string bad = absl::StrCat("\x0a\x02hr", testing::BytesField(2, "\x12\x01t\x3a\x7f"));
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    EXPECT_EQ(DecodePieces({grpc::Slice(bytes.substr(0, cut)), grpc::Slice(bytes.substr(cut))})
                  .status()
                  .message(),
              message);
  }
  for (size_t cut = 1; cut < bad.size(); ++cut) {
    EXPECT_EQ(DecodePieces({grpc::Slice(bad.substr(0, cut)), grpc::Slice(bad.substr(cut))})
                  .status()
                  .message(),
              "events[0]: is malformed");
    EXPECT_TRUE(is_message_);
  }
}

TEST_F(AppendDecoderTest, GivesALargeEventAcrossPiecesABufferOfItsOwn) {
  for (const int size : {10, 20'000, 10, 30'000, 100}) {
    AddEvent("employee.created", "one-key").set_data(std::string(size, 'x'));
  }
  const std::string bytes = request_.SerializeAsString();
  std::vector<grpc::Slice> pieces;
  for (size_t at = 0; at < bytes.size(); at += 16'000) {
    pieces.emplace_back(bytes.substr(at, 16'000));
  }
  const absl::StatusOr<log::AppendRequest> append = DecodePieces(std::move(pieces));
  ASSERT_TRUE(append.ok()) << append.status();
  const log::PartitionEvents& part = append->parts.front();
  ASSERT_EQ(part.runs.size(), 5u);
  ASSERT_EQ(part.buffers.size(), 2u);
  EXPECT_EQ(part.runs[1].data(), part.buffers[0]->data());
  EXPECT_EQ(part.runs[3].data(), part.buffers[1]->data());
  EXPECT_TRUE(Decode()->parts.front().buffers.empty());  // In one piece they stay where they are.
}

TEST_F(AppendDecoderTest, RefusesACutRequestInPieces) {
  AddEvent("employee.created", "employee-1").set_data(std::string(100, 'x'));
  const std::string bytes = request_.SerializeAsString();
  for (size_t size = 1; size < bytes.size(); ++size) {
    if (v1::AppendRequest().ParseFromString(bytes.substr(0, size))) continue;
    EXPECT_FALSE(DecodePieces({grpc::Slice(bytes.substr(0, size / 2)),
                               grpc::Slice(bytes.substr(size / 2, size - size / 2))})
                     .ok());
    EXPECT_FALSE(is_message_) << size;
  }
}

TEST_F(AppendDecoderTest, TellsABadRequestFromWhatIsNone) {
  EXPECT_FALSE(Decode().ok());  // No events.
  EXPECT_TRUE(is_message_);
  EXPECT_FALSE(DecodeBytes("\xff\xff\xff").ok());
  EXPECT_FALSE(is_message_);
}

// What is wrong with the request as a whole comes first.
TEST_F(AppendDecoderTest, FindsTheFirstBadEventOnlyBehindABadEnvelope) {
  AddEvent("", "k");
  AddEvent("t", std::string(2000, 'k'));
  EXPECT_EQ(Refusal(), Reason("INVALID_FIELD", "events[0].type"));
  request_.set_partition(8);
  EXPECT_EQ(Decode().status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(AppendDecoderTest, GivesARetryTheSameFingerprintWhateverTheOrderOfItsAttributes) {
  v1::Event& event = AddEvent("t", "k");
  request_.mutable_producer()->set_id("p");
  (*event.mutable_attributes())["a"] = "1";
  const std::string one = event.SerializeAsString();
  // The same fields in another order, as another encoder may write them.
  v1::Event attributes_only;
  (*attributes_only.mutable_attributes())["a"] = "1";
  v1::Event rest = event;
  rest.clear_attributes();
  const std::string other = attributes_only.SerializeAsString() + rest.SerializeAsString();
  ASSERT_NE(one, other);
  const auto request_with = [this](const std::string& encoded) {
    v1::AppendRequest head = request_;
    head.clear_events();
    std::string bytes = head.SerializeAsString();
    bytes += '\x12';
    bytes += static_cast<char>(encoded.size());
    return bytes + encoded;
  };
  EXPECT_EQ(DecodeBytes(request_with(one))->fingerprint,
            DecodeBytes(request_with(other))->fingerprint);
  const uint32_t before = Decode()->fingerprint;
  (*request_.mutable_events(0)->mutable_attributes())["a"] = "2";
  EXPECT_NE(Decode()->fingerprint, before);
}

}  // namespace
}  // namespace tidemark::rpc
