#include "server/log/partition_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using State = PartitionRead::State;

// Ten batches of three events, one a second; the first half only in the store.
class PartitionReaderTest : public LogFixture {
 protected:
  void SetUp() override {
    LogFixture::SetUp();
    topic_ = MakeTopic("hr");
    begin_ = harness_.clock().Now();
    Append(5);
    Reopen();
    Append(5);
    partition_ = Open(topic_, 0);
  }
  void Append(int batches) {
    for (int i = 0; i < batches; ++i) {
      ASSERT_TRUE(harness_.Append(topic_, 0, MakeEvents("e", 3, 100)).ok());
      harness_.clock().Advance(absl::Seconds(1));
    }
  }
  PartitionRead Read(uint64_t from, uint64_t until, uint64_t bytes_max = UINT64_MAX,
                     MayWait may_wait = MayWait::kYes) {
    auto read = log().reader().Read(*partition_, Offset(from), Offset(until), bytes_max, may_wait);
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? *std::move(read) : PartitionRead{};
  }
  static std::vector<uint64_t> BasesOf(const PartitionRead& read) {
    std::vector<uint64_t> bases;
    for (const auto& batch : read.batches) bases.push_back(batch->header.base_offset.value());
    return bases;
  }
  uint64_t MicrosAfterBegin(absl::Duration after) const {
    return static_cast<uint64_t>(absl::ToUnixMicros(begin_ + after));
  }

  TopicPtr topic_;
  PartitionPtr partition_;
  absl::Time begin_;
};

TEST_F(PartitionReaderTest, ReadsTheNewestFromMemory) {
  const PartitionRead read = Read(16, 30, UINT64_MAX, MayWait::kNo);
  EXPECT_EQ(read.state, State::kBatches);
  EXPECT_TRUE(read.from_tail);
  EXPECT_THAT(BasesOf(read), ElementsAre(15, 18, 21, 24, 27));
}

TEST_F(PartitionReaderTest, ReadsTheOldFromTheStore) {
  const PartitionRead read = Read(4, 12);
  EXPECT_EQ(read.state, State::kBatches);
  EXPECT_FALSE(read.from_tail);
  EXPECT_THAT(BasesOf(read), ElementsAre(3, 6, 9));
}

TEST_F(PartitionReaderTest, DoesNotWaitForTheDiskWhenToldNotTo) {
  EXPECT_EQ(Read(0, 30, UINT64_MAX, MayWait::kNo).state, State::kNeedsStore);
}

TEST_F(PartitionReaderTest, GivesNoBatchThatBeginsAtOrBehindTheBound) {
  EXPECT_THAT(BasesOf(Read(0, 3)), ElementsAre(0));
  EXPECT_THAT(BasesOf(Read(0, 4)), ElementsAre(0, 3));
  EXPECT_THAT(BasesOf(Read(20, 21)), ElementsAre(18));
  EXPECT_THAT(BasesOf(Read(20, 22)), ElementsAre(18, 21));
  EXPECT_EQ(Read(20, 20).state, State::kAtEnd);
  EXPECT_EQ(Read(20, 3).state, State::kAtEnd);
}

TEST_F(PartitionReaderTest, BoundsAReadInBytesButGivesOneBatch) {
  EXPECT_THAT(BasesOf(Read(0, 30, 0)), ElementsAre(0));
  EXPECT_THAT(BasesOf(Read(27, 30, 0)), ElementsAre(27));
  const uint64_t batch_bytes = Read(0, 3).batches[0]->events.size();
  EXPECT_THAT(BasesOf(Read(0, 30, 2 * batch_bytes)), ElementsAre(0, 3));
  EXPECT_THAT(BasesOf(Read(15, 30, 2 * batch_bytes)), ElementsAre(15, 18));
}

TEST_F(PartitionReaderTest, TellsTheEnd) {
  EXPECT_EQ(Read(30, 99).state, State::kAtEnd);
  EXPECT_THAT(Read(30, 99).batches, IsEmpty());
}

TEST_F(PartitionReaderTest, CountsWhereBatchesCameFrom) {
  metrics::Metrics& metrics = harness_.metrics();
  Read(0, 6);
  Read(27, 30);
  EXPECT_EQ(metrics.read_store_hits_total.Value(), 2);
  EXPECT_EQ(metrics.read_tail_hits_total.Value(), 1);
}

