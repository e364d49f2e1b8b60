#include "server/log/batch_cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "tests/support/events.h"
#include "tests/support/random.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using testing::EncodeEvents;
using ::testing::IsEmpty;
using testing::Random;
using ::testing::SizeIs;
using testing::TestEvent;

storage::StoredBatch MakeBatch(Offset base, const std::vector<TestEvent>& events) {
  auto bytes = std::make_shared<const std::string>(EncodeEvents(events));
  return {.header = {.log = LogId(1),
                     .base_offset = base,
                     .count = static_cast<uint32_t>(events.size()),
                     .append_time_us = 5,
                     .position = Position(9),
                     .events_bytes = static_cast<uint32_t>(bytes->size()),
                     .events_crc32c = base::Crc32c(*bytes)},
          .owner = bytes,
          .events = *bytes};
}

std::vector<TestEvent> Numbered(int count) {
  std::vector<TestEvent> events;
  for (int i = 0; i < count; ++i) {
    events.push_back({.id = absl::StrCat(i), .type = i % 3 == 0 ? "a" : "b.x", .data = "data"});
  }
  return events;
}

std::string Joined(const EventSlice& slice) {
  std::string bytes;
  for (const absl::string_view piece : slice.pieces) bytes.append(piece.data(), piece.size());
  return bytes;
}

std::vector<uint64_t> OffsetsOf(const EventSlice& slice) {
  std::vector<uint64_t> offsets;
  for (uint32_t i = 0; i < slice.count; ++i) offsets.push_back(slice.OffsetAt(i).value());
  return offsets;
}

EventSlice Cut(const storage::StoredBatch& batch, const storage::FilterSpec& spec,
               const CutLimits& limits) {
  absl::StatusOr<EventSlice> slice = CutBatch(batch, Filter(spec), limits);
  EXPECT_TRUE(slice.ok()) << slice.status();
  return slice.ok() ? *std::move(slice) : EventSlice{};
}

TEST(CutBatchTest, GivesAWholeBatchAsItIsStored) {
  const storage::StoredBatch batch = MakeBatch(Offset(10), Numbered(5));
  const EventSlice slice = Cut(batch, {}, {.from = Offset(10), .until = Offset(15)});
  EXPECT_EQ(slice.base_offset, Offset(10));
  EXPECT_EQ(slice.count, 5u);
  EXPECT_THAT(slice.offset_deltas, IsEmpty());
  ASSERT_THAT(slice.pieces, SizeIs(1));
  EXPECT_EQ(slice.pieces[0].data(), batch.events.data());
  EXPECT_EQ(slice.events_crc32c, batch.header.events_crc32c);
  EXPECT_EQ(slice.next, Offset(15));
}

// A checksum over bytes that were cut would be wrong.
TEST(CutBatchTest, GivesAChecksumForWholeBatchesOnly) {
  const storage::StoredBatch batch = MakeBatch(Offset(0), Numbered(3));
  for (const CutLimits& limits :
       {CutLimits{.from = Offset(1), .until = Offset(3)},
        CutLimits{.from = Offset(0), .until = Offset(2)},
        CutLimits{.from = Offset(0), .until = Offset(3), .events_max = 2},
        CutLimits{.from = Offset(0), .until = Offset(3), .bytes_max = 1},
        CutLimits{.from = Offset(0), .until = Offset(3), .without_data = true}}) {
    EXPECT_EQ(Cut(batch, {}, limits).events_crc32c, std::nullopt);
  }
  EXPECT_EQ(Cut(batch, {.types = {"*"}}, {.from = Offset(0), .until = Offset(3)}).count, 3u);
}

TEST(CutBatchTest, CutsARangeWithoutCopying) {
  const storage::StoredBatch batch = MakeBatch(Offset(10), Numbered(6));
  const EventSlice slice = Cut(batch, {}, {.from = Offset(12), .until = Offset(15)});
  EXPECT_THAT(OffsetsOf(slice), ElementsAre(12, 13, 14));
  EXPECT_THAT(slice.offset_deltas, IsEmpty());
  ASSERT_THAT(slice.pieces, SizeIs(1));
  EXPECT_GE(slice.pieces[0].data(), batch.events.data());
  EXPECT_EQ(slice.next, Offset(15));
}

TEST(CutBatchTest, TellsOffsetsWhereAFilterLeavesHoles) {
  const storage::StoredBatch batch = MakeBatch(Offset(10), Numbered(7));
  const EventSlice slice = Cut(batch, {.types = {"a"}}, {.from = Offset(11), .until = Offset(99)});
  EXPECT_EQ(slice.base_offset, Offset(13));
  EXPECT_THAT(slice.offset_deltas, ElementsAre(0, 3));
  EXPECT_EQ(slice.next, Offset(17));
}

