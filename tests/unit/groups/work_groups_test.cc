// KEY_ORDERED and UNORDERED groups over a real store: changed, moved and paused while their members
// are at work, and their dead letters under retention and erasure.
#include "absl/strings/str_split.h"
#include "server/groups/live_work.h"
#include "server/rpc/work_source.h"
#include "server/storage/key_schema.h"
#include "tests/unit/groups/coordinator_fixture.h"

namespace tidemark::groups {
namespace {

using storage::GroupMode;

// A member that takes events and says what became of them.
class Worker final : public MemberListener {
 public:
  void OnAssigned(std::vector<AssignedPartition>) override {}
  void OnRevoked(std::vector<LogId>, absl::Time, uint64_t) override {}
  void OnTaken(std::vector<LogId>) override {}
  void OnPaused(bool paused) override {
    absl::MutexLock lock(&mu_);
    paused_ = paused;
  }
  void OnClosed(absl::Status) override {}
  void OnWork() override {
    absl::MutexLock lock(&mu_);
    ++woken_;
  }
  bool paused() const {
    absl::MutexLock lock(&mu_);
    return paused_;
  }

  // The next `count` events: "0 1 2x3"; the third has a third attempt.
  std::string Take(size_t count) {
    std::vector<std::string> words;
    while (words.size() < count) {
      uint64_t woken = 0;
      {
        absl::MutexLock lock(&mu_);
        woken = woken_;
      }
      const LiveWork::Taken taken =
          work->Take({.events_max = count - words.size(), .bytes_max = 1 << 20});
      if (taken.delivery.has_value()) {
        const auto& [slice, attempts] = std::tie(taken.delivery->slice, taken.delivery->attempts);
        for (uint32_t i = 0; i < slice.count; ++i) {
          const uint32_t tries = attempts.empty() ? 1 : attempts[i];
          words.push_back(
              absl::StrCat(slice.OffsetAt(i), tries == 1 ? "" : absl::StrCat("x", tries)));
        }
        continue;
      }
      absl::MutexLock lock(&mu_);
      const auto more = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return woken_ != woken; };
      if (!mu_.AwaitWithTimeout(absl::Condition(&more), absl::Seconds(20))) {
        return absl::StrJoin(words, " ") + " and no more";
      }
    }
    return absl::StrJoin(words, " ");
  }
  // True: there is nothing for it now.
  bool HasNothing() { return !work->Take({.events_max = 1, .bytes_max = 1}).delivery.has_value(); }

  // How many were acked, and how many were fenced: "2", "1 fenced 1".
  std::string Ack(const std::vector<uint64_t>& offsets, const std::string& topic = "jobs") {
    return Tell(log::Await<EventsResult>(
        [&](auto done) { work->Ack(Refs(offsets, topic), std::move(done)); }));
  }
  std::string Nack(const std::vector<uint64_t>& offsets, WorkQueue::NackOptions options = {}) {
    return Tell(log::Await<EventsResult>([&](auto done) {
      work->Nack(Refs(offsets, "jobs"), std::move(options), std::move(done));
    }));
  }

  void StartNack(const std::vector<uint64_t>& offsets, WorkQueue::NackOptions options,
                 absl::AnyInvocable<void(const std::string&) &&> done) {
    work->Nack(Refs(offsets, "jobs"), std::move(options),
               [done = std::move(done)](const absl::StatusOr<EventsResult>& result) mutable {
                 std::move(done)(Tell(result));
               });
  }

  std::shared_ptr<Member> member;
  std::shared_ptr<WorkMember> work;

 private:
  std::vector<EventRef> Refs(const std::vector<uint64_t>& offsets, const std::string& topic) const {
    const LogId log = work->work().FindLog(topic, PartitionIndex(0)).value_or(LogId(0));
    std::vector<EventRef> refs;
    for (const uint64_t offset : offsets) refs.push_back({log, Offset(offset)});
    return refs;
  }
  static std::string Tell(const absl::StatusOr<EventsResult>& result) {
    if (!result.ok()) return result.status().ToString();
    std::string text = absl::StrCat(result->done);
    if (result->dead_letters > 0) absl::StrAppend(&text, " dead ", result->dead_letters);
    if (!result->rejected.empty()) absl::StrAppend(&text, " fenced ", result->rejected.size());
    for (const auto& [place, why] : result->rejected) {
      if (why != WorkRejection::kFenced) absl::StrAppend(&text, ", one was not in flight");
    }
    return text;
  }