TEST_F(PartitionReaderTest, MemoryAndStoreHoldTheSameBatches) {
  const PartitionRead tail = Read(15, 30);
  const auto stored =
      harness_.store().ReadBatches(partition_->log(), Offset(15), Offset(30), UINT64_MAX);
  ASSERT_TRUE(stored.ok()) << stored.status();
  ASSERT_EQ(stored->size(), tail.batches.size());
  for (size_t i = 0; i < stored->size(); ++i) {
    const storage::BatchHeader& one = tail.batches[i]->header;
    const storage::BatchHeader& two = (*stored)[i]->header;
    EXPECT_EQ(one.log, two.log);
    EXPECT_EQ(one.base_offset, two.base_offset);
    EXPECT_EQ(one.count, two.count);
    EXPECT_EQ(one.append_time_us, two.append_time_us);
    EXPECT_EQ(one.position, two.position);
    EXPECT_EQ(one.events_crc32c, two.events_crc32c);
    EXPECT_EQ(tail.batches[i]->events, (*stored)[i]->events);
  }
}

TEST_F(PartitionReaderTest, FindsTheFirstOffsetAtATime) {
  const auto at = [&](absl::Duration after) {
    return log().reader().OffsetAtTime(*partition_, MicrosAfterBegin(after))->value();
  };
  EXPECT_EQ(at(-absl::Hours(1)), 0u);
  EXPECT_EQ(at(absl::ZeroDuration()), 0u);
  EXPECT_EQ(at(absl::Microseconds(1)), 3u);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(at(absl::Seconds(i)), 3u * i) << i;
  EXPECT_EQ(at(absl::Seconds(9) + absl::Microseconds(1)), 30u);
}

TEST_F(PartitionReaderTest, TellsWhenAnOffsetWasAppended) {
  for (uint64_t offset : {0, 2, 3, 14, 15, 29}) {
    const auto time = log().reader().AppendTimeAt(*partition_, Offset(offset));
    ASSERT_TRUE(time.ok()) << time.status();
    EXPECT_EQ(*time, MicrosAfterBegin(absl::Seconds(offset / 3))) << offset;
  }
  EXPECT_EQ(log().reader().AppendTimeAt(*partition_, Offset(30)).status().code(),
            absl::StatusCode::kNotFound);
}

// Of spans: "base+count".
std::vector<std::string> SpansOf(const absl::StatusOr<SpanRead>& read) {
  EXPECT_TRUE(read.ok()) << read.status();
  std::vector<std::string> spans;
  for (const BatchSpan& span : read->spans) {
    spans.push_back(absl::StrCat(span.base_offset.value(), "+", span.count));
  }
  return spans;
}

TEST_F(PartitionReaderTest, TellsSpansFromMemoryOrTheStoreInBothDirections) {
  const auto spans = [this](uint64_t from, uint64_t until, Direction direction, size_t max) {
    return SpansOf(log().reader().Spans(*partition_, Offset(from), Offset(until), direction, max,
                                        MayWait::kYes));
  };
  EXPECT_THAT(spans(4, 30, Direction::kForward, 3), ElementsAre("3+3", "6+3", "9+3"));
  EXPECT_THAT(spans(19, 25, Direction::kForward, 9), ElementsAre("18+3", "21+3", "24+3"));
  EXPECT_THAT(spans(4, 8, Direction::kBackward, 9), ElementsAre("6+3", "3+3"));
  EXPECT_THAT(spans(0, 29, Direction::kBackward, 2), ElementsAre("27+3", "24+3"));
  // The memory's end is the answer's: what is older is another one.
  EXPECT_THAT(spans(0, 18, Direction::kBackward, 9), ElementsAre("15+3"));
  EXPECT_THAT(spans(0, 15, Direction::kBackward, 2), ElementsAre("12+3", "9+3"));
}

TEST_F(PartitionReaderTest, DoesNotWaitForTheStoreForSpansUnlessItMay) {
  const auto read =
      log().reader().Spans(*partition_, Offset(0), Offset(9), Direction::kForward, 9, MayWait::kNo);
  EXPECT_EQ(read->state, State::kNeedsStore);
}

TEST_F(PartitionReaderTest, TellsSpansWithThePositionsOfTheirBatches) {
  const auto spans = log().reader().Spans(*partition_, Offset(0), Offset(30), Direction::kForward,
                                          SIZE_MAX, MayWait::kYes);
  const PartitionRead read = Read(0, 30);
  ASSERT_EQ(spans->spans.size(), read.batches.size());
  for (size_t i = 0; i < read.batches.size(); ++i) {
    EXPECT_EQ(spans->spans[i].position, read.batches[i]->header.position);
    EXPECT_EQ(spans->spans[i].bytes, read.batches[i]->events.size());
  }
}

TEST_F(PartitionReaderTest, FindsTheEndAtAPosition) {
  const PartitionRead read = Read(0, 30);
  const Position newest = read.batches.back()->header.position;
  EXPECT_EQ(*log().reader().EndAt(*partition_, newest), Offset(30));
  EXPECT_EQ(*log().reader().EndAt(*partition_, Position(newest.value() - 1)), Offset(27));
  EXPECT_EQ(*log().reader().EndAt(*partition_, Position(newest.value() - 7)), Offset(9));
}

}  // namespace
}  // namespace tidemark::log
