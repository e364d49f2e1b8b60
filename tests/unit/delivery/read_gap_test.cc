// What retention takes while somebody reads is announced, in both directions and orders.
#include "tests/unit/delivery/session_fixture.h"

namespace tidemark::delivery {
namespace {

using ::testing::ElementsAre;

constexpr log::Direction kBackward = log::Direction::kBackward;

// Ten events of partition 0, each a batch, a second apart; what is older than a minute goes.
class ReadGapTest : public SessionTest {
 protected:
  log::TopicPtr TenEvents() {
    absl::StatusOr<log::TopicPtr> topic =
        harness_->CreateTopic("hr", {.partitions = 1, .retention_max_age_us = 60'000'000});
    EXPECT_TRUE(topic.ok()) << topic.status();
    for (int i = 0; i < 10; ++i) {
      Append(*topic, 0, absl::StrCat("e", i));
      harness_->clock().Advance(absl::Seconds(1));
    }
    return *topic;
  }
  // Takes the first `count` events.
  void Trim(int count) {
    harness_->clock().Advance(absl::Seconds(50 + count - 1));
    harness_->log().StepRetention();
  }
  // Events, and gaps as "gap[from,until)".
  std::vector<std::string> DrainWithGaps(ReadSession& session) {
    std::vector<std::string> seen;
    while (true) {
      const ReadSession::Item item = Next(session);
      if (item.kind == Kind::kGap) {
        seen.push_back(
            absl::StrCat("gap[", item.gap.from.value(), ",", item.gap.until.value(), ")"));
      }
      if (item.kind == Kind::kBatch) {
        for (const TestEvent& event : EventsIn(item.slice)) seen.push_back(event.id);
      }
      if (item.kind == Kind::kEnd || item.kind == Kind::kCaughtUp) return seen;
    }
  }
  // Each read holds a page: only the rest is subject to retention.
  std::unique_ptr<ReadSession> OpenAndTakeOne(ReadSpec spec) {
    spec.batch_bytes_max = 1;  // A page is a batch.
    std::unique_ptr<ReadSession> session = Open(std::move(spec));
    EXPECT_EQ(Next(*session).kind, Kind::kBatch);
    return session;
  }
};

TEST_F(ReadGapTest, ForwardTheGapIsWhereTheReaderStands) {
  const log::TopicPtr topic = TenEvents();
  const auto any = OpenAndTakeOne({.topic = topic});
  const auto commit = OpenAndTakeOne({.topic = topic, .order = Order::kCommit});
  Trim(8);
  EXPECT_THAT(DrainWithGaps(*any), ElementsAre("gap[1,8)", "e8", "e9"));
  EXPECT_THAT(DrainWithGaps(*commit), ElementsAre("gap[1,8)", "e8", "e9"));
}

TEST_F(ReadGapTest, BackwardTheGapComesLast) {
  const log::TopicPtr topic = TenEvents();
  const auto session =
      OpenAndTakeOne({.topic = topic, .start = StartLatest{}, .direction = kBackward});
  Trim(7);
  EXPECT_THAT(DrainWithGaps(*session), ElementsAre("e8", "e7", "gap[0,7)"));
}

TEST_F(ReadGapTest, BackwardInCommitOrderTheGapComesLastToo) {
  const log::TopicPtr topic = TenEvents();
  const auto session = OpenAndTakeOne(
      {.topic = topic, .start = StartLatest{}, .direction = kBackward, .order = Order::kCommit});
  Trim(7);
  EXPECT_THAT(DrainWithGaps(*session), ElementsAre("e8", "e7", "gap[0,7)"));
}

TEST_F(ReadGapTest, BackwardCursorRemembersWhatThereWas) {
  const log::TopicPtr topic = TenEvents();
  const std::string cursor =
      OpenAndTakeOne({.topic = topic, .start = StartLatest{}, .direction = kBackward})
          ->CursorText();
  Trim(10);
  const auto session =
      Open({.topic = topic, .start = StartAfterCursor{cursor}, .direction = kBackward});
  EXPECT_THAT(DrainWithGaps(*session), ElementsAre("gap[0,9)"));
}

TEST_F(ReadGapTest, ForwardCursorMeetsTheGap) {
  const log::TopicPtr topic = TenEvents();
  const std::string cursor = OpenAndTakeOne({.topic = topic})->CursorText();
  Trim(8);
  const auto session = Open({.topic = topic, .start = StartAfterCursor{cursor}});
  EXPECT_THAT(DrainWithGaps(*session), ElementsAre("gap[1,8)", "e8", "e9"));
}

TEST_F(ReadGapTest, BackwardStopBelowTheStartIsAGap) {
  const log::TopicPtr topic = TenEvents();
  Trim(8);
  const auto session = Open({.topic = topic,
                             .start = StartLatest{},
                             .stop = StopOffsets{{{0, 5}}},
                             .direction = kBackward});
  EXPECT_THAT(DrainWithGaps(*session), ElementsAre("e9", "e8", "gap[5,8)"));
  // Unasked, what went before the read began is nobody's gap.
  EXPECT_THAT(
      DrainWithGaps(*Open({.topic = topic, .start = StartLatest{}, .direction = kBackward})),
      ElementsAre("e9", "e8"));
}

TEST_F(ReadGapTest, AFilterDoesNotHideTheGap) {
  const log::TopicPtr topic = TenEvents();
  const auto session =
      OpenAndTakeOne({.topic = topic, .stop = StopNever{}, .filter = {.types = {"employee.*"}}});
  Trim(9);
  EXPECT_THAT(DrainWithGaps(*session), ElementsAre("gap[1,9)", "e9"));
}

}  // namespace
}  // namespace tidemark::delivery