TEST(CutBatchTest, PassesOverWhatDoesNotMatch) {
  const storage::StoredBatch batch = MakeBatch(Offset(10), Numbered(3));
  const EventSlice slice =
      Cut(batch, {.keys = {"none"}}, {.from = Offset(10), .until = Offset(13)});
  EXPECT_EQ(slice.count, 0u);
  EXPECT_THAT(slice.pieces, IsEmpty());
  EXPECT_EQ(slice.next, Offset(13));
}

TEST(CutBatchTest, GivesOneEventHoweverLarge) {
  const storage::StoredBatch batch = MakeBatch(Offset(0), Numbered(3));
  const EventSlice slice = Cut(batch, {}, {.from = Offset(1), .until = Offset(3), .bytes_max = 1});
  EXPECT_THAT(OffsetsOf(slice), ElementsAre(1));
  EXPECT_EQ(slice.next, Offset(2));
}

TEST(CutBatchTest, CallsEventsThatCannotBeWalkedDataLoss) {
  storage::StoredBatch batch = MakeBatch(Offset(0), Numbered(3));
  batch.events.remove_suffix(1);
  EXPECT_TRUE(absl::IsDataLoss(
      CutBatch(batch, Filter(), {.from = Offset(1), .until = Offset(3)}).status()));
}

TEST(CutBatchTest, CallsABatchWithTooFewEventsDataLoss) {
  storage::StoredBatch batch = MakeBatch(Offset(0), Numbered(3));
  batch.header.count = 4;
  EXPECT_TRUE(absl::IsDataLoss(
      CutBatch(batch, Filter(), {.from = Offset(1), .until = Offset(4)}).status()));
}

TEST(CutBatchTest, LeavesOutDataOnly) {
  const TestEvent event{.id = "1",
                        .type = "a",
                        .key = "k",
                        .time = {{7, 0}},
                        .data = "secret",
                        .attributes = {{"x", "y"}}};
  const storage::StoredBatch batch = MakeBatch(Offset(0), {event, event});
  const EventSlice slice =
      Cut(batch, {}, {.from = Offset(0), .until = Offset(2), .without_data = true});
  TestEvent expected = event;
  expected.data.clear();
  EXPECT_THAT(*testing::DecodeEvents(Joined(slice)), ElementsAre(expected, expected));
  EXPECT_EQ(slice.bytes, Joined(slice).size());
}

// The pieces stay valid after the batch object is gone.
TEST(CutBatchTest, KeepsItsBytesAlive) {
  auto batch = std::make_unique<storage::StoredBatch>(MakeBatch(Offset(0), Numbered(3)));
  const EventSlice cut = Cut(*batch, {}, {.from = Offset(1), .until = Offset(2)});
  const EventSlice bare =
      Cut(*batch, {}, {.from = Offset(1), .until = Offset(2), .without_data = true});
  batch.reset();
  EXPECT_EQ(testing::DecodeEvents(Joined(cut))->at(0).data, "data");
  EXPECT_EQ(testing::DecodeEvents(Joined(bare))->at(0).id, "1");
}

std::vector<TestEvent> RandomEvents(Random& random) {
  std::vector<TestEvent> events;
  for (uint64_t n = random.In(1, 12); n > 0; --n) {
    events.push_back({.id = absl::StrCat(n),
                      .type = random.OneIn(2) ? "a" : "b.x",
                      .key = absl::StrCat("k", random.Below(3)),
                      .data = std::string(random.Below(40), 'd')});
  }
  return events;
}

// What CutBatch should give, one event after the other.
struct Expected {
  std::vector<uint64_t> offsets;
  std::vector<TestEvent> events;
  Offset next;
};
Expected BruteForce(Offset base, const std::vector<TestEvent>& events,
                    const storage::FilterSpec& spec, const CutLimits& limits) {
  const Filter filter(spec);
  Expected expected{.next = limits.from};
  uint64_t bytes = 0;
  const Offset until = std::min(limits.until, base + events.size());
  for (Offset offset = limits.from; offset < until; ++offset) {
    const TestEvent& event = events[offset - base];
    if (filter.Matches({.type = event.type, .key = event.key})) {
      const uint64_t size = testing::EncodeEntry(event).size();
      if (!expected.events.empty() && bytes + size > limits.bytes_max) return expected;
      if (expected.events.size() == limits.events_max) return expected;
      bytes += size;
      expected.offsets.push_back(offset.value());
      expected.events.push_back(event);
    }
    expected.next = offset + 1;
    if (expected.events.size() == limits.events_max) return expected;
  }
  return expected;
}

