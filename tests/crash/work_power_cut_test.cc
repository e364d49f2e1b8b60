// A power cut may take back acks, nacks and dead letters that were not confirmed; it keeps every
// one that was, and an event that is neither done nor dead comes again.
// Method: a KEY_ORDERED group works on a store whose disk forgets what was not synced, with the
// power cut at each sync in turn; then a new member gets what is left.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/executor.h"
#include "server/groups/group_coordinator.h"
#include "server/groups/live_work.h"
#include "server/rpc/work_source.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

using Loss = CrashFileSystem::Loss;
using When = CrashFileSystem::When;

constexpr uint64_t kEvents = 40;

class Listener final : public groups::MemberListener {
 public:
  void OnAssigned(std::vector<groups::AssignedPartition>) override {}
  void OnRevoked(std::vector<LogId>, absl::Time, uint64_t) override {}
  void OnPaused(bool) override {}
  void OnTaken(std::vector<LogId>) override {}
  void OnClosed(absl::Status) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    closed_ = true;
  }
  void OnWork() override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    work_ = true;
  }
  // False: the membership is over.
  bool Wait() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    const auto told = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return work_ || closed_; };
    const bool in_time = mu_.AwaitWithTimeout(absl::Condition(&told), absl::Seconds(30));
    work_ = false;
    return in_time && !closed_;
  }

 private:
  absl::Mutex mu_;
  bool work_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

// A store with a group at work, until the power is cut.
class Office {
 public:
  explicit Office(uint64_t seed) : random_(seed), disk_(dir_.path()) {
    LogHarness::Options options;
    options.store = {.path = absl::StrCat(dir_.path(), "/data"),
                     .env = disk_.env(),
                     .epoch_bytes = 1 << 20,
                     .block_cache_bytes = 1 << 20};
    harness_.emplace(std::move(options));
  }
  ~Office() { Close(); }

  CrashFileSystem& disk() { return disk_; }

  bool Open() {
    open_ = harness_->Open().ok();
    if (!open_) return false;
    executor_ = std::make_unique<base::ThreadPool>("disk", 2);
    groups::CoordinatorOptions options;
    options.work_source = rpc::MakeWorkSources(harness_->log(), 1 << 20);
    groups_ = std::make_unique<groups::GroupCoordinator>(options, harness_->log(), *executor_,
                                                         harness_->clock(), harness_->metrics());
    return groups_->Load().ok();
  }
  void Close() {
    member_.reset();
    work_.reset();
    if (executor_ != nullptr) executor_->Shutdown();
    if (std::exchange(open_, false)) harness_->log().Stop();
    groups_.reset();
    harness_->Close();
  }

  // Appends, and works until everything is handled or the power is cut.
  void Work() {
    if (!harness_->CreateTopic("hr", {.partitions = 1}).ok()) return;
    const auto topic = harness_->log().FindTopic("hr");
    std::vector<TestEvent> events;
    for (uint64_t i = 0; i < kEvents; ++i) {
      events.push_back({.type = "t", .key = absl::StrCat("k", i % 7)});
    }
    if (!harness_->Append(*topic, 0, events).ok()) return;
    appended_ = true;
    if (!Join()) return;
    while (true) {
      const auto taken = work_->Take({.events_max = random_.In(1, 6), .bytes_max = 1 << 20});
      if (!taken.delivery.has_value()) {
        if (taken.at_end || !listener_->Wait()) return;
        continue;
      }
      for (uint32_t i = 0; i < taken.delivery->slice.count; ++i) {
        if (!Handle(taken.delivery->log, taken.delivery->slice.OffsetAt(i))) return;
      }
    }
  }

