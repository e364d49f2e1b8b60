#include "server/log/producer_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "tests/support/temp_dir.h"

namespace tidemark::log {
namespace {

using ::testing::Contains;
using ::testing::Pair;

// Plays the pipeline: pairs are checked and added, a group ends, its pairs reach the store.
class ProducerWindowTest : public ::testing::Test {
 protected:
  static storage::ProducerRecord Record(uint32_t fingerprint) {
    return {.topic = TopicId(1),
            .fingerprint = fingerprint,
            .position = Position(fingerprint),
            .ranges = {{PartitionIndex(0), Offset(fingerprint), 1}}};
  }
  // Checks a pair and adds it if it is new: "new", "known", or the error's reason.
  std::string Add(const std::string& id, uint64_t sequence, uint32_t fingerprint = 1) {
    const auto known = window_->Check({id, sequence}, fingerprint);
    if (!known.ok()) return DetailOf(known.status())->reason;
    if (known->has_value()) return "known";
    window_->Add({id, sequence}, Record(fingerprint));
    pending_->PutProducer(id, sequence, Record(fingerprint));
    return "new";
  }
  // Ends the group. The one before it is durable now, this one is on its way.
  void EndGroup() {
    window_->EndGroup();
    CommitPending();
    committing_ = std::move(pending_);
    pending_ = store_->Begin();
  }
  void CommitPending() {
    if (committing_ == nullptr) return;
    ASSERT_TRUE(store_->Commit(std::move(committing_), storage::Sync::kNoSync).ok());
  }

  testing::TempDir dir_;
  std::unique_ptr<storage::Store> store_ = *storage::Store::Open({.path = dir_.path()});
  std::unique_ptr<ProducerWindow> window_ = std::make_unique<ProducerWindow>(*store_, 100);
  std::unique_ptr<storage::WriteSet> pending_ = store_->Begin();
  std::unique_ptr<storage::WriteSet> committing_;
};

TEST_F(ProducerWindowTest, TheFirstSequenceMayBeAny) {
  EXPECT_EQ(Add("a", 41), "new");
  EXPECT_EQ(Add("b", 0), "new");
  EXPECT_EQ(Add("a", 42), "new");
}

TEST_F(ProducerWindowTest, KnowsAPairOfTheGroupBeingPrepared) {
  ASSERT_EQ(Add("a", 1), "new");
  EXPECT_EQ(Add("a", 1), "known");
}

TEST_F(ProducerWindowTest, KnowsAPairOfTheGroupBeingCommitted) {
  ASSERT_EQ(Add("a", 1), "new");
  EndGroup();
  EXPECT_EQ(Add("a", 1), "known");
}

TEST_F(ProducerWindowTest, KnowsAStoredPairForEver) {
  for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
    ASSERT_EQ(Add("a", sequence), "new");
    EndGroup();
  }
  for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
    EXPECT_EQ(Add("a", sequence), "known") << sequence;
  }
}

TEST_F(ProducerWindowTest, GivesTheFirstAnswer) {
  ASSERT_EQ(Add("a", 1, 77), "new");
  EndGroup();
  EndGroup();
  const auto known = window_->Check({"a", 1}, 77);
  ASSERT_TRUE(known.ok() && known->has_value());
  EXPECT_EQ((*known)->ranges.at(0).first, Offset(77));
  EXPECT_EQ((*known)->position, Position(77));
}

TEST_F(ProducerWindowTest, RefusesAGapAndNamesTheExpectedSequence) {
  ASSERT_EQ(Add("a", 5), "new");
  const auto gap = window_->Check({"a", 7}, 1);
  EXPECT_EQ(gap.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(DetailOf(gap.status())->reason, "PRODUCER_SEQUENCE_GAP");
  EXPECT_THAT(DetailOf(gap.status())->metadata, Contains(Pair("expected_sequence", "6")));
  EXPECT_EQ(Add("a", 6), "new");
}

TEST_F(ProducerWindowTest, RefusesSequencesBelowTheFirstOne) {
  ASSERT_EQ(Add("a", 5), "new");
  EXPECT_EQ(Add("a", 4), "PRODUCER_SEQUENCE_GAP");
  EndGroup();
  EndGroup();
  EXPECT_EQ(Add("a", 4), "PRODUCER_SEQUENCE_GAP");
}

TEST_F(ProducerWindowTest, RefusesAKnownSequenceWithOtherContent) {
  ASSERT_EQ(Add("a", 1, 7), "new");
  EXPECT_EQ(window_->Check({"a", 1}, 8).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Add("a", 1, 8), "PRODUCER_SEQUENCE_REUSED");
  EndGroup();
  EndGroup();
  EXPECT_EQ(Add("a", 1, 8), "PRODUCER_SEQUENCE_REUSED");
}

TEST_F(ProducerWindowTest, IdsThatBeginAlikeAreDifferentProducers) {
  ASSERT_EQ(Add("a", 9), "new");
  ASSERT_EQ(Add("ab", 3), "new");
  EndGroup();
  EndGroup();
  window_ = std::make_unique<ProducerWindow>(*store_, 100);
  EXPECT_EQ(Add("a", 10), "new");
  EXPECT_EQ(Add("ab", 4), "new");
  EXPECT_EQ(Add("aa", 1), "new");
}

TEST_F(ProducerWindowTest, FindsTheNewestSequenceInTheStoreAfterARestart) {
  ASSERT_EQ(Add("a", 255), "new");
  ASSERT_EQ(Add("a", 256), "new");  // Numbers, not bytes, decide what is newest.
  EndGroup();
  EndGroup();
  window_ = std::make_unique<ProducerWindow>(*store_, 100);
  EXPECT_EQ(Add("a", 255), "known");
  EXPECT_EQ(Add("a", 258), "PRODUCER_SEQUENCE_GAP");
  EXPECT_EQ(Add("a", 257), "new");
}

TEST_F(ProducerWindowTest, KnowsPairsOfProducersItHasNoRoomFor) {
  window_ = std::make_unique<ProducerWindow>(*store_, 1);
  for (int round = 0; round < 3; ++round) {
    for (int producer = 0; producer < 10; ++producer) {
      EXPECT_EQ(Add(absl::StrCat("p", producer), round), "new") << producer << " " << round;
    }
    EndGroup();
    for (int producer = 0; producer < 10; ++producer) {
      EXPECT_EQ(Add(absl::StrCat("p", producer), round), "known") << producer << " " << round;
    }
    EndGroup();
  }
}

// Producers that are only asked about must not push out one whose pair is not in the store yet.
TEST_F(ProducerWindowTest, RefusedProducersDoNotPushOutPendingOnes) {
  for (const char* id : {"a", "b", "c", "d"}) ASSERT_EQ(Add(id, 1), "new");
  EndGroup();
  EndGroup();
  window_ = std::make_unique<ProducerWindow>(*store_, 1);
  ASSERT_EQ(Add("a", 2), "new");
  for (const char* id : {"b", "c", "d"}) ASSERT_EQ(Add(id, 9), "PRODUCER_SEQUENCE_GAP");
  EndGroup();
  EXPECT_EQ(Add("a", 2), "known");
}

}  // namespace
}  // namespace tidemark::log
