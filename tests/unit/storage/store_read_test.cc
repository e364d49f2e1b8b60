// Reading batches through the index, over many small epochs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/support/random.h"
#include "tests/unit/storage/store_fixture.h"

namespace tidemark::storage {
namespace {

using ::testing::IsEmpty;
using testing::Random;

struct ModelBatch {
  Offset base;
  uint32_t count;
  size_t bytes;
  uint64_t append_time_us;
};

class StoreReadTest : public StoreFixture {
 protected:
  static constexpr uint32_t kLogs = 3;

  void SetUp() override {
    options_.epoch_bytes = 4096;
    StoreFixture::SetUp();
  }
  // Random batches of three logs; some sets hold several; the store is reopened now and then.
  void Fill(Random& random, int batches) {
    uint64_t time = 100;
    for (int i = 0; i < batches;) {
      std::unique_ptr<WriteSet> set = store_->Begin();
      if (random.OneIn(2)) time += random.Below(20);
      for (uint64_t n = random.In(1, 4); n > 0; --n, ++i) {
        const LogId log(1 + static_cast<uint32_t>(random.Below(kLogs)));
        const auto count = static_cast<uint32_t>(random.In(1, 6));
        const size_t bytes = random.Below(300);
        model_[log].push_back({ends_[log], count, bytes, time});
        Put(*set, log, count, bytes, time);
      }
      Commit(std::move(set), random.OneIn(3) ? Sync::kSync : Sync::kNoSync);
      if (random.OneIn(60)) Reopen();
    }
  }
  static std::vector<uint64_t> BasesOf(const std::vector<BatchPtr>& batches) {
    std::vector<uint64_t> bases;
    for (const BatchPtr& batch : batches) bases.push_back(batch->header.base_offset.value());
    return bases;
  }

