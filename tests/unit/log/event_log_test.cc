#include "server/log/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeRequest;
using ::testing::Pair;
using testing::PipelinePause;

class EventLogTest : public LogFixture {
 protected:
  absl::StatusOr<TopicPtr> Update(const std::string& name,
                                  absl::AnyInvocable<absl::Status(storage::TopicConfig&)> change) {
    return Await<TopicPtr>(
        [&](auto done) { log().UpdateTopic(name, std::move(change), std::move(done)); });
  }
};

TEST_F(EventLogTest, CreatesATopic) {
  const TopicPtr topic = MakeTopic("hr", {.partitions = 4, .description = "people"});
  EXPECT_EQ(topic->name(), "hr");
  EXPECT_EQ(topic->partitions(), 4u);
  EXPECT_EQ(topic->record.config.description, "people");
  EXPECT_EQ(absl::FromUnixMicros(topic->record.create_time_us), harness_.clock().Now());
  EXPECT_EQ((*log().FindTopic("hr"))->id(), topic->id());
}

TEST_F(EventLogTest, NamesTheTopicThatIsMissing) {
  const absl::Status status = log().FindTopic("hr").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(status), "TOPIC_NOT_FOUND");
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"hr\""));
}

TEST_F(EventLogTest, RefusesASecondTopicOfAName) {
  MakeTopic("hr");
  const auto second = harness_.CreateTopic("hr", {.partitions = 7});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(second.status()), "TOPIC_EXISTS");
  EXPECT_EQ((*log().FindTopic("hr"))->partitions(), 1u);
}

