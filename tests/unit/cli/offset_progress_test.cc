// Progress of a read is its share of the offsets between start and stop.
#include "client/cli/offset_progress.h"

#include "gtest/gtest.h"

namespace tidemark::cli {
namespace {

const std::vector<Watermarks> kTopic = {
    {.partition = 0, .start_offset = 10, .end_offset = 110, .time_offset = 60},
    {.partition = 1, .start_offset = 0, .end_offset = 50, .time_offset = 50}};

uint64_t TotalOf(const Start& start, const Stop& stop, const std::vector<uint32_t>& partitions) {
  return OffsetProgress(start, stop, partitions, kTopic, kTopic).total();
}

TEST(OffsetProgressTest, CountsWhatThereIsToRead) {
  EXPECT_EQ(TotalOf(Start::FromEarliest(), Stop::AtEnd(), {}), 150);
  EXPECT_EQ(TotalOf(Start::FromEarliest(), Stop::AtEnd(), {1}), 50);
  EXPECT_EQ(TotalOf(Start::FromLatest(), Stop::AtEnd(), {}), 0);
  EXPECT_EQ(TotalOf(Start::FromLastN(60), Stop::AtEnd(), {}), 110);
  EXPECT_EQ(TotalOf(Start::FromOffsets({{0, 100}}), Stop::AtEnd(), {0}), 10);
  EXPECT_EQ(TotalOf(Start::FromTime(absl::UnixEpoch()), Stop::AtEnd(), {}), 50);
  EXPECT_EQ(TotalOf(Start::FromEarliest(), Stop::BeforeTime(absl::UnixEpoch()), {}), 100);
  EXPECT_EQ(TotalOf(Start::FromOffsets({{0, 20}}), Stop::BeforeOffsets({{0, 30}}), {0}), 10);
  EXPECT_EQ(TotalOf(Start::FromOffsets({{0, 90}}), Stop::BeforeOffsets({{0, 30}}), {0}), 0);
}

TEST(OffsetProgressTest, CountsWhatAFilterLeftOut) {
  OffsetProgress progress(Start::FromEarliest(), Stop::AtEnd(), {}, kTopic, kTopic);
  progress.Reached(0, 20);
  EXPECT_EQ(progress.done(), 10);
  progress.Reached(1, 50);
  EXPECT_EQ(progress.done(), 60);
  progress.Reached(0, 15);  // Not backwards.
  EXPECT_EQ(progress.done(), 60);
  progress.Reached(0, 110);
  EXPECT_EQ(progress.done(), progress.total());
}

}  // namespace
}  // namespace tidemark::cli
