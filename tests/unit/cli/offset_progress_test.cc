// Progress of a read is its share of the offsets between start and stop.
#include "client/cli/offset_progress.h"

#include "gtest/gtest.h"

namespace tidemark::cli {
namespace {

const std::vector<Watermarks> kTopic = {
    {.partition = 0, .start_offset = 10, .end_offset = 110, .time_offset = 60},
    {.partition = 1, .start_offset = 0, .end_offset = 50, .time_offset = 50}};

uint64_t TotalOf(const Start& start, const Stop& stop, const std::vector<uint32_t>& partitions) {
  return OffsetProgress(Direction::kForward, start, stop, partitions, kTopic, kTopic).total();
}
uint64_t BackwardTotalOf(const Start& start, const Stop& stop) {
  return OffsetProgress(Direction::kBackward, start, stop, {0}, kTopic, kTopic).total();
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
  OffsetProgress progress(Direction::kForward, Start::FromEarliest(), Stop::AtEnd(), {}, kTopic,
                          kTopic);
  progress.Passed(0, 19);
  EXPECT_EQ(progress.done(), 10);
  progress.Passed(1, 49);
  EXPECT_EQ(progress.done(), 60);
  progress.Passed(0, 14);  // Not backwards.
  EXPECT_EQ(progress.done(), 60);
  progress.Passed(0, 109);
  EXPECT_EQ(progress.done(), progress.total());
}

TEST(OffsetProgressTest, CountsBackward) {
  EXPECT_EQ(BackwardTotalOf(Start::FromEarliest(), Stop::AtEnd()), 100);
  EXPECT_EQ(BackwardTotalOf(Start::FromOffsets({{0, 60}}), Stop::BeforeOffsets({{0, 20}})), 40);
  EXPECT_EQ(BackwardTotalOf(Start::FromOffsets({{0, 20}}), Stop::BeforeOffsets({{0, 60}})), 0);
  EXPECT_EQ(BackwardTotalOf(Start::FromLastN(7), Stop::AtEnd()), 7);
  EXPECT_EQ(BackwardTotalOf(Start::FromTime(absl::UnixEpoch()), Stop::AtEnd()), 50);
  OffsetProgress progress(Direction::kBackward, Start::FromEarliest(), Stop::AtEnd(), {0}, kTopic,
                          kTopic);
  progress.Passed(0, 109);
  progress.Passed(0, 60);
  EXPECT_EQ(progress.done(), 50);
  progress.Passed(0, 10);
  EXPECT_EQ(progress.done(), progress.total());
}

}  // namespace
}  // namespace tidemark::cli
