// SeekGroup: offsets move while members are at work, and nothing from before counts after it.
#include "tests/unit/groups/coordinator_fixture.h"

namespace tidemark::groups {
namespace {

class SeekTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    CoordinatorTest::SetUp();
    for (uint32_t i = 0; i < 4; ++i) Append("hr", i, 10);
  }
  static TopicPartitionOffset To(uint32_t partition, uint64_t offset,
                                 const std::string& topic = "hr") {
    return {topic, PartitionIndex(partition), Offset(offset)};
  }
  absl::StatusOr<std::vector<SeekMove>> Seek(std::vector<TopicPartitionOffset> targets,
                                             bool dry_run = false) {
    return log::Await<std::vector<SeekMove>>([&](auto done) {
      groups_->SeekGroup("payroll", std::move(targets), dry_run, std::move(done));
    });
  }
  // "hr/0 7->2", or the error.
  std::string Moves(std::vector<TopicPartitionOffset> targets, bool dry_run = false) {
    const auto moves = Seek(std::move(targets), dry_run);
    if (!moves.ok()) return moves.status().ToString();
    std::vector<std::string> words;
    for (const SeekMove& move : *moves) {
      words.push_back(
          absl::StrCat(move.topic->name(), "/", move.index, " ", move.from, "->", move.to));
    }
    return absl::StrJoin(words, ", ");
  }
  static std::string Rejection(const absl::StatusOr<AckResult>& result) {
    if (!result.ok()) return result.status().ToString();
    if (result->rejected.size() != 1) return "none";
    return result->rejected[0].reason == AckRejection::kFenced ? "FENCED" : "OUT_OF_RANGE";
  }
  void Release(Consumer& consumer, uint32_t partition,
               std::optional<uint64_t> revocation = std::nullopt) {
    consumer.member->Release({{"hr", PartitionIndex(partition)}}, revocation);
    EXPECT_TRUE(Settle(consumer));
  }
};

TEST_F(SeekTest, IsDurableWhenAnswered) {
  ASSERT_TRUE(Commit({Entry(0, 7), Entry(1, 5)}).ok());
  EXPECT_EQ(Moves({To(0, 2), To(2, 9)}), "hr/0 7->2, hr/2 0->9");
  Restart();
  EXPECT_EQ(Offsets(), "hr/0@2 hr/1@5 hr/2@9");
}

TEST_F(SeekTest, DryRunTellsAndMovesNothing) {
  ASSERT_TRUE(Commit({Entry(0, 7)}).ok());
  const ConsumerPtr consumer = Join();
  EXPECT_EQ(Moves({To(0, 2)}, /*dry_run=*/true), "hr/0 7->2");
  EXPECT_TRUE(Settle(*consumer));
  EXPECT_TRUE(consumer->RevokedUntil().empty());
  EXPECT_EQ(Offsets(), "hr/0@7");
}

TEST_F(SeekTest, GivesIdlePartitionsBackToTheirOwnerAtOnce) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(consumer->Ack(0, 10).ok());
  ASSERT_TRUE(Seek({To(0, 3)}).ok());
  ASSERT_TRUE(Settle(*consumer));
  EXPECT_EQ(consumer->Owned(), "hr/0@3 hr/1@0 hr/2@0 hr/3@0");
}

// The member had acked, and its ack was on its way, when the group was moved.
TEST_F(SeekTest, FencesAcksOfTheOldPlace) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(consumer->Ack(0, 4).ok());
  ASSERT_TRUE(Seek({To(0, 1)}).ok());
  EXPECT_FALSE(consumer->Take(0, 10, 10));
  EXPECT_EQ(Rejection(consumer->Ack(0, 7)), "FENCED");
  EXPECT_EQ(Offsets(), "hr/0@1");
  EXPECT_EQ(consumer->RevokedUntil().size(), 1u);  // It has three events in hand.
  EXPECT_EQ(Rejection(consumer->Ack(0, 10)), "FENCED");
  EXPECT_EQ(consumer->Find(0)->from, Offset(1));
  ASSERT_TRUE(consumer->Take(0, 6, 5));
  EXPECT_EQ(Rejection(consumer->Ack(0, 6)), "none");
  EXPECT_EQ(Offsets(), "hr/0@6");
}

TEST_F(SeekTest, IsAnsweredByRelease) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(Seek({To(0, 8)}).ok());
  Release(*consumer, 0);
  EXPECT_EQ(consumer->Find(0)->from, Offset(8));
  EXPECT_TRUE(consumer->Take(0, 10, 2));
}

// The first seek found nothing in hand and was over at once; the client's Release for it comes when
// the second one waits. Taken for the second's answer, it would let acks of the first place in.
TEST_F(SeekTest, TheReleaseOfAnEarlierSeekDoesNotAnswerALaterOne) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(Seek({To(0, 2)}).ok());
  ASSERT_TRUE(Settle(*consumer));
  const uint64_t first = consumer->revocation();
  ASSERT_TRUE(consumer->Take(0, 8, 6));
  ASSERT_TRUE(Seek({To(0, 5)}).ok());
  Release(*consumer, 0, first);
  EXPECT_EQ(consumer->RevokedUntil().size(), 1u);
  EXPECT_EQ(Rejection(consumer->Ack(0, 7)), "FENCED");
  Release(*consumer, 0, consumer->revocation());
  EXPECT_EQ(consumer->Find(0)->from, Offset(5));
}

TEST_F(SeekTest, ClosesWhoDoesNotAnswerUntilTheDeadline) {
  const ConsumerPtr consumer = Join();
  const ConsumerPtr other = Join();
  ASSERT_TRUE(consumer->Take(0, 10, 10));
  ASSERT_TRUE(Seek({To(0, 5)}).ok());
  clock().Advance(options_.revoke_timeout);
  groups_->Tick(clock().Now());
  ASSERT_TRUE(Settle(*other));
  ASSERT_TRUE(consumer->closed().has_value());
  EXPECT_EQ(ReasonOf(*consumer->closed()), "SEEK_UNANSWERED");
  EXPECT_EQ(MetadataOf(*consumer->closed(), "revoke_timeout"), "30s");
  EXPECT_EQ(Rejection(consumer->Ack(0, 10)), "FENCED");
  EXPECT_EQ(other->Owned(), "hr/0@5 hr/1@0 hr/2@0 hr/3@0");
}

TEST_F(SeekTest, LeavesOtherPartitionsAlone) {
  const ConsumerPtr consumer = Join();
  ASSERT_TRUE(consumer->Take(1, 10, 10));
  ASSERT_TRUE(Seek({To(0, 5)}).ok());
  EXPECT_TRUE(consumer->Take(1, 10, 10));
  EXPECT_EQ(Rejection(consumer->Ack(1, 10)), "none");
  EXPECT_EQ(Offsets(), "hr/0@5 hr/1@10");
}

TEST_F(SeekTest, RefusesWhatIsNotThere) {
  EXPECT_TRUE(absl::IsNotFound(Seek({To(0, 1)}).status()));
  ASSERT_TRUE(Commit({Entry(0, 7)}).ok());
  CreateTopic("pay", 1);
  EXPECT_EQ(ReasonOf(Seek({To(0, 1), To(4, 1)}).status()), "PARTITION_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Seek({To(0, 1), To(0, 1, "pay")}).status()), "GROUP_SETTINGS_DIFFER");
  EXPECT_EQ(Offsets(), "hr/0@7");
}

}  // namespace
}  // namespace tidemark::groups
