// Many threads at once: members come, read, ack and go while time passes.
#include <atomic>
#include <thread>

#include "tests/support/random.h"
#include "tests/unit/groups/coordinator_fixture.h"

namespace tidemark::groups {
namespace {

constexpr uint64_t kEvents = 400;  // Of each partition.

// A client that reads what it owns: each delivery is claimed, then handled, then acked.
class Reader final : public MemberListener {
 public:
  using Handled = std::vector<std::vector<std::atomic<int>>>;
  explicit Reader(Handled& handled) : handled_(handled) {}

  void OnAssigned(std::vector<AssignedPartition> partitions) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    for (const AssignedPartition& assigned : partitions) {
      next_[assigned.log] = {assigned.partition, assigned.from};
    }
  }
  void OnRevoked(std::vector<LogId> logs, absl::Time, uint64_t) override { Drop(logs); }
  void OnTaken(std::vector<LogId> logs) override { Drop(logs); }
  void OnPaused(bool) override {}
  void OnClosed(absl::Status) override {}

  // Reads a little of one partition; `acked` counts answers.
  void Read(testing::Random& random, Member& member, std::atomic<int>& unanswered) {
    LogId log;
    PartitionIndex partition;
    Offset from;
    Offset end;
    {
      absl::MutexLock lock(&mu_);
      if (next_.empty()) return;
      auto it = next_.begin();
      std::advance(it, random.Below(next_.size()));
      std::tie(log, partition, from) = std::tuple(it->first, it->second.first, it->second.second);
      end = Offset(std::min<uint64_t>(kEvents, from.value() + random.In(1, 20)));
      if (end <= from || !member.Progress(log, end, end, end - from)) return;
      it->second.second = end;
    }
    for (Offset offset = from; offset < end; ++offset) {
      ++handled_[partition.value()][offset.value()];
    }
    if (random.OneIn(3)) return;  // Acked with the next ones.
    ++unanswered;
    member.Ack({{"hr", partition, end}}, [&unanswered](absl::StatusOr<AckResult> result) {
      EXPECT_TRUE(result.ok()) << result.status();
      --unanswered;
    });
  }

 private:
  void Drop(const std::vector<LogId>& logs) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    for (const LogId log : logs) next_.erase(log);
  }

  Handled& handled_;
  absl::Mutex mu_;
  std::map<LogId, std::pair<PartitionIndex, Offset>> next_ ABSL_GUARDED_BY(mu_);
};

class ThreadsTest : public CoordinatorTest {
 protected:
  // One client's lives: joins, reads, leaves, until everything is committed.
  void Live(uint64_t seed) {
    testing::Random random(seed);
    while (!finished_) {
      auto reader = std::make_shared<Reader>(handled_);
      absl::StatusOr<JoinResult> joined = log::Await<JoinResult>(
          [&](auto done) { groups_->Join(Request(), reader, std::move(done)); });
      ASSERT_TRUE(joined.ok()) << joined.status();
      for (uint64_t i = random.In(10, 200); i > 0 && !finished_; --i) {
        reader->Read(random, *joined->member, unanswered_);
        if (random.OneIn(20)) {
          clock().Advance(absl::Seconds(1));
          groups_->Tick(clock().Now());
        }
      }
    }
  }
  bool AllCommitted() {
    const auto group = groups_->GetGroup("payroll");
    return group.ok() && group->lag_offsets == 0;
  }

  Reader::Handled handled_ = [] {
    Reader::Handled handled;
    for (int i = 0; i < 4; ++i) handled.emplace_back(kEvents);
    return handled;
  }();
  std::atomic<bool> finished_ = false;
  std::atomic<int> unanswered_ = 0;
};

TEST_F(ThreadsTest, EveryEventIsHandledWhileMembersComeAndGo) {
  for (uint32_t i = 0; i < 4; ++i) Append("hr", i, kEvents);
  std::vector<std::thread> threads;
  const uint64_t seed = testing::SeedOr(1);
  SCOPED_TRACE(absl::StrCat("TIDEMARK_TEST_SEED=", seed));
  for (uint64_t i = 0; i < 4; ++i) threads.emplace_back([this, seed, i] { Live(seed + i); });
  while (!AllCommitted()) std::this_thread::yield();
  finished_ = true;
  for (std::thread& thread : threads) thread.join();
  for (const auto& partition : handled_) {
    for (const std::atomic<int>& times : partition) EXPECT_GE(times, 1);
  }
  Close();
  EXPECT_EQ(unanswered_, 0);
}

}  // namespace
}  // namespace tidemark::groups