  mutable absl::Mutex mu_;
  uint64_t woken_ ABSL_GUARDED_BY(mu_) = 0;
  bool paused_ ABSL_GUARDED_BY(mu_) = false;
};
using WorkerPtr = std::shared_ptr<Worker>;

// While it lives, no thread of a pool is free.
class HeldThreads {
 public:
  HeldThreads(base::Executor& pool, int threads) {
    auto* const met = new absl::Barrier(threads + 1);
    for (int i = 0; i < threads; ++i) {
      pool.Schedule([met, release = release_] {
        if (met->Block()) delete met;
        release->WaitForNotification();
      });
    }
    if (met->Block()) delete met;
  }
  ~HeldThreads() { release_->Notify(); }
  HeldThreads(const HeldThreads&) = delete;
  HeldThreads& operator=(const HeldThreads&) = delete;

 private:
  const std::shared_ptr<absl::Notification> release_ = std::make_shared<absl::Notification>();
};

class WorkGroupsTest : public CoordinatorTest, public ::testing::WithParamInterface<GroupMode> {
 protected:
  WorkGroupsTest() {
    options_.work_source = [this](const storage::FilterSpec& filter,
                                  absl::AnyInvocable<void()> wake) {
      return rpc::MakeWorkSources(harness_.log(), 1 << 20)(filter, std::move(wake));
    };
  }
  void SetUp() override {
    Open();
    CreateTopic("jobs", 1);
    CreateTopic("more", 1);
  }
  // Events "key" or "key:type", separated by blanks.
  void Put(const std::string& words, const std::string& topic = "jobs") {
    std::vector<testing::TestEvent> events;
    for (const absl::string_view word : absl::StrSplit(words, ' ')) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(word, absl::MaxSplits(':', 1));
      events.push_back({.type = parts.second.empty() ? "t" : parts.second, .key = parts.first});
    }
    const auto found = harness_.log().FindTopic(topic);
    ASSERT_TRUE(found.ok());
    ASSERT_TRUE(harness_.Append(*found, 0, std::move(events)).ok());
  }
  WorkerPtr JoinWork(JoinRequest request) {
    auto worker = std::make_shared<Worker>();
    absl::StatusOr<JoinResult> joined = log::Await<JoinResult>(
        [&](auto done) { groups_->Join(std::move(request), worker, std::move(done)); });
    EXPECT_TRUE(joined.ok()) << joined.status();
    if (!joined.ok()) return nullptr;
    worker->member = joined->member;
    worker->work = joined->work;
    LetGoInTheEnd(worker, [](Worker& member) {
      member.work.reset();
      member.member.reset();
    });
    return worker;
  }
  WorkerPtr JoinWork() {
    JoinRequest request = Request({"jobs"});
    request.mode = GetParam();
    return JoinWork(std::move(request));
  }
  void LeaveWork(WorkerPtr& worker) {
    worker->work->GiveBack();
    worker->member->Leave();
    worker.reset();
  }
  std::string Update(GroupChange change) {
    const auto record = log::Await<storage::GroupRecord>(
        [&](auto done) { groups_->UpdateGroup("payroll", std::move(change), std::move(done)); });
    return record.ok() ? "OK" : ReasonOf(record.status());
  }
  // "2->0", or the error.
  std::string Seek(uint64_t to, bool dry_run = false) {
    const auto moves = log::Await<std::vector<SeekMove>>([&](auto done) {
      groups_->SeekGroup("payroll", {{"jobs", PartitionIndex(0), Offset(to)}}, dry_run,
                         std::move(done));
    });
    if (!moves.ok()) return moves.status().ToString();
    return absl::StrCat(moves->front().from, "->", moves->front().to);
  }
  std::string Letters() {
    const auto page = groups_->ListDeadLetters("payroll", std::nullopt, {}, 100);
    if (!page.ok()) return page.status().ToString();
    std::vector<std::string> offsets;
    for (const DeadLetterView& view : page->letters) {
      offsets.push_back(absl::StrCat(view.place.offset, view.event.has_value() ? "" : " empty"));
    }
    return absl::StrJoin(offsets, ",");
  }
  // Dead letters that have copies of their events.
  std::string Copies() {
    std::vector<std::string> offsets;
    const LogId log = Jobs()->log(PartitionIndex(0));
    EXPECT_TRUE(ForLetters(harness_.store(), groups_->FindRecord("payroll")->id, log, Offset(0),
                           [&](Offset offset, storage::DeadLetter letter) {
                             if (letter.event.has_value()) offsets.push_back(absl::StrCat(offset));
                             return true;
                           })
                    .ok());
    return absl::StrJoin(offsets, ",");
  }
  log::TopicPtr Jobs() { return *harness_.log().FindTopic("jobs"); }
  log::PartitionPtr JobsPartition() {
    return *harness_.log().OpenPartition(*Jobs(), PartitionIndex(0));
  }
  void PassTime(absl::Duration by) {
    clock().Advance(by);
    groups_->Tick(clock().Now());
  }
};

