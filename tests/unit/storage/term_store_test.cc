// Terms in the store: what was ingested is there, whole, after a restart, and in no reader's way.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/unit/storage/store_fixture.h"

namespace tidemark::storage {
namespace {

using ::testing::ElementsAre;

class TermStoreTest : public StoreFixture {
 protected:
  // A segment of `log` that ends at `until`, with two keys and a type in its first batch.
  void Ingest(LogId log, Offset base, Offset until, absl::string_view type = "t") {
    std::unique_ptr<TermWriter> writer = store_->NewTermWriter();
    Write(*writer, log, base, until, type);
    const absl::Status status = store_->IngestTerms(std::move(writer));
    ASSERT_TRUE(status.ok()) << status;
  }
  static void Write(TermWriter& writer, LogId log, Offset base, Offset until,
                    absl::string_view type = "t") {
    std::string keys;
    PostingWriter(keys, until).Add(base, base + 1);
    writer.PutTerm(log, TermKind::kKey, "k1", until, keys);
    writer.PutTerm(log, TermKind::kKey, "k2", until, keys);
    writer.AddKeyTotal(log, "k1", {.count = 1, .first = base, .last = base});
    writer.AddKeyTotal(log, "k2", {.count = 2, .first = base, .last = base + 1});
    writer.PutSealed(log, until);
    std::string types;
    AppendTypeSummary(types, {.count = 3, .first_time_us = 1, .last_time_us = 1});
    PostingWriter(types, until).Add(base, base + 2, 3);
    writer.PutTerm(log, TermKind::kType, type, until, types);
  }
  std::vector<std::string> Rows(LogId log, TermKind kind) {
    std::vector<std::string> rows;
    const std::unique_ptr<TermCursor> cursor = store_->Terms(log);
    for (cursor->Seek(kind, "", Offset(0)); cursor->Valid(); cursor->Next()) {
      rows.push_back(absl::StrCat(cursor->term(), "<", cursor->until().value()));
    }
    EXPECT_TRUE(cursor->status().ok()) << cursor->status();
    return rows;
  }
};

TEST_F(TermStoreTest, WhatWasIngestedIsThereAfterARestart) {
  Ingest(LogId(1), Offset(0), Offset(10));
  Ingest(LogId(1), Offset(10), Offset(300));
  Ingest(LogId(2), Offset(0), Offset(5));
  for (int i = 0; i < 2; ++i, Reopen()) {
    EXPECT_THAT(Rows(LogId(1), TermKind::kKey), ElementsAre("k1<10", "k1<300", "k2<10", "k2<300"));
    EXPECT_THAT(Rows(LogId(1), TermKind::kType), ElementsAre("t<10", "t<300"));
    EXPECT_THAT(Rows(LogId(2), TermKind::kType), ElementsAre("t<5"));
    EXPECT_EQ(*store_->Terms(LogId(1))->SealedUntil(), Offset(300));
    EXPECT_EQ(*store_->Terms(LogId(3))->SealedUntil(), Offset(0));
    const KeyTotal total{.count = 4, .first = Offset(0), .last = Offset(11)};
    EXPECT_EQ(**store_->Terms(LogId(1))->TotalOf("k2"), total);
    EXPECT_FALSE(store_->Terms(LogId(1))->TotalOf("k")->has_value());
  }
}

TEST_F(TermStoreTest, ACursorIsOneMoment) {
  Ingest(LogId(1), Offset(0), Offset(10));
  const std::unique_ptr<TermCursor> before = store_->Terms(LogId(1));
  Ingest(LogId(1), Offset(10), Offset(20));
  EXPECT_EQ(*before->SealedUntil(), Offset(10));
  EXPECT_EQ((*before->TotalOf("k1"))->count, 1u);
  EXPECT_EQ(*store_->Terms(LogId(1))->SealedUntil(), Offset(20));
}

TEST_F(TermStoreTest, ACursorMovesBothWaysWithinItsKind) {
  Ingest(LogId(1), Offset(0), Offset(10));
  Ingest(LogId(1), Offset(10), Offset(20));
  const std::unique_ptr<TermCursor> cursor = store_->Terms(LogId(1));
  cursor->SeekForPrev(TermKind::kKey, "k1", Offset(15));
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->until(), Offset(10));
  cursor->Prev();
  EXPECT_FALSE(cursor->Valid());
  cursor->Seek(TermKind::kKey, "k2", Offset(20));
  ASSERT_TRUE(cursor->Valid());
  cursor->Next();
  EXPECT_FALSE(cursor->Valid());  // Totals follow; they are of another kind.
}

TEST_F(TermStoreTest, ADroppedWriterLeavesNothing) {
  {
    std::unique_ptr<TermWriter> writer = store_->NewTermWriter();
    Write(*writer, LogId(1), Offset(0), Offset(10));
  }
  EXPECT_EQ(*store_->Terms(LogId(1))->SealedUntil(), Offset(0));
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/terms.new"));
}

TEST_F(TermStoreTest, RowsOutOfOrderAreRefused) {
  std::unique_ptr<TermWriter> writer = store_->NewTermWriter();
  Write(*writer, LogId(2), Offset(0), Offset(10));
  Write(*writer, LogId(1), Offset(0), Offset(10));
  EXPECT_FALSE(writer->status().ok());
  EXPECT_FALSE(store_->IngestTerms(std::move(writer)).ok());
  EXPECT_EQ(*store_->Terms(LogId(2))->SealedUntil(), Offset(0));
}

TEST_F(TermStoreTest, TermsOfADeletedLogGo) {
  Ingest(LogId(1), Offset(0), Offset(10));
  Ingest(LogId(2), Offset(0), Offset(10));
  Ingest(LogId(3), Offset(0), Offset(10));
  std::unique_ptr<WriteSet> set = store_->Begin();
  set->DeleteLogIndex(LogId(2), 1);
  Commit(std::move(set));
  EXPECT_THAT(Rows(LogId(1), TermKind::kType), ElementsAre("t<10"));
  EXPECT_THAT(Rows(LogId(2), TermKind::kType), ElementsAre());
  EXPECT_FALSE(store_->Terms(LogId(2))->TotalOf("k1")->has_value());
  EXPECT_THAT(Rows(LogId(3), TermKind::kType), ElementsAre("t<10"));
  Ingest(LogId(1), Offset(10), Offset(20));  // Beside a range tombstone that is still in memory.
  EXPECT_THAT(Rows(LogId(1), TermKind::kType), ElementsAre("t<10", "t<20"));
}

}  // namespace
}  // namespace tidemark::storage
