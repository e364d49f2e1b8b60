#include "server/storage/key_schema.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "server/storage/records.h"
#include "tests/support/random.h"

namespace tidemark::storage {
namespace {

using testing::Random;

// Small numbers, numbers around each byte's edge, and the largest one.
template <typename T>
T Edge(Random& random) {
  const int bits = static_cast<int>(random.Below(sizeof(T) * 8));
  const T edge = static_cast<T>(T{1} << bits);
  const T values[] = {0,
                      1,
                      edge,
                      static_cast<T>(edge - 1),
                      static_cast<T>(~T{0}),
                      static_cast<T>(random.Below(~0ull))};
  return values[random.Below(std::size(values))];
}

TEST(KeySchemaTest, DataKeysSortByEpochLogAndOffset) {
  const uint64_t seed = testing::SeedOr(1);
  Random random(seed);
  using Parts = std::tuple<uint32_t, uint32_t, uint64_t>;
  const auto key = [](const Parts& parts) {
    return DataKey(Epoch(std::get<0>(parts)), LogId(std::get<1>(parts)),
                   Offset(std::get<2>(parts)));
  };
  for (int i = 0; i < 10'000; ++i) {
    const Parts a(Edge<uint32_t>(random), Edge<uint32_t>(random), Edge<uint64_t>(random));
    const Parts b(random.OneIn(2) ? std::get<0>(a) : Edge<uint32_t>(random),
                  random.OneIn(2) ? std::get<1>(a) : Edge<uint32_t>(random),
                  Edge<uint64_t>(random));
    ASSERT_EQ(key(a) < key(b), a < b) << "seed " << seed << ", round " << i;
    ASSERT_EQ(key(a).size(), kDataKeyBytes);
  }
}

TEST(KeySchemaTest, DataKeysGiveTheirPartsBack) {
  const DataKeyParts parts = ParseDataKey(DataKey(Epoch(1), LogId(0xfffffffe), Offset(1ull << 63)));
  EXPECT_EQ(parts.epoch, Epoch(1));
  EXPECT_EQ(parts.log, LogId(0xfffffffe));
  EXPECT_EQ(parts.base_offset, Offset(1ull << 63));
}

TEST(KeySchemaTest, IndexKeysSortByLogAndOffset) {
  const uint64_t seed = testing::SeedOr(2);
  Random random(seed);
  for (int i = 0; i < 10'000; ++i) {
    const std::pair a(Edge<uint32_t>(random), Edge<uint64_t>(random));
    const std::pair b(random.OneIn(2) ? a.first : Edge<uint32_t>(random), Edge<uint64_t>(random));
    ASSERT_EQ(
        IndexKey(LogId(a.first), Offset(a.second)) < IndexKey(LogId(b.first), Offset(b.second)),
        a < b)
        << "seed " << seed << ", round " << i;
  }
}

TEST(KeySchemaTest, ProducerKeysSortByIdThenSequence) {
  std::vector<std::string> keys;
  for (const char* id : {"a", "a-", "a.b", "aa", "b"}) {
    for (const uint64_t sequence : {0ull, 1ull, 255ull, 256ull, 1ull << 62}) {
      keys.push_back(ProducerKey(id, sequence));
    }
  }
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
}

TEST(KeySchemaTest, OffsetKeysOfAGroupAreTheOnesBehindItsPrefix) {
  const std::string prefix = OffsetsPrefix(GroupId(5));
  for (const uint32_t log : {0u, 1u, ~0u}) {
    const std::string key = OffsetKey(GroupId(5), LogId(log));
    EXPECT_GE(key, prefix);
    EXPECT_LT(key, PrefixEnd(prefix));
  }
  EXPECT_LT(OffsetKey(GroupId(4), LogId(~0u)), prefix);
  EXPECT_GE(OffsetKey(GroupId(6), LogId(0)), PrefixEnd(prefix));
}

// Prefixes tell the records of one column family apart, whatever a topic or group is called.
TEST(KeySchemaTest, RecordsOfDifferentKindsNeverShareAKey) {
  const std::vector<std::string> meta = {kStoreKey,        kCommitMarkKey,
                                         TopicKey("S"),    TopicKey("P"),
                                         TopicKey("D"),    DeletedTopicKey(TopicId(1)),
                                         ErasureKey(1),    ErasedRangesKey(1, LogId(1)),
                                         kDigestSecretKey, SupersededKey("E")};
  for (size_t i = 0; i < meta.size(); ++i) {
    for (size_t j = i + 1; j < meta.size(); ++j) EXPECT_NE(meta[i], meta[j]) << i << " " << j;
  }
  EXPECT_NE(GroupKey("O")[0], OffsetKey(GroupId(1), LogId(1))[0]);
}

TEST(KeySchemaTest, PrefixEndIsTheLeastKeyAboveThePrefix) {
  EXPECT_EQ(PrefixEnd("a"), "b");
  EXPECT_EQ(PrefixEnd("a\xff"), "b");
  EXPECT_EQ(PrefixEnd("a\xff\xff"), "b");
  EXPECT_EQ(PrefixEnd("a\xfe"), "a\xff");
}

TEST(KeySchemaTest, IndexRowsRoundTrip) {
  const IndexRow row{.epoch = Epoch(~0u),
                     .count = 77,
                     .append_time_us = 1ull << 60,
                     .position = Position(~0ull),
                     .events_bytes = 123456,
                     .events_crc32c = 0xdeadbeef,
                     .log_bytes = 1ull << 50};
  IndexRow read;
  ASSERT_TRUE(DecodeIndexRow(EncodeIndexRow(row), read));
  EXPECT_EQ(read.epoch, row.epoch);
  EXPECT_EQ(read.count, row.count);
  EXPECT_EQ(read.append_time_us, row.append_time_us);
  EXPECT_EQ(read.position, row.position);
  EXPECT_EQ(read.events_bytes, row.events_bytes);
  EXPECT_EQ(read.events_crc32c, row.events_crc32c);
  EXPECT_EQ(read.log_bytes, row.log_bytes);
}

TEST(KeySchemaTest, ReadsIndexRowsOfFormat1) {
  IndexRow read{.log_bytes = 1};
  ASSERT_TRUE(DecodeIndexRow(EncodeIndexRow({.count = 3, .log_bytes = 9}).substr(0, 32), read));
  EXPECT_EQ(read.count, 3);
  EXPECT_EQ(read.log_bytes, 0);
}

TEST(KeySchemaTest, IndexRowsSayHowABatchIsCompressed) {
  for (const Compression compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    const std::string row = EncodeIndexRow({.compression = compression});
    IndexRow read{.compression = Compression::kLz4};
    ASSERT_TRUE(DecodeIndexRow(row, read));
    EXPECT_EQ(read.compression, compression);
  }
  IndexRow read;
  std::string unknown = EncodeIndexRow({.compression = Compression::kZstd});
  unknown.back() = static_cast<char>(kCompressions);
  EXPECT_FALSE(DecodeIndexRow(unknown, read));
}

TEST(KeySchemaTest, RefusesIndexRowsOfAnotherSize) {
  const std::string row = EncodeIndexRow({});
  IndexRow read;
  for (size_t size = 0; size < row.size(); ++size) {
    if (size == 32) continue;  // Format 1.
    EXPECT_FALSE(DecodeIndexRow(row.substr(0, size), read)) << size;
  }
  EXPECT_FALSE(DecodeIndexRow(row + "x", read));
}

}  // namespace
}  // namespace tidemark::storage
