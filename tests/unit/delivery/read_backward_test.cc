// Backward reads: what a forward read yields with start and stop exchanged, newest first.
#include "server/base/error.h"
#include "tests/unit/delivery/session_fixture.h"

namespace tidemark::delivery {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr log::Direction kBackward = log::Direction::kBackward;

class ReadBackwardTest : public SessionTest {
 protected:
  // Partition 0: a0 | a1 a2 a3 | a4, partition 1: b0; a batch each, one second apart.
  log::TopicPtr SixEvents() {
    log::TopicPtr topic = MakeTopic(2);
    AppendBatch(topic, 0, {"a0"});
    AppendBatch(topic, 0, {"a1", "a2", "a3"});
    AppendBatch(topic, 1, {"b0"});
    AppendBatch(topic, 0, {"a4"});
    return topic;
  }
  void AppendBatch(const log::TopicPtr& topic, uint32_t partition,
                   const std::vector<std::string>& ids) {
    std::vector<TestEvent> events;
    for (const std::string& id : ids) {
      times_[id] = harness_->clock().Now();
      events.push_back({.id = id,
                        .type = id == "a1" || id == "a3" ? "odd" : "even",
                        .key = id,
                        .data = "some data"});
    }
    ASSERT_TRUE(harness_->Append(topic, partition, events).ok());
    harness_->clock().Advance(absl::Seconds(1));
  }
  // Of partition 0, backward.
  std::vector<std::string> Read(ReadSpec spec) {
    spec.partitions = {0};
    spec.direction = kBackward;
    return ReadAll(std::move(spec));
  }
  std::map<std::string, absl::Time> times_;
};

TEST_F(ReadBackwardTest, YieldsEachPartitionNewestFirst) {
  EXPECT_THAT(ReadAll({.topic = SixEvents(), .start = StartLatest{}, .direction = kBackward}),
              ElementsAre("0/4/a4", "0/3/a3", "0/2/a2", "0/1/a1", "0/0/a0", "1/0/b0"));
}

TEST_F(ReadBackwardTest, YieldsTheSameFromTheStore) {
  SixEvents();
  harness_->Close();
  ASSERT_TRUE(harness_->Open().ok());
  EXPECT_THAT(Read({.topic = *harness_->log().FindTopic("hr"), .start = StartLatest{}}),
              ElementsAre("0/4/a4", "0/3/a3", "0/2/a2", "0/1/a1", "0/0/a0"));
}

TEST_F(ReadBackwardTest, YieldsWhatIsHalfInTheStoreAndHalfInMemory) {
  SixEvents();
  harness_->Close();
  ASSERT_TRUE(harness_->Open().ok());
  const log::TopicPtr topic = *harness_->log().FindTopic("hr");
  AppendBatch(topic, 0, {"a5", "a6"});
  EXPECT_THAT(Read({.topic = topic, .start = StartLatest{}}),
              ElementsAre("0/6/a6", "0/5/a5", "0/4/a4", "0/3/a3", "0/2/a2", "0/1/a1", "0/0/a0"));
}

TEST_F(ReadBackwardTest, LeavesOutTheStartAndIncludesTheStop) {
  const log::TopicPtr topic = SixEvents();
  EXPECT_THAT(
      Read({.topic = topic, .start = StartOffsets{{{0, 3}}}, .stop = StopOffsets{{{0, 1}}}}),
      ElementsAre("0/2/a2", "0/1/a1"));
  EXPECT_THAT(
      Read({.topic = topic, .start = StartTime{times_["a4"]}, .stop = StopTime{times_["a1"]}}),
      ElementsAre("0/3/a3", "0/2/a2", "0/1/a1"));
  EXPECT_THAT(
      Read({.topic = topic, .start = StartOffsets{{{0, 1}}}, .stop = StopOffsets{{{0, 3}}}}),
      IsEmpty());
  EXPECT_THAT(Read({.topic = topic, .start = StartOffsets{{{0, 0}}}}), IsEmpty());
}

TEST_F(ReadBackwardTest, YieldsTheNewestNOfEachPartition) {
  const log::TopicPtr topic = SixEvents();
  EXPECT_THAT(ReadAll({.topic = topic, .start = StartLastN{2}, .direction = kBackward}),
              ElementsAre("0/4/a4", "0/3/a3", "1/0/b0"));
  EXPECT_THAT(Read({.topic = topic, .start = StartLastN{1}, .filter = {.types = {"odd"}}}),
              ElementsAre("0/3/a3"));
}

TEST_F(ReadBackwardTest, CutsBatchesFromTheirEnd) {
  const std::unique_ptr<ReadSession> session = Open({.topic = SixEvents(),
                                                     .partitions = {0},
                                                     .start = StartOffsets{{{0, 4}}},
                                                     .direction = kBackward,
                                                     .events_max = 2});
  const ReadSession::Item item = Next(*session);
  ASSERT_EQ(item.kind, Kind::kBatch);
  EXPECT_TRUE(item.slice.descending);
  EXPECT_EQ(item.slice.base_offset, Offset(3));
  EXPECT_THAT(item.slice.offset_deltas, IsEmpty());
  EXPECT_FALSE(item.slice.events_crc32c.has_value());
  EXPECT_EQ(EventsIn(item.slice)[1].id, "a2");
}

TEST_F(ReadBackwardTest, SaysHowFarOffsetsFallWhereAFilterLeavesOut) {
  const std::unique_ptr<ReadSession> session = Open({.topic = SixEvents(),
                                                     .partitions = {0},
                                                     .start = StartLatest{},
                                                     .filter = {.types = {"odd"}},
                                                     .direction = kBackward});
  const ReadSession::Item item = Next(*session);
  ASSERT_EQ(item.kind, Kind::kBatch);
  EXPECT_EQ(item.slice.base_offset, Offset(3));
  EXPECT_THAT(item.slice.offset_deltas, ElementsAre(0, 2));
}

TEST_F(ReadBackwardTest, ContinuesAfterItsCursorInTheMiddleOfABatch) {
  const log::TopicPtr topic = SixEvents();
  const std::unique_ptr<ReadSession> session = Open({.topic = topic,
                                                     .partitions = {0},
                                                     .start = StartLatest{},
                                                     .direction = kBackward,
                                                     .events_max = 3});
  EXPECT_THAT(Drain(*session, Kind::kCheckpoint), ElementsAre("0/4/a4", "0/3/a3", "0/2/a2"));
  const std::string cursor = session->CursorText();
  EXPECT_THAT(Read({.topic = topic, .start = StartAfterCursor{cursor}}),
              ElementsAre("0/1/a1", "0/0/a0"));
}

TEST_F(ReadBackwardTest, BeginsAtTheEndOfPartitionsThatItsCursorDoesNotKnow) {
  const log::TopicPtr topic = SixEvents();
  const std::string cursor = Open({.topic = topic,
                                   .partitions = {1},
                                   .start = StartOffsets{{{1, 0}}},
                                   .direction = kBackward})
                                 ->CursorText();
  EXPECT_THAT(ReadAll({.topic = topic, .start = StartAfterCursor{cursor}, .direction = kBackward}),
              ElementsAre("0/4/a4", "0/3/a3", "0/2/a2", "0/1/a1", "0/0/a0"));
}

TEST_F(ReadBackwardTest, RefusesACursorOfTheOtherDirection) {
  const log::TopicPtr topic = SixEvents();
  const std::string forward = Open({.topic = topic})->CursorText();
  const std::string backward =
      Open({.topic = topic, .start = StartLatest{}, .direction = kBackward})->CursorText();
  for (const absl::Status& status :
       {OpenStatus({.topic = topic, .start = StartAfterCursor{forward}, .direction = kBackward}),
        OpenStatus({.topic = topic, .start = StartAfterCursor{backward}})}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(DetailOf(status)->reason, "INVALID_CURSOR");
  }
}

TEST_F(ReadBackwardTest, RefusesToStartAtTheEarliestEvent) {
  const absl::Status status =
      OpenStatus({.topic = SixEvents(), .start = StartEarliest{}, .direction = kBackward});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailOf(status)->fields.front().field, "start.earliest");
}

TEST_F(ReadBackwardTest, DoesNotSeeWhatIsAppendedAfterItOpened) {
  const log::TopicPtr topic = SixEvents();
  const std::unique_ptr<ReadSession> session =
      Open({.topic = topic, .partitions = {1}, .start = StartLatest{}, .direction = kBackward});
  Append(topic, 1, "b1");
  EXPECT_THAT(Drain(*session, Kind::kEnd), ElementsAre("1/0/b0"));
}

}  // namespace
}  // namespace tidemark::delivery
