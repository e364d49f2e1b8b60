#include "server/storage/record_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/support/random.h"

namespace tidemark::storage {
namespace {

using ::testing::HasSubstr;

TopicRecord FullTopic() {
  return {.id = TopicId(1ull << 40),
          .name = "hr",
          .first_log = LogId(~0u - 8),
          .create_time_us = 1'700'000'000'000'000,
          .update_time_us = 1'700'000'000'000'001,
          .config = {.partitions = 8,
                     .durability = Durability::kMemory,
                     .retention_max_age_us = 1,
                     .retention_max_bytes = std::numeric_limits<uint64_t>::max(),
                     .compression = Compression::kZstd,
                     .index_keys = false,
                     .compact = true,
                     .encrypt_by_key = true,
                     .description = "people, \"quoted\" and Zoë\n"}};
}

GroupRecord FullGroup() {
  return {.id = GroupId(3),
          .name = "payroll",
          .topics = {"hr", "time"},
          .filter = {.types = {"employee.*", "a"}, .keys = {"Zoë", "\"'\\"}},
          .mode = GroupMode::kUnordered,
          .start = {.kind = GroupStart::Kind::kTime, .time_us = 42},
          .retry = {.initial_backoff_us = 1,
                    .backoff_factor = 1.25,
                    .max_backoff_us = 2,
                    .max_attempts = 7,
                    .block_key_after_dead_letter = true},
          .create_time_us = 9};
}

ProducerRecord FullProducer() {
  return {
      .topic = TopicId(5),
      .fingerprint = 0xdeadbeef,
      .append_time_us = 1ull << 50,
      .position = Position(1ull << 60),
      .durability = Durability::kMemory,
      .ranges = {{PartitionIndex(0), Offset(1ull << 50), 3}, {PartitionIndex(9), Offset(0), 1}}};
}

// Of a transaction over topics, with conditions.
ProducerRecord WideProducer() {
  ProducerRecord record = FullProducer();
  record.topic = TopicId();
  record.ranges.front().topic = TopicId(1ull << 40);
  record.ranges.back().topic = TopicId(8);
  record.revisions = {{TopicId(8), "employee-1", 1ull << 62}, {TopicId(9), "never", std::nullopt}};
  return record;
}

TEST(RecordCodecTest, StoreRecordsRoundTrip) {
  const StoreRecord record{.format_version = 7,
                           .store_id = "0123abcd",
                           .next_topic_id = 1ull << 63,
                           .next_log_id = ~0u,
                           .next_group_id = 12};
  const auto read = DecodeStoreRecord(EncodeStoreRecord(record));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->format_version, 7);
  EXPECT_EQ(read->store_id, "0123abcd");
  EXPECT_EQ(read->next_topic_id, 1ull << 63);
  EXPECT_EQ(read->next_log_id, ~0u);
  EXPECT_EQ(read->next_group_id, 12u);
}

TEST(RecordCodecTest, TopicRecordsRoundTrip) {
  for (const TopicRecord& record : {FullTopic(), TopicRecord{.name = "plain"}}) {
    const auto read = DecodeTopicRecord(EncodeTopicRecord(record));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->id, record.id);
    EXPECT_EQ(read->name, record.name);
    EXPECT_EQ(read->first_log, record.first_log);
    EXPECT_EQ(read->create_time_us, record.create_time_us);
    EXPECT_EQ(read->update_time_us, record.update_time_us);
    EXPECT_EQ(read->config, record.config);
  }
}

TEST(RecordCodecTest, GroupRecordsRoundTrip) {
  for (const GroupRecord& record : {FullGroup(), GroupRecord{.name = "plain"}}) {
    const auto read = DecodeGroupRecord(EncodeGroupRecord(record));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->id, record.id);
    EXPECT_EQ(read->name, record.name);
    EXPECT_EQ(read->topics, record.topics);
    EXPECT_EQ(read->filter, record.filter);
    EXPECT_EQ(read->mode, record.mode);
    EXPECT_EQ(read->start, record.start);
    EXPECT_EQ(read->retry, record.retry);
    EXPECT_EQ(read->create_time_us, record.create_time_us);
  }
}

TEST(RecordCodecTest, ProducerRecordsRoundTrip) {
  for (const ProducerRecord& record : {FullProducer(), WideProducer(), ProducerRecord{}}) {
    const auto read = DecodeProducerRecord(EncodeProducerRecord(record));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->topic, record.topic);
    EXPECT_EQ(read->fingerprint, record.fingerprint);
    EXPECT_EQ(read->append_time_us, record.append_time_us);
    EXPECT_EQ(read->position, record.position);
    EXPECT_EQ(read->durability, record.durability);
    ASSERT_EQ(read->ranges.size(), record.ranges.size());
    for (size_t i = 0; i < record.ranges.size(); ++i) {
      EXPECT_EQ(read->ranges[i].partition, record.ranges[i].partition);
      EXPECT_EQ(read->ranges[i].first, record.ranges[i].first);
      EXPECT_EQ(read->ranges[i].count, record.ranges[i].count);
      EXPECT_EQ(read->ranges[i].topic, record.ranges[i].topic);
    }
    EXPECT_EQ(read->revisions, record.revisions);
  }
}

