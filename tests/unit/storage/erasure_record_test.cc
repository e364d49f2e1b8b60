#include "server/storage/erasure_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/storage/key_digest.h"
#include "server/storage/record_codec.h"
#include "server/storage/superseded.h"

namespace tidemark::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

OffsetRange Range(uint64_t from, uint64_t until) { return {Offset(from), Offset(until)}; }

TEST(ErasureRecordTest, IsReadAsItWasWritten) {
  ErasureRecord record{.id = 7,
                       .topic = TopicId(3),
                       .topic_name = "hr",
                       .first_log = LogId(5),
                       .partitions = 2,
                       .key_digest = std::string("\x00\xff\x10", 3),
                       .types = {"address.changed"},
                       .events = 12,
                       .reason = "art. 17",
                       .actor = "dpo",
                       .request_time_us = 1000,
                       .complete_time_us = 2000,
                       .state = ErasureState::kComplete};
  EXPECT_EQ(*DecodeErasureRecord(EncodeErasureRecord(record)), record);
  record.key_digest.clear();
  record.span = {.partition = PartitionIndex(1), .offsets = Range(3, 9)};
  EXPECT_EQ(*DecodeErasureRecord(EncodeErasureRecord(record)), record);
}

TEST(ErasureRecordTest, RefusesWhatIsNone) {
  for (const char* bytes : {"", "{}", "{\"id\":1", "[]"}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeErasureRecord(bytes).status())) << bytes;
  }
  ErasureRecord record;
  std::string json = EncodeErasureRecord(record);
  json.replace(json.find("\"state\":0"), 9, "\"state\":9");
  EXPECT_TRUE(absl::IsDataLoss(DecodeErasureRecord(json).status()));
}

TEST(OffsetRangesCodecTest, IsReadAsItWasWritten) {
  const std::vector<OffsetRange> ranges = {Range(0, 1), Range(5, 6), Range(1'000'000, 1'000'500)};
  EXPECT_EQ(*DecodeOffsetRanges(EncodeOffsetRanges(ranges)), ranges);
  EXPECT_THAT(*DecodeOffsetRanges(""), IsEmpty());
}

TEST(OffsetRangesCodecTest, RefusesWhatIsNone) {
  const std::string bytes = EncodeOffsetRanges({Range(3, 4)});
  EXPECT_TRUE(absl::IsDataLoss(DecodeOffsetRanges(bytes.substr(0, 1)).status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeOffsetRanges(std::string("\x03\x00", 2)).status()));
  const std::string huge(10, '\xff');
  EXPECT_TRUE(absl::IsDataLoss(DecodeOffsetRanges(huge + huge).status()));
}

TEST(KeyDigestTest, DependsOnKeyAndSecret) {
  const std::string secret = NewDigestSecret();
  ASSERT_EQ(secret.size(), kDigestSecretBytes);
  EXPECT_EQ(DigestOfKey(secret, "ann").size(), kKeyDigestBytes);
  EXPECT_EQ(DigestOfKey(secret, "ann"), DigestOfKey(secret, "ann"));
  EXPECT_NE(DigestOfKey(secret, "ann"), DigestOfKey(secret, "bob"));
  EXPECT_NE(DigestOfKey(secret, "ann"), DigestOfKey(NewDigestSecret(), "ann"));
}

TEST(SupersededTest, HoldsWhatWasAddedAndNotRemoved) {
  Superseded superseded;
  EXPECT_FALSE(superseded.Contains("a"));
  superseded.Add({{.data_key = "b"}, {.data_key = "a"}, {.data_key = "c"}});
  superseded.Remove({"b"});
  EXPECT_TRUE(superseded.Contains("a"));
  EXPECT_FALSE(superseded.Contains("b"));
  EXPECT_THAT(superseded.All(), ElementsAre("a", "c"));
}

TEST(SupersededTest, KnowsWhatIsOfAFile) {
  Superseded superseded;
  superseded.Add({{.data_key = "a", .bytes = 1},
                  {.data_key = "b", .bytes = 2},
                  {.data_key = "c", .compression = Compression::kLz4, .bytes = 4},
                  {.data_key = "d", .bytes = 8}});
  const Superseded::Part part = superseded.Within(Compression::kNone, "b", "d");
  EXPECT_THAT(part.data_keys, ElementsAre("b", "d"));
  EXPECT_EQ(part.bytes, 10);
}

TEST(SupersededTest, IsReadAsItWasWritten) {
  const SupersededBatch batch{
      .data_key = "key", .compression = Compression::kZstd, .bytes = 1 << 20};
  const auto read = DecodeSuperseded("key", EncodeSuperseded(batch));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->data_key, "key");
  EXPECT_EQ(read->compression, Compression::kZstd);
  EXPECT_EQ(read->bytes, 1 << 20);
  EXPECT_TRUE(absl::IsDataLoss(DecodeSuperseded("key", "\x09").status()));
}

}  // namespace
}  // namespace tidemark::storage
