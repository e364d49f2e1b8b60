#include "server/log/commit_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/base/system_clock.h"
#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::MakeRequest;
using ::testing::Pair;
using testing::PipelinePause;
using ::testing::SizeIs;

class CommitPipelineTest : public LogFixture {
 protected:
  // Waits until nothing is in the queue: a thread prepares or commits what was.
  bool AllIsTaken() {
    const absl::Time deadline = base::SystemClock().Now() + absl::Seconds(10);
    while (harness_.metrics().queue_requests.Value() > 0) {
      if (base::SystemClock().Now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
};

TEST_F(CommitPipelineTest, AnswersWithDenseOffsets) {
  const TopicPtr topic = MakeTopic("hr");
  for (uint64_t i = 0; i < 5; ++i) {
    const auto result = harness_.Append(topic, 0, MakeEvents("e", 3));
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_THAT(result->ranges, SizeIs(1));
    EXPECT_EQ(result->ranges[0].first, Offset(3 * i));
    EXPECT_EQ(result->ranges[0].count, 3u);
    EXPECT_FALSE(result->duplicate);
    EXPECT_EQ(result->durability, storage::Durability::kSynced);
  }
}

TEST_F(CommitPipelineTest, CommitsWhatWaitsAtOnceInTheOrderOfArrival) {
  const TopicPtr topic = MakeTopic("hr", {.partitions = 2});
  const double groups = harness_.metrics().commit_groups_total.Value();
  std::vector<PendingAppend> pending;
  {
    PipelinePause pause(log());
    for (int i = 0; i < 10; ++i) {
      const uint32_t partition = i % 2;
      pending.push_back(
          Start(MakeRequest(topic, {{partition, MakeEvents(absl::StrCat("r", i, "-"), 2)}})));
    }
  }
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(pending[i].value().ok()) << pending[i].value().status();
    EXPECT_EQ(pending[i].value()->ranges[0].first, Offset(i / 2 * 2)) << i;
  }
  EXPECT_EQ(harness_.metrics().commit_groups_total.Value(), groups + 1);
  EXPECT_THAT(
      IdsOf(harness_.ReadAll(*topic, 1)),
      ElementsAre("r1-0", "r1-1", "r3-0", "r3-1", "r5-0", "r5-1", "r7-0", "r7-1", "r9-0", "r9-1"));
}

// Acks of group members are.
TEST_F(CommitPipelineTest, WhatIsPatientGoesWithTheNextRequest) {
  pipeline_options().patience = absl::InfiniteDuration();
  Reopen();
  const TopicPtr topic = MakeTopic("hr");
  ASSERT_TRUE(harness_.Append(topic, 0, MakeEvents("before", 1)).ok());
  const double groups = harness_.metrics().commit_groups_total.Value();
  const storage::GroupId group(7);
  PendingDone ack;
  log().CommitOffsets({{group, topic->log(PartitionIndex(0)), Offset(1)}}, nullptr, Haste::kPatient,
                      ack.callback());
  const PendingAppend append = Start(MakeRequest(topic, {{0, MakeEvents("next", 1)}}));
  EXPECT_TRUE(append.value().ok()) << append.value().status();
  EXPECT_TRUE(ack.value().ok()) << ack.value();
  EXPECT_EQ(harness_.metrics().commit_groups_total.Value(), groups + 1);
}

TEST_F(CommitPipelineTest, WhatIsPatientIsWrittenWhenPatienceEnds) {
  const TopicPtr topic = MakeTopic("hr");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(harness_.Append(topic, 0, MakeEvents("e", 1)).ok());
    PendingDone ack;
    log().CommitOffsets({{storage::GroupId(7), topic->log(PartitionIndex(0)), Offset(1)}}, nullptr,
                        Haste::kPatient, ack.callback());
    EXPECT_TRUE(ack.value().ok()) << ack.value();
  }
}

TEST_F(CommitPipelineTest, WhatIsPatientDoesNotWaitInAnIdleStore) {
  const TopicPtr topic = MakeTopic("hr");
  pipeline_options().patience = absl::InfiniteDuration();
  Reopen();
  PendingDone ack;
  log().CommitOffsets({{storage::GroupId(7), topic->log(PartitionIndex(0)), Offset(1)}}, nullptr,
                      Haste::kPatient, ack.callback());
  EXPECT_TRUE(ack.value().ok()) << ack.value();
}

TEST_F(CommitPipelineTest, WhatIsPatientIsWrittenBeforeTheEnd) {
  pipeline_options().patience = absl::InfiniteDuration();
  Reopen();
  const TopicPtr topic = MakeTopic("hr");
  PendingDone ack;
  log().CommitOffsets({{storage::GroupId(7), topic->log(PartitionIndex(0)), Offset(1)}}, nullptr,
                      Haste::kPatient, ack.callback());
  harness_.Close();
  EXPECT_TRUE(ack.value().ok()) << ack.value();
}

TEST_F(CommitPipelineTest, DoesNotWriteWhatNobodyWaitsForAnyMore) {
  const TopicPtr topic = MakeTopic("hr");
  AppendRequest late = MakeRequest(topic, {{0, MakeEvents("late", 1)}});
  late.deadline_nanos = base::MonotonicNanos() - 1;
  const auto refused = harness_.Append(std::move(late));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(DetailOf(refused.status())->reason, "DEADLINE_PASSED");
  AppendRequest patient = MakeRequest(topic, {{0, MakeEvents("patient", 1)}});
  patient.deadline_nanos = base::MonotonicNanos() + absl::ToInt64Nanoseconds(absl::Hours(1));
  EXPECT_TRUE(harness_.Append(std::move(patient)).ok());
  EXPECT_THAT(IdsOf(harness_.ReadAll(*topic, 0)), ElementsAre("patient0"));
}

TEST_F(CommitPipelineTest, DoesNotWriteWhatWaitedPastItsDeadline) {
  const TopicPtr topic = MakeTopic("hr");
  std::optional<PendingAppend> late;
  {
    PipelinePause pause(log());
    AppendRequest request = MakeRequest(topic, {{0, MakeEvents("late", 1)}});
    request.deadline_nanos = base::MonotonicNanos() + 200'000'000;
    const int64_t deadline_nanos = request.deadline_nanos;
    late.emplace(Start(std::move(request)));
    while (base::MonotonicNanos() <= deadline_nanos) std::this_thread::yield();
  }
  EXPECT_EQ(late->value().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(EndOf(topic, 0), Offset(0));
}

// Each becomes a batch as it is; what is before and behind it keeps its place.
TEST_F(CommitPipelineTest, TakesOverTheBuffersOfLargeEvents) {
  const TopicPtr topic = MakeTopic("hr");
  const auto request_of = [&](const std::string& name) {
    AppendRequest request{.topic = topic};
    PartitionEvents& part = request.parts.emplace_back();
    auto owned = std::make_shared<std::vector<std::shared_ptr<const std::string>>>();
    for (int i = 0; i < 5; ++i) {
      const bool large = i == 1 || i == 2;
      const std::string data(large ? 10'000 : 1, 'x');
      owned->push_back(std::make_shared<const std::string>(testing::EncodeEntry(
          {.id = absl::StrCat(name, "-", i), .type = "t", .key = "k", .data = data})));
      part.runs.push_back(*owned->back());
      if (large) part.buffers.push_back(owned->back());
      part.bytes += owned->back()->size();
      ++part.count;
    }
    request.bytes = part.bytes;
    request.owner = owned;
    return request;
  };
  std::vector<PendingAppend> pending;
  {
    PipelinePause pause(log());
    pending.push_back(Start(request_of("a")));
    pending.push_back(Start(request_of("b")));
    pending.push_back(Start(MakeRequest(topic, {{0, MakeEvents("c", 1)}})));
  }
  EXPECT_EQ(pending[0].value()->ranges[0].first, Offset(0));
  EXPECT_EQ(pending[1].value()->ranges[0].first, Offset(5));
  EXPECT_EQ(pending[2].value()->ranges[0].first, Offset(10));
  EXPECT_THAT(
      IdsOf(harness_.ReadAll(*topic, 0)),
      ElementsAre("a-0", "a-1", "a-2", "a-3", "a-4", "b-0", "b-1", "b-2", "b-3", "b-4", "c0"));
  // a-0 | a-1 | a-2 | a-3 a-4 b-0 | b-1 | b-2 | b-3 b-4 c0
  EXPECT_EQ(harness_.metrics().append_batches_total.Value(), 7);
}

TEST_F(CommitPipelineTest, MergesSmallAppendsOfAPartitionIntoOneBatch) {
  const TopicPtr topic = MakeTopic("hr");
  std::vector<PendingAppend> pending;
  {
    PipelinePause pause(log());
    for (int i = 0; i < 7; ++i)
      pending.push_back(Start(MakeRequest(topic, {{0, MakeEvents("e", 2)}})));
  }
  for (const PendingAppend& append : pending) ASSERT_TRUE(append.value().ok());
  const auto tail = Open(topic, 0)->ReadTail(Offset(0), UINT64_MAX);
  ASSERT_THAT(tail.batches, SizeIs(1));
  EXPECT_EQ(tail.batches[0]->header.count, 14u);
}

TEST_F(CommitPipelineTest, SplitsWhatIsOverBatchBytesMax) {
  pipeline_options().batch_bytes_max = 1000;
  Reopen();
  const TopicPtr topic = MakeTopic("hr");
  std::vector<testing::TestEvent> events = MakeEvents("e", 30, 150);
  events[11].data = std::string(3000, 'x');  // Larger than a batch may be: alone in one.
  ASSERT_TRUE(harness_.Append(topic, 0, events).ok());
  const auto tail = Open(topic, 0)->ReadTail(Offset(0), UINT64_MAX);
  Offset next;
  for (const storage::BatchPtr& batch : tail.batches) {
    EXPECT_EQ(batch->header.base_offset, next);
    EXPECT_TRUE(batch->events.size() <= 1000 || batch->header.count == 1) << next.value();
    next = batch->header.end_offset();
  }
  EXPECT_EQ(next, Offset(30));
  const auto read = harness_.ReadAll(*topic, 0);
  ASSERT_TRUE(read.ok()) << read.status();
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ((*read)[i].event, events[i]) << i;
}

TEST_F(CommitPipelineTest, BoundsAGroupInBytes) {
  pipeline_options().commit_bytes_max = 1000;
  Reopen();
  const TopicPtr topic = MakeTopic("hr");
  const double groups = harness_.metrics().commit_groups_total.Value();
  std::vector<PendingAppend> pending;
  {
    PipelinePause pause(log());
    for (int i = 0; i < 6; ++i) {
      pending.push_back(Start(MakeRequest(topic, {{0, MakeEvents("e", 1, 600)}})));
    }
  }
  for (const PendingAppend& append : pending) ASSERT_TRUE(append.value().ok());
  EXPECT_EQ(harness_.metrics().commit_groups_total.Value(), groups + 6);
}

TEST_F(CommitPipelineTest, KeepsTheOrderOfEachCaller) {
  const TopicPtr topic = MakeTopic("hr");
  std::vector<std::vector<PendingAppend>> pending(3);
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < pending.size(); ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 100; ++i) {
        pending[caller].push_back(Start(MakeRequest(topic, {{0, MakeEvents("e", 1)}})));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& answers : pending) {
    std::vector<Offset> offsets;
    for (const PendingAppend& answer : answers) {
      ASSERT_TRUE(answer.value().ok());
      offsets.push_back(answer.value()->ranges[0].first);
    }
    EXPECT_TRUE(std::is_sorted(offsets.begin(), offsets.end()));
  }
  EXPECT_EQ(EndOf(topic, 0), Offset(300));
}

TEST_F(CommitPipelineTest, ALightFlowDoesNotWaitForTheQueueOfAHeavyOne) {
  pipeline_options().commit_bytes_max = 200'000;
  Reopen();
  const TopicPtr topic = MakeTopic("hr");
  std::vector<PendingAppend> heavy;
  std::optional<PendingAppend> light;
  {
    PipelinePause pause(log());
    for (int i = 0; i < 40; ++i) {
      AppendRequest request = MakeRequest(topic, {{0, MakeEvents("heavy", 1, 50'000)}});
      request.flow = FlowId{1};
      heavy.push_back(Start(std::move(request)));
    }
    AppendRequest request = MakeRequest(topic, {{0, MakeEvents("light", 1)}});
    request.flow = FlowId{2};
    light = Start(std::move(request));
  }
  for (const PendingAppend& append : heavy) ASSERT_TRUE(append.value().ok());
  ASSERT_TRUE(light->value().ok());
  // Behind one turn of the other, though forty requests came before it.
  EXPECT_LE(light->value()->ranges[0].first, Offset(2));
}

// While a group is at its fsync little that comes waits for the end of it and goes together.
TEST_F(CommitPipelineTest, WhatComesDuringAnFsyncSharesTheNextOne) {
  const TopicPtr topic = MakeTopic("hr");
  ASSERT_TRUE(harness_.Append(topic, 0, MakeEvents("warm", 1)).ok());
  const double groups = harness_.metrics().commit_groups_total.Value();
  std::vector<PendingAppend> pending;
  disk_.HoldSyncs(".log");
  pending.push_back(Start(MakeRequest(topic, {{0, MakeEvents("first", 1)}})));
  ASSERT_TRUE(AllIsTaken());
  for (int i = 0; i < 20; ++i) {
    pending.push_back(Start(MakeRequest(topic, {{0, MakeEvents("later", 1)}})));
  }
  disk_.ReleaseSyncs();
  for (const PendingAppend& append : pending) ASSERT_TRUE(append.value().ok());
  EXPECT_EQ(harness_.metrics().commit_groups_total.Value(), groups + 2);
}

// What is long to prepare is prepared during the fsync.
TEST_F(CommitPipelineTest, PreparesAheadWhereItIsLong) {
  const TopicPtr topic = MakeTopic("hr");
  std::vector<PendingAppend> pending;
  disk_.HoldSyncs(".log");
  pending.push_back(Start(MakeRequest(topic, {{0, MakeEvents("first", 1)}})));
  ASSERT_TRUE(AllIsTaken());
  pending.push_back(Start(MakeRequest(topic, {{0, MakeEvents("large", 1, 500'000)}})));
  ASSERT_TRUE(AllIsTaken());
  EXPECT_EQ(EndOf(topic, 0), Offset(0));
  disk_.ReleaseSyncs();
  for (const PendingAppend& append : pending) ASSERT_TRUE(append.value().ok());
}

TEST_F(CommitPipelineTest, RefusesWhatIsOverTheQueueAndWritesNothingOfIt) {
  pipeline_options().queue_bytes_max = 4096;
  Reopen();
  const TopicPtr topic = MakeTopic("hr");
  std::vector<PendingAppend> pending;
  {
    PipelinePause pause(log());
    for (int i = 0; i < 20; ++i) {
      pending.push_back(Start(MakeRequest(topic, {{0, MakeEvents("e", 1, 500)}})));
    }
  }
  uint64_t accepted = 0;
  for (const PendingAppend& append : pending) {
    if (append.value().ok()) {
      ++accepted;
      continue;
    }
    EXPECT_EQ(append.value().status().code(), absl::StatusCode::kResourceExhausted);
    const auto detail = DetailOf(append.value().status());
    ASSERT_TRUE(detail.has_value());
    EXPECT_EQ(detail->reason, "QUEUE_FULL");
    EXPECT_TRUE(detail->retry_delay.has_value());
    EXPECT_THAT(detail->metadata, Contains(Pair("limit", "4096")));
  }
  EXPECT_GT(accepted, 0u);
  EXPECT_LT(accepted, 20u);
  EXPECT_EQ(EndOf(topic, 0), Offset(accepted));
  EXPECT_EQ(harness_.metrics().RefusedAppends("QUEUE_FULL").Value(), 20.0 - accepted);
  EXPECT_TRUE(harness_.Append(topic, 0, MakeEvents("e", 1)).ok());
}

// No disk has a quarter of this.
TEST_F(CommitPipelineTest, RefusesEverythingWhileTheDiskIsFullAndNamesWhatIsFree) {
  MakeTopic("hr");
  pipeline_options().disk_free_min = 1ull << 60;
  Reopen();
  log().disk_space().Look();
  const auto refused = harness_.Append(*log().FindTopic("hr"), 0, MakeEvents("e", 1));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  const auto detail = DetailOf(refused.status());
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->reason, "DISK_FULL");
  EXPECT_THAT(detail->metadata, Contains(Pair("limit_name", "disk_free_min")));
  EXPECT_TRUE(detail->retry_delay.has_value());
  EXPECT_EQ(
      ReasonOf(AwaitDone([&](DoneCallback done) { log().DeleteTopic("hr", std::move(done)); })),
      "DISK_FULL");
  pipeline_options().disk_free_min = 1;
  Reopen();
  log().disk_space().Look();
  EXPECT_TRUE(harness_.Append(*log().FindTopic("hr"), 0, MakeEvents("e", 1)).ok());
}

TEST_F(CommitPipelineTest, WritesARequestOverSeveralPartitions) {
  const TopicPtr topic = MakeTopic("hr", {.partitions = 3});
  ASSERT_TRUE(harness_.Append(topic, 2, MakeEvents("x", 4)).ok());
  const auto result =
      harness_.Append(MakeRequest(topic, {{0, MakeEvents("a", 1)}, {2, MakeEvents("c", 2)}}));
  ASSERT_TRUE(result.ok());
  ASSERT_THAT(result->ranges, SizeIs(2));
  EXPECT_EQ(result->ranges[0].partition, PartitionIndex(0));
  EXPECT_EQ(result->ranges[0].first, Offset(0));
  EXPECT_EQ(result->ranges[1].partition, PartitionIndex(2));
  EXPECT_EQ(result->ranges[1].first, Offset(4));
  EXPECT_EQ(result->ranges[1].count, 2u);
}

TEST_F(CommitPipelineTest, PositionsRiseOverAllPartitionsAndRestarts) {
  const TopicPtr topic = MakeTopic("hr", {.partitions = 2});
  Position last;
  for (uint32_t i = 0; i < 6; ++i) {
    if (i == 3) Reopen();
    const auto result = harness_.Append(topic, i % 2, MakeEvents("e", 1));
    ASSERT_TRUE(result.ok());
    EXPECT_GT(result->position, last) << i;
    last = result->position;
  }
}

TEST_F(CommitPipelineTest, TheAppendTimeNeverDecreases) {
  const TopicPtr topic = MakeTopic("hr");
  const auto first = harness_.Append(topic, 0, MakeEvents("e", 1));
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->append_time, harness_.clock().Now());
  harness_.clock().Advance(-absl::Hours(1));
  EXPECT_EQ(harness_.Append(topic, 0, MakeEvents("e", 1))->append_time, first->append_time);
  Reopen();
  EXPECT_EQ(harness_.Append(topic, 0, MakeEvents("e", 1))->append_time, first->append_time);
  harness_.clock().Advance(absl::Hours(2));
  EXPECT_GT(harness_.Append(topic, 0, MakeEvents("e", 1))->append_time, first->append_time);
}

TEST_F(CommitPipelineTest, WhatIsAnsweredCanBeRead) {
  const TopicPtr topic = MakeTopic("hr");
  const PartitionPtr partition = Open(topic, 0);
  for (int i = 0; i < 50; ++i) {
    Pending<Offset> end;
    log().Append(MakeRequest(topic, {{0, MakeEvents("e", 1)}}),
                 [&, done = end.callback()](absl::StatusOr<AppendResult>) mutable {
                   std::move(done)(partition->ends().end);
                 });
    EXPECT_EQ(end.value(), Offset(i + 1));
  }
}

TEST_F(CommitPipelineTest, AMutationSeesEverythingBeforeIt) {
  const TopicPtr topic = MakeTopic("hr");
  const PartitionPtr partition = Open(topic, 0);
  PendingAppend append;
  PendingDone mutation;
  Offset seen;
  {
    PipelinePause pause(log());
    append = Start(MakeRequest(topic, {{0, MakeEvents("e", 3)}}));
    log().Mutate({.prepare =
                      [&](storage::WriteSet&) {
                        seen = partition->ends().end;
                        return absl::OkStatus();
                      },
                  .publish = [] {},
                  .done = mutation.callback()});
  }
  ASSERT_TRUE(mutation.value().ok());
  EXPECT_EQ(seen, Offset(3));
}

TEST_F(CommitPipelineTest, ARefusedMutationIsNotPublished) {
  bool published = false;
  PendingDone done;
  log().Mutate({.prepare = [](storage::WriteSet&) { return absl::AbortedError("no"); },
                .publish = [&] { published = true; },
                .done = done.callback()});
  EXPECT_EQ(done.value(), absl::AbortedError("no"));
  EXPECT_FALSE(published);
  EXPECT_TRUE(log().health().ok());
}

}  // namespace
}  // namespace tidemark::log