  std::map<LogId, std::vector<ModelBatch>> model_;
};

TEST_F(StoreReadTest, ReadsBackEveryBatchOverManyEpochs) {
  Random random(testing::SeedOr(1));
  Fill(random, 300);
  EXPECT_GT((*store_->LastBatch(LogId(1)))->row.epoch, Epoch(10));
  for (const bool reopened : {false, true}) {
    if (reopened) Reopen();
    for (const auto& [log, batches] : model_) {
      const auto read = store_->ReadBatches(log, Offset(0), ends_[log], UINT64_MAX);
      ASSERT_TRUE(read.ok()) << read.status();
      ASSERT_EQ(read->size(), batches.size());
      for (size_t i = 0; i < batches.size(); ++i) {
        const BatchHeader& header = (*read)[i]->header;
        ASSERT_EQ(header.base_offset, batches[i].base);
        ASSERT_EQ(header.count, batches[i].count);
        ASSERT_EQ(header.append_time_us, batches[i].append_time_us);
        ASSERT_EQ(std::string((*read)[i]->events),
                  EventsAt(log, batches[i].base, batches[i].count, batches[i].bytes));
      }
    }
  }
}

TEST_F(StoreReadTest, ReadsAnyRangeAsBruteForceDoes) {
  const uint64_t seed = testing::SeedOr(2);
  Random random(seed);
  Fill(random, 200);
  for (int i = 0; i < 500; ++i) {
    const LogId log(1 + static_cast<uint32_t>(random.Below(kLogs)));
    const Offset from(random.Below(ends_[log].value() + 2));
    const Offset until = from + random.Below(30);
    const uint64_t bytes_max = random.OneIn(2) ? UINT64_MAX : random.Below(2000);
    std::vector<uint64_t> expected;
    uint64_t bytes = 0;
    uint64_t last_bytes = 0;
    for (const ModelBatch& batch : model_[log]) {
      if (batch.base + batch.count <= from || batch.base >= until) continue;
      // The next batch is taken to be as large as the last.
      if (!expected.empty() && bytes + last_bytes > bytes_max) break;
      last_bytes = EventsAt(log, batch.base, batch.count, batch.bytes).size();
      bytes += last_bytes;
      expected.push_back(batch.base.value());
    }
    const auto read = store_->ReadBatches(log, from, until, bytes_max);
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_EQ(BasesOf(*read), expected) << "seed " << seed << ", round " << i;
  }
}

TEST_F(StoreReadTest, FindsTimesAsBruteForceDoes) {
  const uint64_t seed = testing::SeedOr(3);
  Random random(seed);
  Fill(random, 200);
  for (int i = 0; i < 1000; ++i) {
    const LogId log(1 + static_cast<uint32_t>(random.Below(kLogs)));
    const uint64_t time = 90 + random.Below(model_[log].back().append_time_us);
    const auto& batches = model_[log];
    // Bounds as a partition has them: at batches.
    const size_t first = random.OneIn(2) ? 0 : random.Below(batches.size());
    const size_t last = random.OneIn(2) ? batches.size() : random.In(first, batches.size() + 1);
    const Offset start = batches[first].base;
    const Offset end = last == batches.size() ? ends_[log] : batches[last].base;
    Offset expected = end;
    for (size_t b = first; b < last; ++b) {
      if (batches[b].append_time_us < time) continue;
      expected = batches[b].base;
      break;
    }
    const auto found = store_->FirstOffsetAtTime(log, time, start, end);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->value(), expected.value())
        << "seed " << seed << ", round " << i << ", time " << time;
  }
}

TEST_F(StoreReadTest, FindsTheBatchOfEachOffset) {
  Random random(testing::SeedOr(4));
  Fill(random, 100);
  for (const auto& [log, batches] : model_) {
    EXPECT_EQ((*store_->FirstBatch(log))->base_offset, Offset(0));
    EXPECT_EQ((*store_->LastBatch(log))->base_offset, batches.back().base);
    EXPECT_EQ((*store_->LastBatch(log))->end_offset(), ends_[log]);
    for (const ModelBatch& batch : batches) {
      for (uint32_t i = 0; i < batch.count; ++i) {
        const auto info = store_->BatchAt(log, batch.base + i);
        ASSERT_TRUE(info.ok() && info->has_value()) << (batch.base + i).value();
        ASSERT_EQ((*info)->base_offset, batch.base);
      }
    }
    EXPECT_FALSE(store_->BatchAt(log, ends_[log])->has_value());
  }
}

TEST_F(StoreReadTest, ALogBetweenOthersHasOnlyItsOwn) {
  Append(LogId(1), 2);
  Append(LogId(3), 2);
  EXPECT_THAT(*store_->ReadBatches(LogId(2), Offset(0), Offset(100), UINT64_MAX), IsEmpty());
  EXPECT_FALSE(store_->FirstBatch(LogId(2))->has_value());
  EXPECT_FALSE(store_->LastBatch(LogId(2))->has_value());
  EXPECT_FALSE(store_->BatchAt(LogId(2), Offset(0))->has_value());
  EXPECT_EQ(*store_->FirstOffsetAtTime(LogId(2), 0, Offset(0), Offset(0)), Offset(0));
}

TEST_F(StoreReadTest, ABatchOutlivesTheStore) {
  Append(LogId(1), 2, 50);
  auto read = store_->ReadBatches(LogId(1), Offset(0), Offset(2), 1);
  ASSERT_TRUE(read.ok());
  const BatchPtr batch = read->at(0);
  store_.reset();
  EXPECT_EQ(std::string(batch->events), EventsAt(LogId(1), Offset(0), 2, 50));
}

TEST_F(StoreReadTest, DeletingLogsLeavesTheOthers) {
  Random random(testing::SeedOr(5));
  Fill(random, 200);
  ASSERT_TRUE(store_->MarkDeleted(LogId(2), 1, Store::Deleted::kNow).ok());
  auto set = store_->Begin();
  set->DeleteLogIndex(LogId(2), 1);
  Commit(std::move(set));
  ASSERT_TRUE(store_->Reclaim([] { return false; }).ok());
  for (const LogId log : {LogId(1), LogId(3)}) {
    const auto read = store_->ReadBatches(log, Offset(0), ends_[log], UINT64_MAX);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->size(), model_[log].size());
  }
  EXPECT_THAT(*store_->ReadBatches(LogId(2), Offset(0), ends_[LogId(2)], UINT64_MAX), IsEmpty());
}

}  // namespace
}  // namespace tidemark::storage
