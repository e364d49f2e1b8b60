// A transaction happens whole or not at all, whenever the power fails: events of several topics,
// conditions, a group's offset and the producer's sequence.
// Method: a store whose disk forgets what was not synced, with the power cut at each sync in turn;
// then what is there is compared, and the producer repeats what it has no answer for.
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "server/base/executor.h"
#include "server/groups/group_coordinator.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/log_harness.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

using Loss = CrashFileSystem::Loss;
using When = CrashFileSystem::When;

constexpr uint64_t kTransactions = 24;
constexpr uint64_t kUnderWay = 3;

// A store at which one producer makes transactions in turn.
class Office {
 public:
  Office() : disk_(dir_.path()) {
    LogHarness::Options options;
    options.store = {.path = absl::StrCat(dir_.path(), "/data"),
                     .env = disk_.env(),
                     .epoch_bytes = 1 << 20,
                     .block_cache_bytes = 1 << 20};
    options.log.index = {.segment_events = 16, .open_bytes_max = 1 << 20};
    harness_.emplace(std::move(options));
  }
  ~Office() { Close(); }

  CrashFileSystem& disk() { return disk_; }

  bool Open() {
    open_ = harness_->Open().ok();
    if (!open_) return false;
    executor_ = std::make_unique<base::ThreadPool>("disk", 1);
    groups_ = std::make_unique<groups::GroupCoordinator>(groups::CoordinatorOptions{},
                                                         harness_->log(), *executor_,
                                                         harness_->clock(), harness_->metrics());
    return groups_->Load().ok();
  }
  void Close() {
    if (executor_ != nullptr) executor_->Shutdown();
    if (std::exchange(open_, false)) harness_->log().Stop();
    groups_.reset();
    harness_->Close();
  }

  // Topics, events to be worked on, and the group. Safe to repeat.
  bool SetUp() {
    for (const char* name : {"in", "hr", "emails"}) {
      if (harness_->log().FindTopic(name).ok()) continue;
      if (!harness_->CreateTopic(name, {.partitions = 2}).ok()) return false;
    }
    const auto in = harness_->log().FindTopic("in");
    if (End("in", 0) == 0 &&
        !harness_->Append(*in, 0, std::vector<TestEvent>(kTransactions)).ok()) {
      return false;
    }
    if (groups_->FindRecord("hiring").ok()) return true;
    return log::AwaitDone([this](auto done) {
             groups_->CommitOffsets("hiring", {Entry(0, std::nullopt)}, false, std::move(done));
           })
        .ok();
  }

  // Makes transactions from `first` on, some under way at a time, until all are made or the power
  // fails.
  void Work(uint64_t first) {
    std::deque<std::unique_ptr<UnderWay>> under_way;
    uint64_t next = first;
    while (next < kTransactions || !under_way.empty()) {
      if (next < kTransactions && under_way.size() < kUnderWay) {
        under_way.push_back(Start(next++));
        continue;
      }
      under_way.front()->done.WaitForNotification();
      if (!Note(*under_way.front())) {
        for (const auto& other : under_way) other->done.WaitForNotification();
        return;
      }
      under_way.pop_front();
    }
  }

  // What is wrong with what is there.
  std::vector<std::string> Check() {
    std::vector<std::string> wrong;
    const uint64_t offset = Committed();
    for (uint64_t i = 0; i < kTransactions; ++i) {
      const std::string id = absl::StrCat("t", i);
      const int places = (Ids("hr", i % 2).count(id) > 0) + (Ids("emails", 0).count(id) > 0) +
                         (offset > i) + (Newest() >= static_cast<int64_t>(i));
      if (places != 0 && places != 4) {
        wrong.push_back(absl::StrCat("transaction ", i, " is in ", places, " of 4 places"));
      }
      if (places == 0 && known_.count(i) > 0) {
        wrong.push_back(absl::StrCat("transaction ", i, " was acknowledged and is gone"));
      }
    }
    const uint64_t events = End("hr", 0) + End("hr", 1);
    if (events != offset || End("emails", 0) != offset) {
      wrong.push_back(absl::StrCat(offset, " transactions, and ", events, " and ", End("emails", 0),
                                   " events"));
    }
    return wrong;
  }
  // The first one that has to be made, or repeated.
  uint64_t Unanswered() const { return known_.empty() ? 0 : *known_.rbegin() + 1; }
  bool complete() const { return known_.size() == kTransactions; }
  const std::vector<std::string>& refusals() const { return refusals_; }

 private:
  struct UnderWay {
    uint64_t number = 0;
    absl::Notification done;
    absl::StatusOr<log::AppendResult> answer;
  };

