// Finite reads: starts, stops, filters and limits.
#include "server/delivery/read_session.h"

#include "server/base/error.h"
#include "tests/unit/delivery/session_fixture.h"

namespace tidemark::delivery {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ReadSessionTest : public SessionTest {
 protected:
  // Partition 0: a0 a1 a2 a3, partition 1: b0 b1. One second between appends.
  log::TopicPtr SixEvents() {
    log::TopicPtr topic = MakeTopic(2);
    for (const auto& [partition, id, type] :
         std::vector<std::tuple<uint32_t, std::string, std::string>>{{0, "a0", "employee.created"},
                                                                     {1, "b0", "salary.changed"},
                                                                     {0, "a1", "salary.changed"},
                                                                     {0, "a2", "employee.created"},
                                                                     {1, "b1", "employee.created"},
                                                                     {0, "a3", "title.changed"}}) {
      times_[id] = harness_->clock().Now();
      Append(topic, partition, id, type, absl::StrCat("key-", id));
      harness_->clock().Advance(absl::Seconds(1));
    }
    return topic;
  }
  std::map<std::string, absl::Time> times_;
};

TEST_F(ReadSessionTest, ReadsEachPartitionInOrderFromTheStart) {
  EXPECT_THAT(ReadAll({.topic = SixEvents()}),
              ElementsAre("0/0/a0", "0/1/a1", "0/2/a2", "0/3/a3", "1/0/b0", "1/1/b1"));
}

TEST_F(ReadSessionTest, CutsABatchIntoAsSmallPiecesAsAreAskedFor) {
  const log::TopicPtr topic = MakeTopic(1);
  ASSERT_TRUE(harness_->Append(topic, 0, std::vector<TestEvent>(5)).ok());
  const std::unique_ptr<ReadSession> session = Open({.topic = topic, .stop = StopAtOpen()});
  ASSERT_NE(session, nullptr);
  std::vector<uint32_t> counts;
  for (const uint64_t bytes_max : {1ull, 1ull, 1ull << 20}) {
    const auto item = session->Next(log::MayWait::kYes, bytes_max);
    ASSERT_TRUE(item.ok()) << item.status();
    ASSERT_EQ(item->kind, Kind::kBatch);
    counts.push_back(item->slice.count);
  }
  EXPECT_THAT(counts, ElementsAre(1, 1, 3));
}

TEST_F(ReadSessionTest, ReadsTheSameFromTheStoreAfterARestart) {
  SixEvents();
  harness_->Close();
  ASSERT_TRUE(harness_->Open().ok());
  const log::TopicPtr topic = *harness_->log().FindTopic("hr");
  EXPECT_THAT(ReadAll({.topic = topic, .partitions = {0}}),
              ElementsAre("0/0/a0", "0/1/a1", "0/2/a2", "0/3/a3"));
}

TEST_F(ReadSessionTest, StartsAtOffsetsAndElsewhereAtTheBeginning) {
  EXPECT_THAT(ReadAll({.topic = SixEvents(), .start = StartOffsets{{{0, 3}}}}),
              ::testing::UnorderedElementsAre("0/3/a3", "1/0/b0", "1/1/b1"));
}

TEST_F(ReadSessionTest, StartsAtTheFirstEventAtOrAfterATime) {
  const log::TopicPtr topic = SixEvents();
  EXPECT_THAT(ReadAll({.topic = topic, .start = StartTime{times_["a2"]}}),
              ::testing::UnorderedElementsAre("0/2/a2", "0/3/a3", "1/1/b1"));
  EXPECT_THAT(ReadAll({.topic = topic,
                       .partitions = {0},
                       .start = StartTime{times_["a2"] + absl::Nanoseconds(1)}}),
              ElementsAre("0/3/a3"));
}

TEST_F(ReadSessionTest, StartsAtTheNewestNOfEachPartition) {
  EXPECT_THAT(ReadAll({.topic = SixEvents(), .start = StartLastN{1}}),
              ::testing::UnorderedElementsAre("0/3/a3", "1/1/b1"));
}

TEST_F(ReadSessionTest, CountsOnlyMatchesForTheNewestN) {
  EXPECT_THAT(ReadAll({.topic = SixEvents(),
                       .partitions = {0},
                       .start = StartLastN{2},
                       .filter = {.types = {"employee.created", "salary.changed"}}}),
              ElementsAre("0/1/a1", "0/2/a2"));
}

TEST_F(ReadSessionTest, StopsBeforeOffsetsAndTimes) {
  const log::TopicPtr topic = SixEvents();
  EXPECT_THAT(ReadAll({.topic = topic, .partitions = {0}, .stop = StopOffsets{{{0, 2}}}}),
              ElementsAre("0/0/a0", "0/1/a1"));
  EXPECT_THAT(ReadAll({.topic = topic, .partitions = {0}, .stop = StopTime{times_["a1"]}}),
              ElementsAre("0/0/a0"));
}

TEST_F(ReadSessionTest, EndsWhereTheEndWasWhenItOpened) {
  const log::TopicPtr topic = SixEvents();
  const std::unique_ptr<ReadSession> session = Open({.topic = topic, .partitions = {1}});
  Append(topic, 1, "b2");
  EXPECT_THAT(Drain(*session, Kind::kEnd), ElementsAre("1/0/b0", "1/1/b1"));
}

TEST_F(ReadSessionTest, FiltersByTypePrefixAndKey) {
  const log::TopicPtr topic = SixEvents();
  EXPECT_THAT(ReadAll({.topic = topic, .partitions = {0}, .filter = {.types = {"employee.*"}}}),
              ElementsAre("0/0/a0", "0/2/a2"));
  EXPECT_THAT(ReadAll({.topic = topic, .filter = {.keys = {"key-b1"}}}), ElementsAre("1/1/b1"));
  EXPECT_THAT(ReadAll({.topic = topic, .filter = {.types = {"nothing"}}}), IsEmpty());
}

TEST_F(ReadSessionTest, EndsAfterTheAskedNumberOfEventsAndItsCursorContinuesThere) {
  const log::TopicPtr topic = SixEvents();
  const std::unique_ptr<ReadSession> session =
      Open({.topic = topic, .partitions = {0}, .events_max = 2});
  EXPECT_THAT(Drain(*session, Kind::kCheckpoint), ElementsAre("0/0/a0", "0/1/a1"));
  const std::string cursor = session->CursorText();
  EXPECT_EQ(Next(*session).kind, Kind::kEnd);
  EXPECT_THAT(ReadAll({.topic = topic, .partitions = {0}, .start = StartAfterCursor{cursor}}),
              ElementsAre("0/2/a2", "0/3/a3"));
}

TEST_F(ReadSessionTest, LeavesOutDataOnRequest) {
  const std::unique_ptr<ReadSession> session =
      Open({.topic = SixEvents(), .partitions = {0}, .without_data = true});
  const ReadSession::Item item = Next(*session);
  ASSERT_EQ(item.kind, Kind::kBatch);
  EXPECT_EQ(EventsIn(item.slice).front().id, "a0");
  EXPECT_EQ(EventsIn(item.slice).front().data, "");
  EXPECT_FALSE(item.slice.events_crc32c.has_value());
}

TEST_F(ReadSessionTest, RefusesAStartOutsideTheRangeAndNamesTheFirstOffset) {
  const absl::Status status = OpenStatus({.topic = SixEvents(), .start = StartOffsets{{{0, 5}}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  const std::optional<ErrorDetail> detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->reason, "OFFSET_OUT_OF_RANGE");
  EXPECT_THAT(detail->metadata,
              ::testing::IsSupersetOf(
                  {std::pair<std::string, std::string>("start_offset", "0"), {"end_offset", "4"}}));
}

TEST_F(ReadSessionTest, RefusesPartitionsThatAreNotThereOrNamedTwice) {
  const log::TopicPtr topic = SixEvents();
  EXPECT_EQ(OpenStatus({.topic = topic, .partitions = {2}}).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(OpenStatus({.topic = topic, .partitions = {1, 1}}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ReadSessionTest, RefusesACursorOfAnotherTopic) {
  const std::string cursor = Open({.topic = SixEvents()})->CursorText();
  ASSERT_TRUE(harness_->DeleteTopic("hr").ok());
  EXPECT_EQ(OpenStatus({.topic = MakeTopic(2), .start = StartAfterCursor{cursor}}).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tidemark::delivery
