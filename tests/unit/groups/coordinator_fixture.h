// CoordinatorTest: a GroupCoordinator over a real store, with blocking calls on plain values, that
// can be closed and opened again; and Consumer, a member that hears and acks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/barrier.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/executor.h"
#include "server/groups/group_coordinator.h"
#include "tests/support/log_harness.h"
#include "tests/support/temp_dir.h"

namespace tidemark::groups {

inline std::string ReasonOf(const absl::Status& status) {
  const std::optional<ErrorDetail> detail = DetailOf(status);
  return detail.has_value() ? detail->reason : "";
}
inline std::string MetadataOf(const absl::Status& status, const std::string& name) {
  const std::optional<ErrorDetail> detail = DetailOf(status);
  if (!detail.has_value()) return "";
  for (const auto& [key, value] : detail->metadata) {
    if (key == name) return value;
  }
  return "";
}

// A member's listener and its handle.
class Consumer final : public MemberListener {
 public:
  void OnAssigned(std::vector<AssignedPartition> partitions) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    for (const AssignedPartition& assigned : partitions) {
      owned_[{assigned.topic->name(), assigned.partition.value()}] = assigned;
    }
  }
  void OnRevoked(std::vector<LogId> logs, absl::Time deadline, uint64_t number) override
      ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    revocation_ = number;
    for (const LogId log : logs) revoked_[log] = deadline;
  }
  void OnTaken(std::vector<LogId> logs) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    for (const LogId log : logs) {
      std::erase_if(owned_, [log](const auto& entry) { return entry.second.log == log; });
      revoked_.erase(log);
    }
  }
  void OnPaused(bool paused) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    paused_ = paused;
  }
  void OnClosed(absl::Status status) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    closed_ = std::move(status);
  }

  // The partitions it owns, with the offsets they were assigned at: "hr/0@5 hr/1@0".
  std::string Owned() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return OwnedLocked();
  }
  // The same, once they are `count`.
  std::string OwnedOnce(size_t count) const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    const auto enough = [this, count]()
                            ABSL_NO_THREAD_SAFETY_ANALYSIS { return owned_.size() == count; };
    mu_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20));
    return OwnedLocked();
  }
  std::optional<AssignedPartition> Find(uint32_t partition, const std::string& topic = "hr") const
      ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    const auto it = owned_.find({topic, partition});
    if (it == owned_.end()) return std::nullopt;
    return it->second;
  }
  size_t owned() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return owned_.size();
  }
  std::vector<absl::Time> RevokedUntil() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    std::vector<absl::Time> deadlines;
    for (const auto& [log, deadline] : revoked_) deadlines.push_back(deadline);
    return deadlines;
  }
  // The newest one's number.
  uint64_t revocation() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return revocation_;
  }
  bool paused() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return paused_;
  }
  std::optional<absl::Status> closed() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return closed_;
  }

  // Takes events [from, end) of a partition, as if the server had sent them.
  bool Take(uint32_t partition, uint64_t end, uint64_t events) {
    const std::optional<AssignedPartition> assigned = Find(partition);
    return assigned.has_value() &&
           member->Progress(assigned->log, Offset(end), Offset(end), events);
  }
  absl::StatusOr<AckResult> Ack(uint32_t partition, uint64_t up_to,
                                const std::string& topic = "hr") {
    return log::Await<AckResult>([&](auto done) {
      member->Ack({{topic, PartitionIndex(partition), Offset(up_to)}}, std::move(done));
    });
  }

  std::shared_ptr<Member> member;
  JoinResult joined;

 private:
  std::string OwnedLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::vector<std::string> words;
    for (const auto& [place, assigned] : owned_) {
      words.push_back(absl::StrCat(place.first, "/", place.second, "@", assigned.from));
    }
    return absl::StrJoin(words, " ");
  }

  mutable absl::Mutex mu_;
  std::map<std::pair<std::string, uint32_t>, AssignedPartition> owned_ ABSL_GUARDED_BY(mu_);
  std::map<LogId, absl::Time> revoked_ ABSL_GUARDED_BY(mu_);
  uint64_t revocation_ ABSL_GUARDED_BY(mu_) = 0;
  bool paused_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::Status> closed_ ABSL_GUARDED_BY(mu_);
};
using ConsumerPtr = std::shared_ptr<Consumer>;

class CoordinatorTest : public ::testing::Test {
 protected:
  CoordinatorTest() : harness_({.store = {.path = dir_.Sub("store")}, .log = {}}) {}
  void SetUp() override {
    Open();
    CreateTopic("hr", 4);
  }
  void TearDown() override { Close(); }

