// When a commit is on the disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using testing::MakeRequest;
using ::testing::Pair;

class CommitDurabilityTest : public LogFixture {};

TEST_F(CommitDurabilityTest, SyncsBeforeItAnswers) {
  const TopicPtr topic = MakeTopic("hr");
  for (int i = 0; i < 5; ++i) {
    const int before = disk_.syncs();
    ASSERT_TRUE(harness_.Append(topic, 0, MakeEvents("e", 1)).ok());
    EXPECT_GT(disk_.syncs(), before);
  }
}

TEST_F(CommitDurabilityTest, ATopicWithoutDurabilitySaysSoAndSkipsTheSync) {
  const TopicPtr topic = MakeTopic("m", {.durability = storage::Durability::kMemory});
  ASSERT_TRUE(harness_.Append(topic, 0, MakeEvents("e", 1)).ok());
  const int before = disk_.syncs();
  for (int i = 0; i < 5; ++i) {
    const auto result = harness_.Append(topic, 0, MakeEvents("e", 1));
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->durability, storage::Durability::kMemory);
  }
  EXPECT_EQ(disk_.syncs(), before);
}

// Else a power cut could keep the sequence and lose the events, or the other way round.
TEST_F(CommitDurabilityTest, AProducerIsSyncedInEveryTopic) {
  const TopicPtr topic = MakeTopic("m", {.durability = storage::Durability::kMemory});
  const int before = disk_.syncs();
  ASSERT_TRUE(
      harness_.Append(MakeRequest(topic, {{0, MakeEvents("e", 1)}}, ProducerSequence{"p", 1}))
          .ok());
  EXPECT_GT(disk_.syncs(), before);
}

TEST_F(CommitDurabilityTest, StoppingCommitsWhatWaits) {
  const TopicPtr topic = MakeTopic("hr");
  std::vector<PendingAppend> pending;
  for (int i = 0; i < 50; ++i)
    pending.push_back(Start(MakeRequest(topic, {{0, MakeEvents("e", 1)}})));
  log().Stop();
  for (const PendingAppend& append : pending) EXPECT_TRUE(append.value().ok());
  const PendingAppend late = Start(MakeRequest(topic, {{0, MakeEvents("e", 1)}}));
  EXPECT_EQ(late.value().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(late.value().status()), "SHUTTING_DOWN");
  Reopen();
  EXPECT_EQ(EndOf(topic, 0), Offset(50));
}

TEST_F(CommitDurabilityTest, CommitsOffsets) {
  const TopicPtr topic = MakeTopic("hr", {.partitions = 2});
  const storage::GroupId group(7);
  ASSERT_TRUE(AwaitDone([&](auto done) {
                log().CommitOffsets({{group, topic->log(PartitionIndex(0)), Offset(5)},
                                     {group, topic->log(PartitionIndex(1)), Offset(6)}},
                                    std::move(done));
              }).ok());
  Reopen();
  const auto offsets = harness_.store().ReadOffsets(group);
  ASSERT_TRUE(offsets.ok());
  EXPECT_THAT(*offsets, ElementsAre(Pair(topic->log(PartitionIndex(0)), Offset(5)),
                                    Pair(topic->log(PartitionIndex(1)), Offset(6))));
}

}  // namespace
}  // namespace tidemark::log
