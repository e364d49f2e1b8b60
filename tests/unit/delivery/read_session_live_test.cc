// Endless reads: history, CaughtUp, live, and falling behind.
#include "server/delivery/read_session.h"
#include "tests/unit/delivery/session_fixture.h"

namespace tidemark::delivery {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LiveSessionTest : public SessionTest {
 protected:
  std::unique_ptr<ReadSession> Subscribe(log::TopicPtr topic, storage::FilterSpec filter = {}) {
    return Open({.topic = std::move(topic), .stop = StopNever{}, .filter = std::move(filter)});
  }
};

TEST_F(LiveSessionTest, SaysCaughtUpOnceBetweenHistoryAndLive) {
  const log::TopicPtr topic = MakeTopic(1);
  Append(topic, 0, "old");
  const std::unique_ptr<ReadSession> session = Subscribe(topic);
  EXPECT_THAT(Drain(*session, Kind::kCaughtUp), ElementsAre("0/0/old"));
  EXPECT_EQ(Next(*session).kind, Kind::kIdle);
  Append(topic, 0, "new");
  EXPECT_EQ(wakes_, 1);
  EXPECT_THAT(Drain(*session, Kind::kIdle), ElementsAre("0/1/new"));
}

TEST_F(LiveSessionTest, WakesOnceForManyEvents) {
  const log::TopicPtr topic = MakeTopic(2);
  const std::unique_ptr<ReadSession> session = Subscribe(topic);
  Drain(*session, Kind::kIdle);
  Append(topic, 0, "a");
  Append(topic, 1, "b");
  Append(topic, 0, "c");
  EXPECT_EQ(wakes_, 1);
  EXPECT_THAT(Drain(*session, Kind::kIdle),
              ::testing::UnorderedElementsAre("0/0/a", "0/1/c", "1/0/b"));
}

TEST_F(LiveSessionTest, LosesNothingThatArrivesBetweenTheLastLookAndGoingIdle) {
  const log::TopicPtr topic = MakeTopic(1);
  const std::unique_ptr<ReadSession> session = Subscribe(topic);
  ASSERT_EQ(Next(*session).kind, Kind::kCaughtUp);
  Append(topic, 0, "between");
  EXPECT_THAT(Drain(*session, Kind::kIdle), ElementsAre("0/0/between"));
}

TEST_F(LiveSessionTest, SaysFellBehindWhenTheTailIsGoneAndLosesNothing) {
  harness_->Close();
  options_.log.pipeline.tail_bytes_max = 1;  // Everything leaves the tail at once.
  harness_ = std::make_unique<::tidemark::testing::LogHarness>(options_);
  ASSERT_TRUE(harness_->Open().ok());
  const log::TopicPtr topic = MakeTopic(1);
  const std::unique_ptr<ReadSession> session = Subscribe(topic);
  Drain(*session, Kind::kIdle);
  Append(topic, 0, "a");
  EXPECT_EQ(session->Next(log::MayWait::kNo)->kind, Kind::kNeedsStore);
  EXPECT_EQ(Next(*session).kind, Kind::kFellBehind);
  // A stream that ends here must say a place before what it has not sent.
  const std::string cursor = session->CursorText();
  EXPECT_THAT(Drain(*session, Kind::kCaughtUp), ElementsAre("0/0/a"));
  EXPECT_THAT(ReadAll({.topic = topic, .start = StartAfterCursor{cursor}}), ElementsAre("0/0/a"));
}

TEST_F(LiveSessionTest, MovesItsCursorPastWhatDoesNotMatch) {
  const log::TopicPtr topic = MakeTopic(1);
  const std::unique_ptr<ReadSession> session = Subscribe(topic, {.types = {"wanted"}});
  Drain(*session, Kind::kIdle);
  Append(topic, 0, "x", "unwanted");
  EXPECT_THAT(Drain(*session, Kind::kIdle), IsEmpty());
  const std::string cursor = session->CursorText();
  Append(topic, 0, "y", "unwanted");
  EXPECT_THAT(ReadAll({.topic = topic, .start = StartAfterCursor{cursor}}), ElementsAre("0/1/y"));
}

TEST_F(LiveSessionTest, EndsWithNotFoundWhenTheTopicIsDeleted) {
  const log::TopicPtr topic = MakeTopic(1);
  const std::unique_ptr<ReadSession> session = Subscribe(topic);
  Drain(*session, Kind::kIdle);
  ASSERT_TRUE(harness_->DeleteTopic("hr").ok());
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(session->Next(log::MayWait::kYes).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(LiveSessionTest, IsNotWokenAfterItsEnd) {
  const log::TopicPtr topic = MakeTopic(1);
  std::unique_ptr<ReadSession> session = Subscribe(topic);
  Drain(*session, Kind::kIdle);
  session.reset();
  Append(topic, 0, "a");
  EXPECT_EQ(wakes_, 0);
}

}  // namespace
}  // namespace tidemark::delivery