TEST_P(WorkGroupsTest, ASeekBackFencesWhatIsInHandAndDeliversAgain) {
  Put("a b c d");
  const WorkerPtr worker = JoinWork();
  EXPECT_EQ(worker->Take(4), "0 1 2 3");
  EXPECT_EQ(worker->Ack({0, 1}), "2");
  EXPECT_EQ(Seek(0, /*dry_run=*/true), "2->0");
  EXPECT_EQ(worker->Ack({2}), "1");  // The dry run moved nothing.
  EXPECT_EQ(Seek(0), "3->0");
  EXPECT_EQ(Offsets(), "jobs/0@0");
  EXPECT_EQ(worker->Ack({3}), "0 fenced 1");
  EXPECT_EQ(worker->Take(4), "0 1 2 3");
  EXPECT_EQ(worker->Ack({0, 1, 2, 3}), "4");
  EXPECT_EQ(Offsets(), "jobs/0@4");
}

TEST_P(WorkGroupsTest, ASeekForwardSkips) {
  Put("a b c d");
  const WorkerPtr worker = JoinWork();
  EXPECT_EQ(worker->Take(2), "0 1");
  EXPECT_EQ(Seek(3), "0->3");
  EXPECT_EQ(worker->Ack({0, 1}), "0 fenced 2");
  EXPECT_EQ(worker->Take(1), "3");
  EXPECT_EQ(worker->Ack({3}), "1");
  Restart();
  EXPECT_EQ(Offsets(), "jobs/0@4");
}

TEST_P(WorkGroupsTest, ASeekIsDurableWithWhatItForgot) {
  Put("a b c d");
  WorkerPtr worker = JoinWork();
  EXPECT_EQ(worker->Take(4), "0 1 2 3");
  EXPECT_EQ(worker->Ack({1, 2}), "2");  // Above the committed offset: in rows.
  EXPECT_EQ(Seek(0), "0->0");
  worker.reset();
  Restart();
  EXPECT_EQ(JoinWork()->Take(4), "0 1 2 3");
}

TEST_P(WorkGroupsTest, DeadLettersStayAndDoNotComeAgainByASeek) {
  Put("a b c");
  WorkerPtr worker = JoinWork();
  EXPECT_EQ(worker->Take(3), "0 1 2");
  EXPECT_EQ(worker->Nack({1}, {.dead_letter = true}), "0 dead 1");
  EXPECT_EQ(worker->Ack({0, 2}), "2");
  EXPECT_EQ(Seek(0), "3->0");
  EXPECT_EQ(worker->Take(2), "0 2");
  EXPECT_TRUE(worker->HasNothing());
  EXPECT_EQ(Letters(), "1");
  const auto redriven =
      groups_->RedriveDeadLetters("payroll", storage::FilterSpec(), absl::ZeroDuration());
  ASSERT_TRUE(redriven.ok());
  EXPECT_EQ(redriven->events, 1u);
  EXPECT_EQ(worker->Take(1), "1x2");
  EXPECT_EQ(worker->Ack({0, 1, 2}), "3");
  EXPECT_EQ(Letters(), "");
  EXPECT_EQ(Offsets(), "jobs/0@3");
}

TEST_P(WorkGroupsTest, ANewFilterHoldsFromWhereTheGroupReads) {
  Put("a:x b:y");
  JoinRequest request = Request({"jobs"});
  request.mode = GetParam();
  request.filter = storage::FilterSpec{.types = {"x"}};
  const WorkerPtr worker = JoinWork(std::move(request));
  EXPECT_EQ(worker->Take(1), "0");
  EXPECT_TRUE(worker->HasNothing());
  EXPECT_EQ(Update({.filter = storage::FilterSpec{.types = {"y"}}}), "OK");
  Put("a:x b:y");
  EXPECT_EQ(worker->Take(1), "3");
  EXPECT_EQ(worker->Ack({0, 3}), "2");  // What was in hand counts.
  EXPECT_EQ(Seek(0, /*dry_run=*/true).substr(1), "->0");
  Seek(0);
  EXPECT_EQ(worker->Take(2), "1 3");
}