  // What is wrong with what a new member gets.
  std::vector<std::string> Check() {
    std::vector<std::string> wrong;
    if (!appended_) return wrong;
    const auto letters = groups_->ListDeadLetters("payroll", std::nullopt, {}, 1000);
    std::set<uint64_t> dead;
    if (letters.ok()) {
      for (const auto& letter : letters->letters) dead.insert(letter.place.offset.value());
    }
    std::set<uint64_t> delivered;
    if (!Join()) return {"the group cannot be joined"};
    while (true) {
      const auto taken = work_->Take({.events_max = 100, .bytes_max = 1 << 20});
      if (!taken.delivery.has_value()) {
        if (taken.at_end) break;
        if (!listener_->Wait()) return {"the member was closed"};
        continue;
      }
      for (uint32_t i = 0; i < taken.delivery->slice.count; ++i) {
        delivered.insert(taken.delivery->slice.OffsetAt(i).value());
      }
    }
    for (uint64_t offset = 0; offset < kEvents; ++offset) {
      const bool is_acked = acked_.contains(offset);
      if (delivered.contains(offset) && is_acked) {
        wrong.push_back(absl::StrCat(offset, " was acked and comes again"));
      }
      if (!dead.contains(offset) && dead_.contains(offset)) {
        wrong.push_back(absl::StrCat(offset, " was a dead letter and is none"));
      }
      const bool may_be_done = is_acked || trying_ == offset;
      if (!delivered.contains(offset) && !dead.contains(offset) && !may_be_done) {
        wrong.push_back(absl::StrCat(offset, " is gone"));
      }
    }
    return wrong;
  }

 private:
  bool Join() {
    listener_ = std::make_shared<Listener>();
    auto joined = log::Await<groups::JoinResult>([&](auto done) {
      groups_->Join({.group = "payroll",
                     .topics = {"hr"},
                     .mode = storage::GroupMode::kKeyOrdered,
                     .retry = storage::RetryPolicy{.initial_backoff_us = 1},
                     .client_name = "c"},
                    listener_, std::move(done));
    });
    if (!joined.ok()) return false;
    member_ = joined->member;
    work_ = joined->work;
    return true;
  }

  // Acks it, fails it, or makes it a dead letter. False: there was no answer.
  bool Handle(LogId log, Offset offset) {
    trying_ = offset.value();
    const bool kills = random_.OneIn(8);
    const bool fails = random_.OneIn(4);
    const auto result = log::Await<groups::EventsResult>([&](auto done) {
      if (!kills && !fails) return work_->Ack({{log, offset}}, std::move(done));
      groups::WorkQueue::NackOptions options{.delay_us = 0, .dead_letter = kills, .reason = "no"};
      work_->Nack({{log, offset}}, std::move(options), std::move(done));
    });
    if (!result.ok()) return false;
    trying_.reset();
    if (!result->rejected.empty()) return true;  // Taken back: an earlier one of its key failed.
    if (kills) dead_.insert(offset.value());
    if (!kills && !fails) acked_.insert(offset.value());
    return true;
  }

  Random random_;
  TempDir dir_;
  CrashFileSystem disk_;
  std::optional<LogHarness> harness_;
  bool open_ = false;
  std::unique_ptr<base::ThreadPool> executor_;
  std::unique_ptr<groups::GroupCoordinator> groups_;
  std::shared_ptr<Listener> listener_;
  std::shared_ptr<groups::Member> member_;
  std::shared_ptr<groups::WorkMember> work_;
  bool appended_ = false;
  std::set<uint64_t> acked_;
  std::set<uint64_t> dead_;
  std::optional<uint64_t> trying_;  // Its answer did not come.
};

void ExpectKept(uint64_t seed, When when, Loss loss) {
  int cuts = 0;
  for (int cut_at = 1;; ++cut_at) {
    Office office(seed);
    office.disk().CutPowerAtSync(cut_at, when);
    if (office.Open()) office.Work();
    const bool was_cut = office.disk().power_is_cut();
    office.Close();
    office.disk().RestorePower(loss, seed * 1000 + cut_at);
    ASSERT_TRUE(office.Open()) << "seed " << seed << ", cut at sync " << cut_at;
    EXPECT_EQ(absl::StrJoin(office.Check(), "\n"), "")
        << "seed " << seed << ", cut at sync " << cut_at;
    if (!was_cut || ::testing::Test::HasFailure()) break;
    ++cuts;
  }
  EXPECT_GT(cuts, 30);  // Else the group did not do much.
}

TEST(WorkPowerCutTest, KeepsConfirmedAcksNacksAndDeadLettersAtEverySync) {
  ExpectKept(SeedOr(1), When::kBefore, Loss::kAllUnsynced);
}

TEST(WorkPowerCutTest, KeepsThemBesideTornWritesAndWithoutAnAnswer) {
  ExpectKept(SeedOr(2), When::kAfter, Loss::kSomeUnsynced);
}

}  // namespace
}  // namespace tidemark::testing
