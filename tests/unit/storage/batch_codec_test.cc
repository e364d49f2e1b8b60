#include "server/storage/batch_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/base/crc32c.h"
#include "tests/support/events.h"

namespace tidemark::storage {
namespace {

using ::testing::HasSubstr;

class BatchCodecTest : public ::testing::Test {
 protected:
  absl::Status Decode(absl::string_view value, LogId log = LogId(7), Offset base = Offset(1000)) {
    return DecodeBatch(log, base, value, header_, events_);
  }
  // Header and checksums that fit, whatever is in them.
  static std::string Encode(BatchHeader header, const std::string& events) {
    header.events_bytes = static_cast<uint32_t>(events.size());
    header.events_crc32c = base::Crc32c(events);
    return EncodeBatchHeader(header) + events;
  }

  const std::string stored_events_ = testing::EncodeEvents({{.id = "1"}, {.id = "2"}});
  const BatchHeader stored_header_{.log = LogId(7),
                                   .base_offset = Offset(1000),
                                   .count = 2,
                                   .append_time_us = 1'700'000'000'000'000,
                                   .position = Position(1ull << 40)};
  const std::string stored_ = Encode(stored_header_, stored_events_);
  BatchHeader header_;
  absl::string_view events_;
};

TEST_F(BatchCodecTest, RoundTrips) {
  const absl::Status status = Decode(stored_);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(header_.log, LogId(7));
  EXPECT_EQ(header_.base_offset, Offset(1000));
  EXPECT_EQ(header_.end_offset(), Offset(1002));
  EXPECT_EQ(header_.append_time_us, 1'700'000'000'000'000u);
  EXPECT_EQ(header_.append_time(), absl::FromUnixSeconds(1'700'000'000));
  EXPECT_EQ(header_.position, Position(1ull << 40));
  EXPECT_EQ(header_.events_bytes, stored_events_.size());
  EXPECT_EQ(header_.events_crc32c, base::Crc32c(stored_events_));
  EXPECT_EQ(std::string(events_), stored_events_);
}

TEST_F(BatchCodecTest, EventsPointIntoTheValue) {
  ASSERT_TRUE(Decode(stored_).ok());
  EXPECT_EQ(events_.data(), stored_.data() + kBatchHeaderBytes);
}

TEST_F(BatchCodecTest, SaysWhetherEventsAreErased) {
  BatchHeader erased = stored_header_;
  erased.has_erased = true;
  std::string value = Encode(erased, stored_events_);
  ASSERT_TRUE(Decode(value).ok());
  EXPECT_TRUE(header_.has_erased);
  ASSERT_TRUE(Decode(stored_).ok());
  EXPECT_FALSE(header_.has_erased);
  // One is not taken for the other.
  value[0] = stored_[0];
  EXPECT_TRUE(absl::IsDataLoss(Decode(value)));
}

// Either it is refused, or what comes out is what went in.
TEST_F(BatchCodecTest, NeverServesAFlippedBit) {
  int refused = 0;
  for (size_t bit = 0; bit < stored_.size() * 8; ++bit) {
    std::string damaged = stored_;
    damaged[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const absl::Status status = Decode(damaged);
    if (!status.ok()) {
      EXPECT_TRUE(absl::IsDataLoss(status)) << "bit " << bit;
      ++refused;
      continue;
    }
    EXPECT_EQ(std::string(events_), stored_events_) << "bit " << bit;
    EXPECT_EQ(header_.count, stored_header_.count) << "bit " << bit;
    EXPECT_EQ(header_.append_time_us, stored_header_.append_time_us) << "bit " << bit;
    EXPECT_EQ(header_.position, stored_header_.position) << "bit " << bit;
  }
  EXPECT_GE(refused, static_cast<int>(stored_.size() * 8 - 24));  // 24 bits are reserved.
}

TEST_F(BatchCodecTest, RefusesAValueCutAnywhere) {
  for (size_t size = 0; size < stored_.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(Decode(absl::string_view(stored_).substr(0, size)))) << size;
  }
}

TEST_F(BatchCodecTest, RefusesBytesBehindTheEvents) {
  EXPECT_TRUE(absl::IsDataLoss(Decode(stored_ + std::string(1, '\0'))));
}

TEST_F(BatchCodecTest, RefusesABatchUnderAnotherKeyAndNamesTheKey) {
  EXPECT_TRUE(absl::IsDataLoss(Decode(stored_, LogId(8))));
  const absl::Status status = Decode(stored_, LogId(7), Offset(1001));
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("offset 1001 of log 7"));
}

TEST_F(BatchCodecTest, RefusesABatchWithoutEvents) {
  BatchHeader header = stored_header_;
  header.count = 0;
  EXPECT_TRUE(absl::IsDataLoss(Decode(Encode(header, ""))));
}

}  // namespace
}  // namespace tidemark::storage