TEST_P(WorkGroupsTest, TopicsComeAndGoAndWhatWasDoneStaysDone) {
  Put("a b c");
  Put("m n", "more");
  const WorkerPtr worker = JoinWork();
  EXPECT_EQ(worker->Take(3), "0 1 2");
  EXPECT_EQ(Update({.topics = {{"jobs", "more"}}}), "OK");
  EXPECT_EQ(worker->Take(2), "0 1");
  EXPECT_EQ(worker->Ack({1}), "1");
  EXPECT_EQ(Update({.topics = {{"more"}}}), "OK");
  EXPECT_EQ(worker->Ack({0}), "0 fenced 1");
  EXPECT_EQ(worker->Ack({0, 1}, "more"), "2");
  EXPECT_EQ(Update({.topics = {{"jobs", "more"}}}), "OK");
  const std::string again = worker->Take(2);
  EXPECT_TRUE(again == "0 2" || again == "0x2 2x2") << again;
  EXPECT_EQ(worker->Ack({0, 2}), "2");
  EXPECT_EQ(Offsets(), "jobs/0@3 more/0@2");
}

TEST_P(WorkGroupsTest, ANewPolicyHoldsFromTheNextFailureOn) {
  Put("a b");
  const WorkerPtr worker = JoinWork();
  EXPECT_EQ(worker->Take(2), "0 1");
  EXPECT_EQ(worker->Nack({0}, {.delay_us = 0}), "1");
  EXPECT_EQ(worker->Take(1), "0x2");
  EXPECT_EQ(Update({.retry = storage::RetryPolicy{.max_attempts = 1}}), "OK");
  EXPECT_EQ(worker->Nack({0, 1}), "0 dead 2");
  EXPECT_EQ(Letters(), "0,1");
  EXPECT_EQ(Offsets(), "jobs/0@2");
}

TEST_P(WorkGroupsTest, TheModeChangesOnlyWithoutMembersAndForgetsSingleAcks) {
  Put("a b c");
  WorkerPtr worker = JoinWork();
  EXPECT_EQ(worker->Take(3), "0 1 2");
  EXPECT_EQ(worker->Ack({2}), "1");
  EXPECT_EQ(Update({.mode = GroupMode::kPartitionOrdered}), "GROUP_HAS_MEMBERS");
  LeaveWork(worker);
  EXPECT_EQ(Update({.mode = GroupMode::kPartitionOrdered}), "OK");
  ASSERT_TRUE(Commit({Entry(0, 1, "jobs")}).ok());
  EXPECT_EQ(Update({.mode = GetParam()}), "OK");
  worker = JoinWork();
  EXPECT_EQ(worker->Take(2), "1 2");
  EXPECT_EQ(worker->Ack({1, 2}), "2");
  EXPECT_EQ(Offsets(), "jobs/0@3");
}

TEST_P(WorkGroupsTest, APauseIsToldAndAcksGoOn) {
  Put("a b");
  const WorkerPtr worker = JoinWork();
  EXPECT_EQ(worker->Take(2), "0 1");
  EXPECT_EQ(Update({.paused = true}), "OK");
  EXPECT_TRUE(worker->paused());
  EXPECT_EQ(worker->Ack({0}), "1");
  const auto seen = groups_->GetGroup("payroll");
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(seen->work->in_flight_events, 1u);
  EXPECT_EQ(Update({.paused = false}), "OK");
  EXPECT_FALSE(worker->paused());
  EXPECT_EQ(worker->Ack({1}), "1");
}

// In either order of the guard and the letter nothing of the letter is lost.
TEST_P(WorkGroupsTest, ADeadLetterKeepsItsEventWhenRetentionIsAboutToPassIt) {
  Put("a b c d");
  const WorkerPtr worker = JoinWork();
  EXPECT_EQ(worker->Take(4), "0 1 2 3");
  EXPECT_EQ(worker->Nack({0}, {.dead_letter = true}), "0 dead 1");
  EXPECT_EQ(Copies(), "");
  ASSERT_TRUE(groups_->KeepDeadLetters(*JobsPartition(), Offset(3)).ok());
  EXPECT_EQ(Copies(), "0");
  EXPECT_EQ(worker->Nack({1, 3}, {.dead_letter = true}), "0 dead 2");
  EXPECT_EQ(Copies(), "0,1");
}