  static groups::OffsetEntry Entry(uint64_t offset, std::optional<uint64_t> expected) {
    groups::OffsetEntry entry{
        .topic = "in", .partition = PartitionIndex(0), .offset = Offset(offset)};
    if (expected.has_value()) entry.expected = Offset(*expected);
    return entry;
  }
  log::TopicPtr Topic(const std::string& name) {
    const auto topic = harness_->log().FindTopic(name);
    return topic.ok() ? *topic : nullptr;
  }
  uint64_t End(const std::string& topic, uint32_t partition) {
    const auto opened = harness_->log().OpenPartition(*Topic(topic), PartitionIndex(partition));
    return opened.ok() ? (*opened)->ends().end.value() : UINT64_MAX;
  }
  std::multiset<std::string> Ids(const std::string& topic, uint32_t partition) {
    std::multiset<std::string> ids;
    const auto events = harness_->ReadAll(*Topic(topic), partition);
    if (!events.ok()) return ids;
    for (const ReadEvent& event : *events) ids.insert(event.event.id);
    return ids;
  }
  uint64_t Committed() {
    const auto offsets = groups_->GetOffsets("hiring", {});
    return offsets.ok() && !offsets->empty() ? offsets->front().offset.value() : 0;
  }
  int64_t Newest() {
    const auto newest = harness_->store().ReadLastSequence("hiring");
    return newest.ok() && newest->has_value() ? static_cast<int64_t>(**newest) : -1;
  }

  // Transaction i: an event of one of three employees, a name that must be new, the next offset.
  std::unique_ptr<UnderWay> Start(uint64_t i) {
    const std::string id = absl::StrCat("t", i);
    const std::string employee = absl::StrCat("employee-", i % 2, "-", i % 6 / 2);
    const std::string email = absl::StrCat("email-", i);
    log::AppendRequest request = MakeTransaction(
        {MakeRequest(Topic("hr"), {{static_cast<uint32_t>(i % 2), {{.id = id, .key = employee}}}}),
         MakeRequest(Topic("emails"), {{0, {{.id = id, .key = email}}}})},
        log::ProducerSequence{"hiring", i});
    using Expect = log::KeyCondition::Expect;
    request.conditions.push_back(
        {.topic = Topic("emails"), .key = email, .expect = Expect::kAbsent});
    request.conditions.push_back({.topic = Topic("hr"),
                                  .partition = PartitionIndex(i % 2),
                                  .key = employee,
                                  .expect = i < 6 ? Expect::kAbsent : Expect::kRevision,
                                  .revision = i < 6 ? 0 : i / 6 - 1});
    request.flow = log::FlowId{9};
    request.in_order = true;
    auto started = std::make_unique<UnderWay>();
    started->number = i;
    auto participant = groups_->CommitWithAppend({{"hiring", {Entry(i + 1, i)}}});
    if (!participant.ok()) {
      started->answer = participant.status();
      started->done.Notify();
      return started;
    }
    request.participant = *std::move(participant);
    harness_->log().Append(std::move(request),
                           [raw = started.get()](absl::StatusOr<log::AppendResult> answer) {
                             raw->answer = std::move(answer);
                             raw->done.Notify();
                           });
    return started;
  }

  // False: the power failed.
  bool Note(const UnderWay& finished) {
    if (finished.answer.ok()) {
      known_.insert(finished.number);
      return true;
    }
    if (!absl::IsUnavailable(finished.answer.status())) {
      refusals_.push_back(absl::StrCat(finished.number, ": ", finished.answer.status().ToString()));
    }
    return false;
  }

  TempDir dir_;
  CrashFileSystem disk_;
  std::optional<LogHarness> harness_;
  std::unique_ptr<base::ThreadPool> executor_;
  std::unique_ptr<groups::GroupCoordinator> groups_;
  bool open_ = false;
  std::set<uint64_t> known_;
  std::vector<std::string> refusals_;
};

// Runs with a cut at each sync until one ends before the cut.
void CutEverywhere(When when, Loss loss) {
  for (int cut_at = 1;; ++cut_at) {
    SCOPED_TRACE(absl::StrCat("cut at sync ", cut_at));
    Office office;
    office.disk().CutPowerAtSync(cut_at, when);
    if (office.Open() && office.SetUp()) office.Work(0);
    const bool was_cut = office.disk().power_is_cut();
    office.Close();
    office.disk().RestorePower(loss, cut_at);
    ASSERT_TRUE(office.Open());
    ASSERT_TRUE(office.SetUp());
    EXPECT_EQ(absl::StrJoin(office.Check(), "\n"), "");
    office.Work(office.Unanswered());
    EXPECT_TRUE(office.complete());
    EXPECT_EQ(absl::StrJoin(office.Check(), "\n"), "");
    EXPECT_EQ(absl::StrJoin(office.refusals(), "\n"), "");
    if (::testing::Test::HasFailure()) return;
    if (!was_cut) {
      EXPECT_GT(cut_at, 10);
      return;
    }
  }
}

TEST(TransactPowerCutTest, HappensWholeOrNotAtAllAtEverySync) {
  CutEverywhere(When::kBefore, Loss::kAllUnsynced);
}

TEST(TransactPowerCutTest, HappensWholeOrNotAtAllBesideTornWrites) {
  CutEverywhere(When::kAfter, Loss::kSomeUnsynced);
}

}  // namespace
}  // namespace tidemark::testing
