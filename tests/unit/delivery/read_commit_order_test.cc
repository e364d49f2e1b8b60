// Reads in commit order: one order by position over all partitions, live too.
#include "tests/unit/delivery/session_fixture.h"

namespace tidemark::delivery {
namespace {

using ::testing::ElementsAre;

class ReadCommitOrderTest : public SessionTest {
 protected:
  log::TopicPtr Interleaved() {
    log::TopicPtr topic = MakeTopic(3);
    Append(topic, 2, "c0");
    Append(topic, 0, "a0");
    Append(topic, 0, "a1");
    Append(topic, 1, "b0", "rare");
    Append(topic, 0, "a2", "rare");
    Append(topic, 2, "c1");
    return topic;
  }
  std::unique_ptr<ReadSession> Subscribe(log::TopicPtr topic) {
    return Open({.topic = std::move(topic), .stop = StopNever{}, .order = Order::kCommit});
  }
};

TEST_F(ReadCommitOrderTest, YieldsAllPartitionsInTheOrderOfCommits) {
  EXPECT_THAT(ReadAll({.topic = Interleaved(), .order = Order::kCommit}),
              ElementsAre("2/0/c0", "0/0/a0", "0/1/a1", "1/0/b0", "0/2/a2", "2/1/c1"));
}

TEST_F(ReadCommitOrderTest, YieldsTheSameFromTheStoreAndBackward) {
  Interleaved();
  harness_->Close();
  ASSERT_TRUE(harness_->Open().ok());
  const log::TopicPtr topic = *harness_->log().FindTopic("hr");
  EXPECT_THAT(ReadAll({.topic = topic, .order = Order::kCommit}),
              ElementsAre("2/0/c0", "0/0/a0", "0/1/a1", "1/0/b0", "0/2/a2", "2/1/c1"));
  EXPECT_THAT(ReadAll({.topic = topic,
                       .start = StartLatest{},
                       .direction = log::Direction::kBackward,
                       .order = Order::kCommit}),
              ElementsAre("2/1/c1", "0/2/a2", "1/0/b0", "0/1/a1", "0/0/a0", "2/0/c0"));
}

TEST_F(ReadCommitOrderTest, FiltersAndEndsAfterTheAskedNumber) {
  EXPECT_THAT(ReadAll({.topic = Interleaved(),
                       .filter = {.types = {"rare"}},
                       .order = Order::kCommit,
                       .events_max = 1}),
              ElementsAre("1/0/b0"));
}

TEST_F(ReadCommitOrderTest, ContinuesExactlyAfterItsCursor) {
  const log::TopicPtr topic = Interleaved();
  const std::unique_ptr<ReadSession> session =
      Open({.topic = topic, .order = Order::kCommit, .events_max = 4});
  Drain(*session, Kind::kCheckpoint);
  EXPECT_THAT(ReadAll({.topic = topic,
                       .start = StartAfterCursor{session->CursorText()},
                       .order = Order::kCommit}),
              ElementsAre("0/2/a2", "2/1/c1"));
}

TEST_F(ReadCommitOrderTest, GoesOnLiveInTheSameOrder) {
  const log::TopicPtr topic = Interleaved();
  const std::unique_ptr<ReadSession> session = Subscribe(topic);
  EXPECT_EQ(Drain(*session, Kind::kCaughtUp).size(), 6);
  ASSERT_EQ(Next(*session).kind, Kind::kIdle);
  Append(topic, 1, "b1");
  Append(topic, 0, "a3");
  Append(topic, 1, "b2");
  EXPECT_EQ(wakes_, 1);
  EXPECT_THAT(Drain(*session, Kind::kIdle), ElementsAre("1/1/b1", "0/3/a3", "1/2/b2"));
}

// One request writes all partitions, in the order of logs; readers are told between two of them.
// Whoever looks then must not see the later position first.
TEST_F(ReadCommitOrderTest, WaitsForTheHorizonWhenAGroupIsHalfPublished) {
  const log::TopicPtr topic = MakeTopic(2);
  const std::unique_ptr<ReadSession> session = Subscribe(topic);
  Drain(*session, Kind::kIdle);
  struct Spy final : log::Waiter {
    void OnReady(uint32_t) override { look(); }
    std::function<void()> look;
  };
  std::vector<Kind> seen;
  const auto spy = std::make_shared<Spy>();
  spy->look = [&] { seen.push_back(session->Next(log::MayWait::kNo)->kind); };
  const log::PartitionPtr first = *harness_->log().OpenPartition(*topic, PartitionIndex(0));
  ASSERT_TRUE(first->Wait(Offset(0), spy, 0));
  const std::vector<TestEvent> event{{.id = "x"}};
  ASSERT_TRUE(
      harness_->Append(::tidemark::testing::MakeRequest(topic, {{0, event}, {1, event}})).ok());
  // Partition 0 was published, and was the session's to see, but the group was not.
  EXPECT_THAT(seen, ElementsAre(Kind::kIdle));
  EXPECT_EQ(wakes_, 2);  // By the partition, then by the horizon.
  EXPECT_THAT(Drain(*session, Kind::kIdle), ElementsAre("0/0/x", "1/0/x"));
}

TEST_F(ReadCommitOrderTest, EndsAtOneMomentOfTheStore) {
  const log::TopicPtr topic = MakeTopic(2);
  // Opened while a group is half published: partition 0 shows it, the read must not.
  struct Spy final : log::Waiter {
    void OnReady(uint32_t) override { open(); }
    std::function<void()> open;
  };
  std::vector<std::string> seen;
  const auto spy = std::make_shared<Spy>();
  spy->open = [&] { seen = ReadAll({.topic = topic, .order = Order::kCommit}); };
  Append(topic, 1, "b0");
  const log::PartitionPtr first = *harness_->log().OpenPartition(*topic, PartitionIndex(0));
  ASSERT_TRUE(first->Wait(Offset(0), spy, 0));
  const std::vector<TestEvent> event{{.id = "x"}};
  ASSERT_TRUE(
      harness_->Append(::tidemark::testing::MakeRequest(topic, {{0, event}, {1, event}})).ok());
  EXPECT_THAT(seen, ElementsAre("1/0/b0"));
}

}  // namespace
}  // namespace tidemark::delivery