// The threads that read for groups may all be waiting for trims.
TEST_P(WorkGroupsTest, ATrimReadsItselfWhatIsAboutToBeADeadLetter) {
  Put("a b c");
  const WorkerPtr worker = JoinWork();
  EXPECT_EQ(worker->Take(3), "0 1 2");
  EXPECT_EQ(worker->Nack({1}, {.dead_letter = true}), "0 dead 1");
  std::string answer;
  absl::Notification answered;
  const log::PartitionPtr partition = JobsPartition();
  const HeldThreads held(*disk_, kDiskThreads);
  worker->StartNack({0, 2}, {.dead_letter = true}, [&](const std::string& result) {
    answer = result;
    answered.Notify();
  });
  ASSERT_TRUE(groups_->KeepDeadLetters(*partition, Offset(2)).ok());
  EXPECT_EQ(Copies(), "0,1");
  answered.WaitForNotification();
  EXPECT_EQ(answer, "0 dead 2");
}

TEST_P(WorkGroupsTest, DeadLettersOfErasedEventsAreGone) {
  Put("a b c");
  const WorkerPtr worker = JoinWork();
  EXPECT_EQ(worker->Take(3), "0 1 2");
  EXPECT_EQ(worker->Nack({0, 1}, {.dead_letter = true}), "0 dead 2");
  ASSERT_TRUE(groups_->KeepDeadLetters(*JobsPartition(), Offset(2)).ok());
  const auto redriven = groups_->RedriveDeadLetters(
      "payroll", std::vector<DeadLetterPlace>{{"jobs", PartitionIndex(0), Offset(1)}},
      absl::ZeroDuration());
  ASSERT_TRUE(redriven.ok());
  EXPECT_EQ(worker->Take(1), "1x2");
  EXPECT_EQ(Copies(), "0,1");
  const auto erased = [](Offset, const storage::DeadLetter& letter) {
    return letter.key == "a" || letter.key == "b";
  };
  ASSERT_TRUE(groups_->EraseDeadLetters(JobsPartition()->log(), erased).ok());
  EXPECT_EQ(Copies(), "");
  EXPECT_EQ(Letters(), "");
  EXPECT_EQ(worker->Ack({1, 2}), "1 fenced 1");
  const auto seen = groups_->GetGroup("payroll");
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(seen->work->dead_letters, 0u);
}

TEST_P(WorkGroupsTest, NothingStaysOfATopicThatWasDeletedBeforeTheGroupWasLoaded) {
  Put("a b c");
  Put("m", "more");
  JoinRequest request = Request({"jobs", "more"});
  request.mode = GetParam();
  WorkerPtr worker = JoinWork(std::move(request));
  (void)worker->Take(4);
  EXPECT_EQ(worker->Ack({1}), "1");
  EXPECT_EQ(worker->Nack({2}, {.dead_letter = true}), "0 dead 1");
  worker.reset();
  Restart();
  const LogId log = Jobs()->log(PartitionIndex(0));
  const storage::GroupId id = groups_->FindRecord("payroll")->id;
  const auto rows = [&] {
    size_t count = 0;
    for (const std::string& prefix :
         {storage::WorkBlocksPrefix(id, log), storage::DeadLettersPrefix(id, log),
          storage::DeadLetterMarksPrefix(log)}) {
      const auto found = harness_.store().ReadGroupRows(prefix, storage::PrefixEnd(prefix), 100);
      EXPECT_TRUE(found.ok());
      count += found->size();
    }
    return count;
  };
  EXPECT_EQ(rows(), 3u);
  ASSERT_TRUE(harness_.DeleteTopic("jobs").ok());
  ASSERT_TRUE(groups_->GetGroup("payroll").ok());  // Loads it.
  // What was queued before is written by then.
  ASSERT_TRUE(Commit({Entry(0, 0, "more")}, /*allow_rewind=*/true, "another").ok());
  EXPECT_EQ(rows(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Modes, WorkGroupsTest,
                         ::testing::Values(GroupMode::kKeyOrdered, GroupMode::kUnordered),
                         [](const auto& mode) {
                           return mode.param == GroupMode::kKeyOrdered ? "KeyOrdered" : "Unordered";
                         });

}  // namespace
}  // namespace tidemark::groups