  void Open() {
    ASSERT_TRUE(harness_.Open().ok());
    disk_ = std::make_unique<base::ThreadPool>("disk", kDiskThreads);
    groups_ = std::make_unique<GroupCoordinator>(options_, harness_.log(), *disk_, clock(),
                                                 harness_.metrics());
    ASSERT_TRUE(groups_->Load().ok());
  }
  void Close() {
    if (groups_ == nullptr) return;
    disk_->Shutdown();
    harness_.log().Stop();
    for (const std::function<void()>& let_go : members_) let_go();
    members_.clear();
    groups_.reset();
    harness_.Close();
  }
  void Restart() {
    Close();
    Open();
  }

  // Returns once what was scheduled on the disk's threads before is done: a task on each of them
  // has to meet the others.
  void WaitForDisk() {
    absl::Barrier* met = new absl::Barrier(kDiskThreads + 1);
    for (int i = 0; i < kDiskThreads; ++i) {
      disk_->Schedule([met] {
        if (met->Block()) delete met;
      });
    }
    if (met->Block()) delete met;
  }

  testing::ManualClock& clock() { return harness_.clock(); }
  void CreateTopic(const std::string& name, uint32_t partitions) {
    ASSERT_TRUE(harness_.CreateTopic(name, {.partitions = partitions}).ok());
  }
  void Append(const std::string& topic, uint32_t partition, size_t events) {
    const auto found = harness_.log().FindTopic(topic);
    ASSERT_TRUE(found.ok());
    ASSERT_TRUE(harness_.Append(*found, partition, std::vector<testing::TestEvent>(events)).ok());
  }

  static JoinRequest Request(std::vector<std::string> topics = {"hr"}) {
    return {.group = "payroll",
            .topics = std::move(topics),
            .client_name = "payroll-1",
            .address = "ipv4:127.0.0.1:40000"};
  }
  absl::StatusOr<JoinResult> TryJoin(JoinRequest request, ConsumerPtr consumer) {
    return log::Await<JoinResult>([&](auto done) {
      groups_->Join(std::move(request), std::move(consumer), std::move(done));
    });
  }
  // A consumer that has joined, and heard what there was to hear. Null: refused.
  ConsumerPtr Join(JoinRequest request = Request()) {
    auto consumer = std::make_shared<Consumer>();
    absl::StatusOr<JoinResult> joined = TryJoin(std::move(request), consumer);
    EXPECT_TRUE(joined.ok()) << joined.status();
    if (!joined.ok()) return nullptr;
    consumer->member = joined->member;
    consumer->joined = *std::move(joined);
    consumer->joined.member.reset();
    LetGoInTheEnd(consumer, [](Consumer& member) { member.member.reset(); });
    // An ack of nothing is answered after everything before it.
    EXPECT_TRUE(Settle(*consumer));
    return consumer;
  }
  // A member and its group hold each other, until Close().
  template <typename Listener>
  void LetGoInTheEnd(const std::shared_ptr<Listener>& listener,
                     void (*let_go)(std::type_identity_t<Listener>&)) {
    members_.push_back([held = std::weak_ptr<Listener>(listener), let_go] {
      if (const std::shared_ptr<Listener> there = held.lock()) let_go(*there);
    });
  }
  // True once everything that was on its way to listeners of the group has arrived.
  static bool Settle(Consumer& consumer) {
    return log::Await<AckResult>([&](auto done) { consumer.member->Ack({}, std::move(done)); })
        .ok();
  }
  absl::Status JoinError(JoinRequest request) {
    return TryJoin(std::move(request), std::make_shared<Consumer>()).status();
  }

  static OffsetEntry Entry(uint32_t partition, uint64_t offset, const std::string& topic = "hr") {
    return {.topic = topic, .partition = PartitionIndex(partition), .offset = Offset(offset)};
  }
  absl::Status Commit(std::vector<OffsetEntry> entries, bool allow_rewind = false,
                      const std::string& group = "payroll") {
    return log::AwaitDone([&](auto done) {
      groups_->CommitOffsets(group, std::move(entries), allow_rewind, std::move(done));
    });
  }
  absl::Status Delete(const std::string& group, bool force) {
    return log::AwaitDone([&](auto done) { groups_->DeleteGroup(group, force, std::move(done)); });
  }
  // "hr/0@5 hr/1@0", or the error.
  std::string Offsets(const std::vector<std::string>& topics = {}) {
    const auto offsets = groups_->GetOffsets("payroll", topics);
    if (!offsets.ok()) return offsets.status().ToString();
    std::vector<std::string> words;
    for (const TopicPartitionOffset& offset : *offsets) {
      words.push_back(absl::StrCat(offset.topic, "/", offset.partition, "@", offset.offset));
    }
    return absl::StrJoin(words, " ");
  }

  static constexpr int kDiskThreads = 2;

  testing::TempDir dir_;
  testing::LogHarness harness_;
  CoordinatorOptions options_;
  std::unique_ptr<base::ThreadPool> disk_;
  std::unique_ptr<GroupCoordinator> groups_;
  std::vector<std::function<void()>> members_;  // What lets go of each.
};

}  // namespace tidemark::groups