TEST(RecordCodecTest, AWideProducerRecordThatIsCutIsDamaged) {
  const std::string bytes = EncodeProducerRecord(WideProducer());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeProducerRecord(bytes.substr(0, size)).status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeProducerRecord(bytes + "x").status()));
}

TEST(RecordCodecTest, CommitMarksRoundTrip) {
  const auto read = DecodeCommitMark(EncodeCommitMark({Position(1ull << 63), 7}));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->position, Position(1ull << 63));
  EXPECT_EQ(read->append_time_us, 7u);
}

// Decodes `bytes` as each kind of record; false if one kind fails with anything but DATA_LOSS.
bool OnlyDataLoss(absl::string_view bytes) {
  for (const absl::Status& status :
       {DecodeStoreRecord(bytes).status(), DecodeTopicRecord(bytes).status(),
        DecodeGroupRecord(bytes).status(), DecodeProducerRecord(bytes).status(),
        DecodeCommitMark(bytes).status()}) {
    if (!status.ok() && !absl::IsDataLoss(status)) return false;
  }
  return true;
}

TEST(RecordCodecTest, ACutRecordIsDataLoss) {
  const auto expect = [](const std::string& record, const auto& decode) {
    for (size_t size = 0; size < record.size(); ++size) {
      EXPECT_TRUE(absl::IsDataLoss(decode(absl::string_view(record).substr(0, size)).status()))
          << absl::CHexEscape(record) << " cut to " << size;
    }
  };
  expect(EncodeStoreRecord({}), DecodeStoreRecord);
  expect(EncodeTopicRecord(FullTopic()), DecodeTopicRecord);
  expect(EncodeGroupRecord(FullGroup()), DecodeGroupRecord);
  expect(EncodeCommitMark({}), DecodeCommitMark);
  expect(EncodeProducerRecord({}), DecodeProducerRecord);
}

TEST(RecordCodecTest, AnyDamageIsDataLossAtWorst) {
  const uint64_t seed = testing::SeedOr(1);
  testing::Random random(seed);
  const std::string records[] = {EncodeStoreRecord({}), EncodeTopicRecord(FullTopic()),
                                 EncodeGroupRecord(FullGroup()),
                                 EncodeProducerRecord(FullProducer()), EncodeCommitMark({})};
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = records[random.Below(std::size(records))];
    for (uint64_t n = random.In(1, 4); n > 0; --n) {
      damaged[random.Below(damaged.size())] = static_cast<char>(random.Below(256));
    }
    ASSERT_TRUE(OnlyDataLoss(damaged))
        << "seed " << seed << ", round " << i << ": " << absl::CHexEscape(damaged);
  }
}

TEST(RecordCodecTest, SaysWhatKindOfRecordIsDamaged) {
  EXPECT_THAT(std::string(DecodeTopicRecord("{}").status().message()), HasSubstr("topic"));
  EXPECT_THAT(std::string(DecodeGroupRecord("[1]").status().message()), HasSubstr("group"));
  EXPECT_THAT(std::string(DecodeStoreRecord("").status().message()), HasSubstr("store"));
  EXPECT_THAT(std::string(DecodeProducerRecord("x").status().message()), HasSubstr("producer"));
  EXPECT_THAT(std::string(DecodeCommitMark("x").status().message()), HasSubstr("commit mark"));
}

// A value that no server ever wrote must not become an enumerator that no code expects.
TEST(RecordCodecTest, RefusesUnknownEnumerators) {
  const std::string topic = EncodeTopicRecord(FullTopic());
  EXPECT_TRUE(absl::IsDataLoss(
      DecodeTopicRecord(absl::StrReplaceAll(topic, {{"\"compression\":2", "\"compression\":3"}}))
          .status()));
  EXPECT_TRUE(absl::IsDataLoss(
      DecodeTopicRecord(absl::StrReplaceAll(topic, {{"\"memory\"", "\"maybe\""}})).status()));
  const std::string group = EncodeGroupRecord(FullGroup());
  EXPECT_TRUE(absl::IsDataLoss(
      DecodeGroupRecord(absl::StrReplaceAll(group, {{"\"mode\":2", "\"mode\":3"}})).status()));
  EXPECT_TRUE(absl::IsDataLoss(
      DecodeGroupRecord(absl::StrReplaceAll(group, {{"\"kind\":2", "\"kind\":-1"}})).status()));
  std::string producer = EncodeProducerRecord({});
  producer[28] = 2;  // The durability's lowest byte.
  EXPECT_TRUE(absl::IsDataLoss(DecodeProducerRecord(producer).status()));
}

TEST(RecordCodecTest, LogStartsRoundTripAndAreChecked) {
  const LogStart start{.start = Offset(3), .end = Offset(1ull << 60), .end_bytes = 9};
  const std::string bytes = EncodeLogStart(start);
  const auto read = DecodeLogStart(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->start, start.start);
  EXPECT_EQ(read->end, start.end);
  EXPECT_EQ(read->end_bytes, start.end_bytes);
  EXPECT_TRUE(absl::IsDataLoss(DecodeLogStart(bytes + "x").status()));
  EXPECT_TRUE(absl::IsDataLoss(
      DecodeLogStart(EncodeLogStart({.start = Offset(2), .end = Offset(1)})).status()));
}

}  // namespace
}  // namespace tidemark::storage