TEST_F(EventLogTest, OfTwoCreationsAtOnceOneWins) {
  std::vector<Pending<absl::StatusOr<TopicPtr>>> pending(2);
  {
    PipelinePause pause(log());
    for (auto& creation : pending) log().CreateTopic("hr", {}, creation.callback());
  }
  EXPECT_TRUE(pending[0].value().ok());
  EXPECT_EQ(pending[1].value().status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(EventLogTest, BoundsThePartitionsOfTheStore) {
  harness_.options().log.partitions_max = 10;
  Reopen();
  MakeTopic("a", {.partitions = 8});
  const auto over = harness_.CreateTopic("b", {.partitions = 3});
  EXPECT_EQ(over.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(over.status()), "PARTITIONS_EXHAUSTED");
  EXPECT_THAT(DetailOf(over.status())->metadata, Contains(Pair("limit", "10")));
  EXPECT_THAT(DetailOf(over.status())->metadata, Contains(Pair("value", "11")));
  MakeTopic("b", {.partitions = 2});
  ASSERT_TRUE(harness_.DeleteTopic("a").ok());
  MakeTopic("c", {.partitions = 8});
}

// A log id is never used again: the numbers end before they wrap.
TEST_F(EventLogTest, RefusesTopicsWhenLogIdsAreUsedUp) {
  auto record = *harness_.store().ReadStoreRecord();
  record.next_log_id = std::numeric_limits<uint32_t>::max() - 5;
  auto set = harness_.store().Begin();
  set->PutStoreRecord(record);
  harness_.log().Stop();
  ASSERT_TRUE(harness_.store().Commit(std::move(set), storage::Sync::kSync).ok());
  Reopen();
  EXPECT_EQ(harness_.CreateTopic("big", {.partitions = 10}).status().code(),
            absl::StatusCode::kResourceExhausted);
  const TopicPtr small = MakeTopic("small", {.partitions = 2});
  ASSERT_NE(small, nullptr);
  ASSERT_TRUE(harness_.Append(small, 1, MakeEvents("e", 2)).ok());
  Reopen();
  EXPECT_THAT(IdsOf(harness_.ReadAll(*small, 1)), ElementsAre("e0", "e1"));
}

TEST_F(EventLogTest, UpdatesSettings) {
  const TopicPtr before = MakeTopic("hr", {.partitions = 2});
  harness_.clock().Advance(absl::Minutes(1));
  const auto updated = Update("hr", [](storage::TopicConfig& config) {
    config.description = "people";
    return absl::OkStatus();
  });
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ((*updated)->record.config.description, "people");
  EXPECT_EQ((*updated)->id(), before->id());
  EXPECT_EQ((*updated)->record.create_time_us, before->record.create_time_us);
  EXPECT_EQ((*updated)->record.update_time_us - before->record.update_time_us, 60'000'000u);
  Reopen();
  EXPECT_EQ((*log().FindTopic("hr"))->record.config.description, "people");
}

TEST_F(EventLogTest, ARefusedUpdateChangesNothing) {
  MakeTopic("hr");
  const auto refused = Update("hr", [](storage::TopicConfig& config) {
    config.description = "half";
    return absl::InvalidArgumentError("no");
  });
  EXPECT_EQ(refused.status(), absl::InvalidArgumentError("no"));
  EXPECT_EQ((*log().FindTopic("hr"))->record.config.description, "");
  EXPECT_EQ(Update("none", [](auto&) { return absl::OkStatus(); }).status().code(),
            absl::StatusCode::kNotFound);
}

// New appends see the new settings, also with a topic that was looked up before.
TEST_F(EventLogTest, SettingsHoldForTheNextAppend) {
  const TopicPtr before = MakeTopic("hr");
  ASSERT_TRUE(Update("hr", [](storage::TopicConfig& config) {
                config.durability = storage::Durability::kMemory;
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(harness_.Append(before, 0, MakeEvents("e", 1))->durability,
            storage::Durability::kMemory);
}

TEST_F(EventLogTest, KeepsTopicsAndEventsOverARestart) {
  const TopicPtr topic = MakeTopic("hr", {.partitions = 3});
  ASSERT_TRUE(harness_.Append(topic, 1, MakeEvents("e", 3)).ok());
  const std::string store_id = log().store_id();
  Reopen();
  EXPECT_EQ(log().store_id(), store_id);
  const auto found = log().FindTopic("hr");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)->id(), topic->id());
  EXPECT_THAT(IdsOf(harness_.ReadAll(**found, 1)), ElementsAre("e0", "e1", "e2"));
  EXPECT_THAT(IdsOf(harness_.ReadAll(**found, 0)), IsEmpty());
  const auto next = harness_.Append(*found, 1, MakeEvents("f", 1));
  EXPECT_EQ(next->ranges[0].first, Offset(3));
}

TEST_F(EventLogTest, DeletesATopic) {
  const TopicPtr topic = MakeTopic("hr");
  const PartitionPtr partition = Open(topic, 0);
  ASSERT_TRUE(harness_.Append(topic, 0, MakeEvents("e", 1)).ok());
  ASSERT_TRUE(harness_.DeleteTopic("hr").ok());
  EXPECT_EQ(harness_.DeleteTopic("hr").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(log().FindTopic("hr").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(partition->deleted());
  EXPECT_EQ(log().OpenPartition(*topic, PartitionIndex(0)).status().code(),
            absl::StatusCode::kNotFound);
  const auto late = harness_.Append(topic, 0, MakeEvents("late", 1));
  EXPECT_EQ(late.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(late.status()), "TOPIC_NOT_FOUND");
  Reopen();
  EXPECT_EQ(log().FindTopic("hr").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(EventLogTest, ANewTopicOfADeletedNameIsAnother) {
  const TopicPtr old_topic = MakeTopic("hr", {.partitions = 2});
  ASSERT_TRUE(harness_.Append(old_topic, 0, MakeEvents("old", 3)).ok());
  ASSERT_TRUE(harness_.DeleteTopic("hr").ok());
  const TopicPtr new_topic = MakeTopic("hr", {.partitions = 2});
  EXPECT_NE(new_topic->id(), old_topic->id());
  EXPECT_EQ(EndOf(new_topic, 0), Offset(0));
  EXPECT_EQ(harness_.Append(new_topic, 0, MakeEvents("new", 1))->ranges[0].first, Offset(0));
  EXPECT_EQ(harness_.Append(old_topic, 0, MakeEvents("late", 1)).status().code(),
            absl::StatusCode::kNotFound);
  log().reclaimer().WaitUntilIdle();
  EXPECT_THAT(IdsOf(harness_.ReadAll(*new_topic, 0)), ElementsAre("new0"));
  Reopen();
  EXPECT_THAT(IdsOf(harness_.ReadAll(*new_topic, 0)), ElementsAre("new0"));
}

// An append that was queued before the deletion happens before it; one behind it does not happen.
TEST_F(EventLogTest, DeletionHasItsPlaceInTheOrder) {
  const TopicPtr topic = MakeTopic("hr");
  PendingAppend before, after;
  PendingDone deletion;
  {
    PipelinePause pause(log());
    before = Start(MakeRequest(topic, {{0, MakeEvents("e", 1)}}));
    log().DeleteTopic("hr", deletion.callback());
    after = Start(MakeRequest(topic, {{0, MakeEvents("e", 1)}}));
  }
  EXPECT_TRUE(before.value().ok());
  EXPECT_TRUE(deletion.value().ok());
  EXPECT_EQ(after.value().status().code(), absl::StatusCode::kNotFound);
}

// The answer is the topic as it was made, even if it is gone by then.
TEST_F(EventLogTest, AnswersACreationWithItsTopicThoughItIsDeletedAtOnce) {
  for (int i = 0; i < 50; ++i) {
    Pending<absl::StatusOr<TopicPtr>> created;
    PendingDone deleted;
    log().CreateTopic("hr", {}, created.callback());
    log().DeleteTopic("hr", deleted.callback());
    ASSERT_TRUE(created.value().ok());
    ASSERT_NE(*created.value(), nullptr) << i;
    ASSERT_EQ((*created.value())->name(), "hr");
    ASSERT_TRUE(deleted.value().ok());
  }
}

TEST_F(EventLogTest, GroupIdsAreNeverUsedAgain) {
  std::vector<uint64_t> ids;
  for (int i = 0; i < 4; ++i) {
    if (i == 2) Reopen();
    ASSERT_TRUE(AwaitDone([&](auto done) {
                  log().Mutate({.prepare =
                                    [&](storage::WriteSet& set) {
                                      ids.push_back(log().AllocateGroupId(set).value());
                                      return absl::OkStatus();
                                    },
                                .publish = [] {},
                                .done = std::move(done)});
                }).ok());
  }
  EXPECT_THAT(ids, ElementsAre(ids[0], ids[0] + 1, ids[0] + 2, ids[0] + 3));
}

}  // namespace
}  // namespace tidemark::log
