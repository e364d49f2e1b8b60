#include "server/log/erased_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/base/crc32c.h"
#include "tests/support/events.h"

namespace tidemark::log {
namespace {

using storage::OffsetRange;
using ::testing::ElementsAre;

OffsetRange Range(uint64_t from, uint64_t until) { return {Offset(from), Offset(until)}; }

storage::BatchPtr MakeBatch(uint64_t base, const std::vector<testing::TestEvent>& events) {
  const auto bytes = std::make_shared<const std::string>(testing::EncodeEvents(events));
  auto batch = std::make_shared<storage::StoredBatch>();
  batch->header = {.log = LogId(1),
                   .base_offset = Offset(base),
                   .count = static_cast<uint32_t>(events.size()),
                   .events_bytes = static_cast<uint32_t>(bytes->size()),
                   .events_crc32c = base::Crc32c(*bytes)};
  batch->events = *bytes;
  batch->owner = bytes;
  return batch;
}

std::vector<std::string> IdsIn(const storage::StoredBatch& batch) {
  std::vector<std::string> ids;
  const auto events = testing::DecodeEvents(batch.events);
  EXPECT_TRUE(events.has_value());
  for (const testing::TestEvent& event : *events) ids.push_back(event.id);
  return ids;
}

TEST(OffsetRangesTest, JoinWhatTouches) {
  EXPECT_THAT(Union({Range(1, 3), Range(8, 9)}, {Range(3, 4), Range(6, 7), Range(7, 8)}),
              ElementsAre(Range(1, 4), Range(6, 9)));
}

TEST(OffsetRangesTest, TellWhatOverlaps) {
  const OffsetRanges ranges = {Range(2, 4), Range(6, 7)};
  EXPECT_FALSE(Overlaps(ranges, Offset(0), Offset(2)));
  EXPECT_TRUE(Overlaps(ranges, Offset(0), Offset(3)));
  EXPECT_FALSE(Overlaps(ranges, Offset(4), Offset(6)));
  EXPECT_TRUE(Overlaps(ranges, Offset(3), Offset(4)));
  EXPECT_FALSE(Overlaps(ranges, Offset(7), Offset(90)));
}

TEST(BlankTest, TakesEventsOutAndKeepsTheirPlaces) {
  const storage::BatchPtr batch = MakeBatch(10, {{.id = "a"}, {.id = "b"}, {.id = "c"}});
  const auto blanked = Blank(batch, {Range(0, 11), Range(12, 20)});
  ASSERT_TRUE(blanked.ok());
  EXPECT_THAT(IdsIn(**blanked), ElementsAre("", "b", ""));
  const storage::BatchHeader& header = (*blanked)->header;
  EXPECT_TRUE(header.has_erased);
  EXPECT_EQ(header.count, 3);
  EXPECT_EQ(header.events_bytes, (*blanked)->events.size());
  EXPECT_EQ(header.events_crc32c, base::Crc32c((*blanked)->events));
}

TEST(BlankTest, LeavesABatchAloneThatHasNothingToTakeOut) {
  const storage::BatchPtr batch = MakeBatch(10, {{.id = "a"}, {.id = "b"}});
  EXPECT_EQ(*Blank(batch, {Range(0, 10), Range(12, 13)}), batch);
  const storage::BatchPtr once = *Blank(batch, {Range(10, 11)});
  EXPECT_EQ(*Blank(once, {Range(10, 11)}), once);
}

TEST(ErasedEventsTest, KnowsTheRangesOfAllErasuresOfALog) {
  ErasedEvents erased;
  EXPECT_EQ(erased.Of(LogId(1)), nullptr);
  erased.Add(1, LogId(1), {Range(1, 2)});
  erased.Add(2, LogId(1), {Range(2, 3), Range(7, 8)});
  erased.Add(2, LogId(5), {Range(0, 1)});
  EXPECT_THAT(*erased.Of(LogId(1)), ElementsAre(Range(1, 3), Range(7, 8)));
  EXPECT_EQ(erased.ranges(), 4);
  erased.Remove(1);
  EXPECT_THAT(*erased.Of(LogId(1)), ElementsAre(Range(2, 3), Range(7, 8)));
  erased.Remove(2);
  EXPECT_EQ(erased.Of(LogId(1)), nullptr);
  EXPECT_EQ(erased.Of(LogId(5)), nullptr);
}

}  // namespace
}  // namespace tidemark::log
