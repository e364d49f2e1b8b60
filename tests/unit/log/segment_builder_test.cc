// A segment's rows say of each type and key what a plain walk over its batches finds.
#include "server/log/segment_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/storage/store.h"
#include "tests/support/events.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::log {
namespace {

using storage::Posting;
using storage::TermKind;
using testing::TestEvent;

constexpr LogId kLog{7};

class SegmentBuilderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<storage::Store>> store =
        storage::Store::Open({.path = dir_.Sub("store")});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  static storage::StoredBatch BatchOf(Offset base, uint64_t append_time_us,
                                      const std::vector<TestEvent>& events) {
    auto bytes = std::make_shared<const std::string>(testing::EncodeEvents(events));
    storage::StoredBatch batch;
    batch.header = {.log = kLog,
                    .base_offset = base,
                    .count = static_cast<uint32_t>(events.size()),
                    .append_time_us = append_time_us};
    batch.events = *bytes;
    batch.owner = std::move(bytes);
    return batch;
  }
  void Ingest(SegmentBuilder& builder, Offset until) {
    std::unique_ptr<storage::TermWriter> writer = store_->NewTermWriter();
    builder.WriteTo(*writer, kLog, until);
    const absl::Status status = store_->IngestTerms(std::move(writer));
    ASSERT_TRUE(status.ok()) << status;
  }
  // The rows of the segment that ends at `until`.
  std::map<std::string, std::vector<Posting>> Rows(
      TermKind kind, Offset until, std::map<std::string, storage::TypeSummary>* types = nullptr) {
    std::map<std::string, std::vector<Posting>> rows;
    const std::unique_ptr<storage::TermCursor> cursor = store_->Terms(kLog);
    for (cursor->Seek(kind, "", Offset(0)); cursor->Valid(); cursor->Next()) {
      if (cursor->until() != until) continue;
      absl::string_view row = cursor->row();
      storage::TypeSummary summary;
      if (kind == TermKind::kType) {
        EXPECT_TRUE(storage::TakeTypeSummary(row, summary));
        if (types != nullptr) (*types)[std::string(cursor->term())] = summary;
      }
      storage::PostingReader postings(row, until, kind == TermKind::kType ? &summary : nullptr);
      Posting posting;
      while (postings.Next(posting)) rows[std::string(cursor->term())].push_back(posting);
      EXPECT_TRUE(postings.ok()) << cursor->term();
    }
    EXPECT_TRUE(cursor->status().ok());
    return rows;
  }

  testing::TempDir dir_;
  std::unique_ptr<storage::Store> store_;
};

TEST_F(SegmentBuilderTest, SaysWhatAPlainWalkFinds) {
  const uint64_t seed = testing::SeedOr(1);
  testing::Random random(seed);
  std::map<std::string, storage::KeyTotal> totals;
  Offset base(0);
  for (int segment = 0; segment < 20; ++segment) {
    std::map<std::string, std::vector<Posting>> types;
    std::map<std::string, std::vector<Posting>> keys;
    std::map<std::string, storage::TypeSummary> summaries;
    SegmentBuilder builder(true);
    for (uint64_t batches = random.In(1, 12); batches > 0; --batches) {
      const uint64_t time_us = 1000 + base.value();
      std::vector<TestEvent> events(random.In(1, 30));
      const Offset begin = base;
      const auto note = [&](std::vector<Posting>& postings) {
        if (postings.empty() || postings.back().last < begin) {
          postings.push_back({.first = base, .last = base});
        }
        postings.back().last = base;
        return &postings.back();
      };
      for (TestEvent& event : events) {
        event.type = absl::StrCat("type-", random.Below(3));
        if (!random.OneIn(5)) event.key = absl::StrCat("key-", random.Below(20));
        ++note(types[event.type])->count;
        storage::TypeSummary& summary = summaries[event.type];
        if (summary.count++ == 0) summary.first_time_us = time_us;
        summary.last_time_us = time_us;
        if (!event.key.empty()) {
          note(keys[event.key]);
          storage::KeyTotal& total = totals[event.key];
          if (total.count++ == 0) total.first = base;
          total.last = base;
        }
        ++base;
      }
      ASSERT_TRUE(builder.Add(BatchOf(begin, time_us, events)).ok());
    }
    EXPECT_GT(builder.bytes(), 0u);
    Ingest(builder, base);
    std::map<std::string, storage::TypeSummary> seen;
    ASSERT_EQ(Rows(TermKind::kType, base, &seen), types) << "seed " << seed;
    ASSERT_EQ(seen, summaries) << "seed " << seed;
    ASSERT_EQ(Rows(TermKind::kKey, base), keys) << "seed " << seed;
  }
  for (const auto& [key, total] : totals) {
    EXPECT_EQ(**store_->Terms(kLog)->TotalOf(key), total) << key << ", seed " << seed;
  }
}

TEST_F(SegmentBuilderTest, ABatchThatCannotBeWalkedAddsNothing) {
  SegmentBuilder builder(true);
  ASSERT_TRUE(builder.Add(BatchOf(Offset(0), 1, {{.type = "t", .key = "k"}})).ok());
  storage::StoredBatch cut = BatchOf(Offset(1), 1, {{.type = "t"}, {.type = "u", .key = "l"}});
  cut.events.remove_suffix(1);
  EXPECT_TRUE(absl::IsDataLoss(builder.Add(cut)));
  storage::StoredBatch fewer = BatchOf(Offset(1), 1, {{.type = "t"}, {.type = "u", .key = "l"}});
  fewer.header.count = 3;
  EXPECT_TRUE(absl::IsDataLoss(builder.Add(fewer)));
  builder.AddUnread(cut.header);
  EXPECT_EQ(builder.batches(), 2u);
  Ingest(builder, Offset(3));
  EXPECT_EQ(Rows(TermKind::kType, Offset(3)).size(), 1u);
  EXPECT_EQ(Rows(TermKind::kKey, Offset(3)).size(), 1u);
  const std::vector<Posting> unread = {{.first = Offset(1), .last = Offset(2)}};
  EXPECT_EQ(Rows(TermKind::kUnread, Offset(3))[""], unread);
}

TEST_F(SegmentBuilderTest, WritesNoKeysWhereTheyAreNotIndexed) {
  SegmentBuilder builder(false);
  ASSERT_TRUE(builder.Add(BatchOf(Offset(0), 1, {{.type = "t", .key = "k"}})).ok());
  Ingest(builder, Offset(1));
  EXPECT_EQ(Rows(TermKind::kType, Offset(1)).size(), 1u);
  EXPECT_TRUE(Rows(TermKind::kKey, Offset(1)).empty());
  EXPECT_EQ(*store_->Terms(kLog)->SealedUntil(), Offset(1));
}

}  // namespace
}  // namespace tidemark::log
