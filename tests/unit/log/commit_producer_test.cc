// Producers through the whole pipeline: what is stored once, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using testing::MakeRequest;
using testing::PipelinePause;

class CommitProducerTest : public LogFixture {
 protected:
  void SetUp() override {
    LogFixture::SetUp();
    topic_ = MakeTopic("hr", {.partitions = 2});
  }
  AppendRequest Request(uint64_t sequence, const std::string& name = "e") {
    return MakeRequest(topic_,
                       {{0, MakeEvents(absl::StrCat(name, sequence, "-"), 1)},
                        {1, MakeEvents(absl::StrCat(name, sequence, "-"), 2)}},
                       ProducerSequence{"outbox", sequence});
  }
  // The answer of a retry is the first one, marked.
  static void ExpectSameAnswer(const absl::StatusOr<AppendResult>& first,
                               const absl::StatusOr<AppendResult>& retry) {
    ASSERT_TRUE(first.ok()) << first.status();
    ASSERT_TRUE(retry.ok()) << retry.status();
    EXPECT_FALSE(first->duplicate);
    EXPECT_TRUE(retry->duplicate);
    EXPECT_EQ(retry->position, first->position);
    EXPECT_EQ(retry->append_time, first->append_time);
    EXPECT_EQ(retry->durability, first->durability);
    ASSERT_EQ(retry->ranges.size(), first->ranges.size());
    for (size_t i = 0; i < first->ranges.size(); ++i) {
      EXPECT_EQ(retry->ranges[i].partition, first->ranges[i].partition);
      EXPECT_EQ(retry->ranges[i].first, first->ranges[i].first);
      EXPECT_EQ(retry->ranges[i].count, first->ranges[i].count);
    }
  }

  TopicPtr topic_;
};

TEST_F(CommitProducerTest, ARetryGetsTheFirstAnswer) {
  const auto first = harness_.Append(Request(1));
  harness_.clock().Advance(absl::Seconds(5));
  ASSERT_TRUE(harness_.Append(Request(2)).ok());
  ExpectSameAnswer(first, harness_.Append(Request(1)));
  EXPECT_EQ(EndOf(topic_, 1), Offset(4));
}

TEST_F(CommitProducerTest, ARetryInTheSameGroupGetsTheFirstAnswer) {
  PendingAppend first, retry;
  {
    PipelinePause pause(log());
    first = Start(Request(1));
    retry = Start(Request(1));
  }
  ExpectSameAnswer(first.value(), retry.value());
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic_, 0)), ElementsAre("e1-0"));
}

TEST_F(CommitProducerTest, ARetryInTheNextGroupGetsTheFirstAnswer) {
  pipeline_options().commit_bytes_max = 1;  // Every request is a group.
  Reopen();
  PendingAppend first, second, retry;
  {
    PipelinePause pause(log());
    first = Start(Request(1));
    retry = Start(Request(1));
    second = Start(Request(2));
  }
  ExpectSameAnswer(first.value(), retry.value());
  ASSERT_TRUE(second.value().ok());
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic_, 0)), ElementsAre("e1-0", "e2-0"));
}

TEST_F(CommitProducerTest, ARetryAfterARestartGetsTheFirstAnswer) {
  const auto first = harness_.Append(Request(1));
  ASSERT_TRUE(harness_.Append(Request(2)).ok());
  Reopen();
  ExpectSameAnswer(first, harness_.Append(Request(1)));
  EXPECT_EQ(EndOf(topic_, 0), Offset(2));
}

TEST_F(CommitProducerTest, AGapIsRefusedAndHurtsNobodyElse) {
  ASSERT_TRUE(harness_.Append(Request(1)).ok());
  PendingAppend gap, other, next;
  {
    PipelinePause pause(log());
    gap = Start(Request(3));
    other = Start(MakeRequest(topic_, {{0, MakeEvents("other", 1)}}));
    next = Start(Request(2));
  }
  EXPECT_EQ(gap.value().status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(gap.value().status()), "PRODUCER_SEQUENCE_GAP");
  EXPECT_TRUE(other.value().ok());
  EXPECT_TRUE(next.value().ok());
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic_, 0)), ElementsAre("e1-0", "other0", "e2-0"));
}

TEST_F(CommitProducerTest, AReusedSequenceIsRefused) {
  ASSERT_TRUE(harness_.Append(Request(1)).ok());
  const auto reused = harness_.Append(Request(1, "different"));
  EXPECT_EQ(reused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(reused.status()), "PRODUCER_SEQUENCE_REUSED");
  EXPECT_EQ(EndOf(topic_, 0), Offset(1));
}

TEST_F(CommitProducerTest, ASequenceSpansTopics) {
  const TopicPtr other = MakeTopic("payroll");
  ASSERT_TRUE(harness_.Append(Request(1)).ok());
  const auto next =
      harness_.Append(MakeRequest(other, {{0, MakeEvents("p", 1)}}, ProducerSequence{"outbox", 2}));
  EXPECT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(ReasonOf(harness_.Append(Request(4)).status()), "PRODUCER_SEQUENCE_GAP");
}

TEST_F(CommitProducerTest, CountsDuplicatesApart) {
  ASSERT_TRUE(harness_.Append(Request(1)).ok());
  ASSERT_TRUE(harness_.Append(Request(1)).ok());
  log().Stop();  // Some figures follow the answer.
  EXPECT_EQ(harness_.metrics().duplicate_appends_total.Value(), 1);
  EXPECT_EQ(harness_.metrics().append_requests_total.Value(), 1);
  EXPECT_EQ(harness_.metrics().append_events_total.Value(), 3);
}

}  // namespace
}  // namespace tidemark::log
