#include "server/log/reclaimer.h"

#include <memory>
#include <utility>

#include "absl/synchronization/notification.h"
#include "server/base/executor.h"
#include "spdlog/spdlog.h"

namespace tidemark::log {

Reclaimer::Reclaimer(storage::Store& store, CommitPipeline& pipeline)
    : store_(store), pipeline_(pipeline) {
  thread_ = std::thread([this] {
    base::NameThisThread("reclaim");
    Run();
  });
}

Reclaimer::~Reclaimer() { Stop(); }

void Reclaimer::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Reclaimer::Reclaim(storage::TopicRecord topic) {
  absl::MutexLock lock(&mu_);
  queue_.push_back(std::move(topic));
}

void Reclaimer::WaitUntilIdle() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &Reclaimer::IdleLocked));
}

void Reclaimer::Run() {
  while (true) {
    storage::TopicRecord topic;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &Reclaimer::HasWorkLocked));
      if (stopping_) return;  // What is queued is in the store, and goes on after the next start.
      topic = std::move(queue_.front());
      queue_.pop_front();
      busy_ = true;
    }
    if (absl::Status status = ReclaimOne(topic); !status.ok()) {
      spdlog::warn("reclaiming the bytes of deleted topic {}: {}; retried at the next start",
                   topic.name, status.ToString());
    }
    absl::MutexLock lock(&mu_);
    busy_ = false;
  }
}

absl::Status Reclaimer::ReclaimOne(const storage::TopicRecord& topic) {
  const uint32_t count = topic.config.partitions;
  absl::StatusOr<std::vector<storage::Epoch>> epochs = store_.EpochsOf(topic.first_log, count);
  if (!epochs.ok()) return epochs.status();
  if (!epochs->empty()) {
    absl::Status status = Commit([&](storage::WriteSet& set) {
      set.DeleteLogData(topic.first_log, count, *epochs);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    if (status = store_.FreeSpace(topic.first_log, count, *epochs); !status.ok()) return status;
  }
  return Commit([&](storage::WriteSet& set) {
    set.DeleteLogIndex(topic.first_log, count);
    set.ForgetDeletedTopic(topic.id);
    return ForgetOffsets(topic, set);
  });
}

absl::Status Reclaimer::ForgetOffsets(const storage::TopicRecord& topic, storage::WriteSet& set) {
  absl::StatusOr<std::vector<storage::GroupRecord>> groups = store_.ReadGroups();
  if (!groups.ok()) return groups.status();
  const LogId end = topic.first_log + topic.config.partitions;
  for (const storage::GroupRecord& group : *groups) {
    absl::StatusOr<std::vector<std::pair<LogId, Offset>>> offsets = store_.ReadOffsets(group.id);
    if (!offsets.ok()) return offsets.status();
    for (const auto& [log, offset] : *offsets) {
      if (log >= topic.first_log && log < end) set.DeleteOffset(group.id, log);
    }
  }
  return absl::OkStatus();
}

absl::Status Reclaimer::Commit(absl::AnyInvocable<absl::Status(storage::WriteSet&)> prepare) {
  absl::Notification committed;
  absl::Status result;
  pipeline_.Mutate({.prepare = std::move(prepare),
                    .publish = [] {},
                    .done =
                        [&](absl::Status status) {
                          result = std::move(status);
                          committed.Notify();
                        }});
  committed.WaitForNotification();
  return result;
}

}  // namespace tidemark::log