TEST(CutBatchTest, AgreesWithBruteForce) {
  const uint64_t seed = testing::SeedOr(1);
  Random random(seed);
  for (int round = 0; round < 20'000; ++round) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, ", round ", round));
    const std::vector<TestEvent> events = RandomEvents(random);
    const Offset base(random.Below(1000));
    const Offset from = base + random.Below(events.size());
    storage::FilterSpec spec;
    if (random.OneIn(2)) spec.types = {random.OneIn(2) ? "a" : "b.*"};
    if (random.OneIn(3)) spec.keys = {"k1", "k2"};
    const CutLimits limits{.from = from,
                           .until = from + random.In(1, 15),
                           .bytes_max = random.OneIn(2) ? UINT64_MAX : random.Below(300),
                           .events_max = random.OneIn(2) ? UINT64_MAX : random.In(1, 6)};
    const EventSlice slice = Cut(MakeBatch(base, events), spec, limits);
    const Expected expected = BruteForce(base, events, spec, limits);
    ASSERT_EQ(OffsetsOf(slice), expected.offsets);
    ASSERT_EQ(Joined(slice), EncodeEvents(expected.events));
    ASSERT_EQ(slice.bytes, Joined(slice).size());
    ASSERT_EQ(slice.next, expected.next);
    if (slice.count > 0 && !slice.offset_deltas.empty()) {
      ASSERT_EQ(slice.offset_deltas.size(), slice.count);
    }
  }
}

TEST(CutBatchTest, CutsBackwardFromTheEndOfTheRange) {
  const storage::StoredBatch batch = MakeBatch(Offset(10), Numbered(7));
  const EventSlice slice = Cut(
      batch, {},
      {.from = Offset(3), .until = Offset(15), .events_max = 3, .direction = Direction::kBackward});
  EXPECT_TRUE(slice.descending);
  EXPECT_THAT(OffsetsOf(slice), ElementsAre(14, 13, 12));
  EXPECT_THAT(slice.offset_deltas, IsEmpty());
  EXPECT_EQ(slice.next, Offset(12));
  EXPECT_EQ(testing::DecodeEvents(Joined(slice))->front().id, "4");
}

TEST(CutBatchTest, TellsHowFarOffsetsFallWhereAFilterLeavesHoles) {
  const storage::StoredBatch batch = MakeBatch(Offset(10), Numbered(7));
  const EventSlice slice =
      Cut(batch, {.types = {"a"}},
          {.from = Offset(0), .until = Offset(16), .direction = Direction::kBackward});
  EXPECT_EQ(slice.base_offset, Offset(13));
  EXPECT_THAT(slice.offset_deltas, ElementsAre(0, 3));
  EXPECT_EQ(slice.next, Offset(10));
}

// Cut again and again, with one map, a batch gives what brute force gives of it at once, reversed.
TEST(CutBatchTest, AgreesWithBruteForceInManyCutsOfBothDirections) {
  const uint64_t seed = testing::SeedOr(1);
  Random random(seed);
  for (int round = 0; round < 10'000; ++round) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, ", round ", round));
    const std::vector<TestEvent> events = RandomEvents(random);
    const storage::StoredBatch batch = MakeBatch(Offset(100), events);
    storage::FilterSpec spec;
    if (random.OneIn(2)) spec.types = {random.OneIn(2) ? "a" : "b.*"};
    const bool backward = random.OneIn(2);
    const Offset from = Offset(100) + random.Below(events.size());
    const Offset until = from + random.In(1, events.size() + 100 - from.value() + 1);
    CutLimits limits{.from = from,
                     .until = until,
                     .bytes_max = random.OneIn(2) ? UINT64_MAX : random.Below(100),
                     .events_max = random.OneIn(2) ? UINT64_MAX : random.In(1, 4),
                     .direction = backward ? Direction::kBackward : Direction::kForward};
    Expected expected = BruteForce(Offset(100), events, spec, {.from = from, .until = until});
    if (backward) std::reverse(expected.offsets.begin(), expected.offsets.end());
    std::vector<uint64_t> offsets;
    EntryMap map;
    while (limits.from < limits.until) {
      const auto slice = CutBatch(batch, Filter(spec), limits, map);
      ASSERT_TRUE(slice.ok()) << slice.status();
      ASSERT_TRUE(slice->count <= 1 || slice->bytes <= limits.bytes_max);
      ASSERT_LE(slice->count, limits.events_max);
      ASSERT_EQ(slice->bytes, Joined(*slice).size());
      for (const uint64_t offset : OffsetsOf(*slice)) offsets.push_back(offset);
      const auto decoded = testing::DecodeEvents(Joined(*slice));
      for (uint32_t i = 0; i < slice->count; ++i) {
        ASSERT_EQ(decoded->at(i), events[slice->OffsetAt(i) - Offset(100)]);
      }
      ASSERT_TRUE(backward ? slice->next < limits.until : slice->next > limits.from);
      (backward ? limits.until : limits.from) = slice->next;
    }
    ASSERT_EQ(offsets, expected.offsets);
  }
}

}  // namespace
}  // namespace tidemark::log
