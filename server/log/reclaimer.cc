#include "server/log/reclaimer.h"

#include <memory>
#include <utility>

#include "absl/synchronization/notification.h"
#include "server/base/executor.h"
#include "spdlog/spdlog.h"

namespace tidemark::log {
namespace {

// RocksDB has a file in hand; it takes that long at least.
constexpr absl::Duration kRetryPause = absl::Milliseconds(10);

}  // namespace

Reclaimer::Reclaimer(storage::Store& store, CommitPipeline& pipeline, IndexSealer& sealer,
                     metrics::Metrics& metrics)
    : store_(store), pipeline_(pipeline), sealer_(sealer), metrics_(metrics) {
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

void Reclaimer::Reclaim(storage::TopicRecord topic, storage::Store::Deleted deleted) {
  absl::MutexLock lock(&mu_);
  queue_.push_back({std::move(topic), deleted});
}

void Reclaimer::Wake() {
  absl::MutexLock lock(&mu_);
  woken_ = true;
}

void Reclaimer::WaitUntilIdle() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &Reclaimer::IdleLocked));
}

void Reclaimer::Run() {
  while (true) {
    std::deque<Deletion> deletions;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &Reclaimer::HasWorkLocked));
      if (stopping_) return;  // What is queued is in the store, and goes on after the next start.
      deletions.swap(queue_);
      woken_ = false;
      busy_ = true;
    }
    for (const Deletion& deletion : deletions) {
      if (absl::Status status = Begin(deletion); !status.ok()) {
        spdlog::warn("reclaiming the bytes of deleted topic {}: {}; retried at the next start",
                     deletion.topic.name, status.ToString());
      }
    }
    more_ = false;
    if (absl::Status status = ReclaimFiles(); !status.ok()) {
      spdlog::warn("giving disk space back: {}; retried later", status.ToString());
    }
    absl::MutexLock lock(&mu_);
    if (more_) mu_.AwaitWithTimeout(absl::Condition(&stopping_), kRetryPause);
    woken_ = woken_ || more_;
    busy_ = false;
  }
}

absl::Status Reclaimer::Begin(const Deletion& deletion) {
  const storage::TopicRecord& topic = deletion.topic;
  const uint32_t count = topic.config.partitions;
  absl::Status status = store_.MarkDeleted(topic.first_log, count, deletion.deleted);
  if (!status.ok()) return status;
  sealer_.WaitForPass();  // It may be writing terms of the topic, which was alive when it began.
  status = Commit([&](storage::WriteSet& set) {
    set.DeleteLogIndex(topic.first_log, count);
    return ForgetOffsets(topic, set);
  });
  if (status.ok()) leaving_[topic.first_log] = topic;
  return status;
}

absl::Status Reclaimer::ReclaimFiles() {
  absl::StatusOr<storage::ReclaimReport> report = store_.Reclaim([this] {
    absl::MutexLock lock(&mu_);
    return stopping_;
  });
  if (!report.ok()) return report.status();
  more_ = report->more;
  metrics_.files_dropped_total.Increment(static_cast<double>(report->files_dropped));
  metrics_.files_rewritten_total.Increment(static_cast<double>(report->files_rewritten));
  metrics_.rewritten_bytes_total.Increment(static_cast<double>(report->bytes_rewritten));
  metrics_.reclaimed_bytes_total.Increment(static_cast<double>(report->bytes_freed));
  metrics_.garbage_bytes.Set(static_cast<double>(report->left_bytes));
  if (!report->superseded.empty()) {
    absl::Status status = Commit([&](storage::WriteSet& set) {
      set.DeleteSuperseded(report->superseded);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    store_.ForgetSuperseded(report->superseded);
  }
  for (const LogId first : report->gone) {
    const auto topic = leaving_.find(first);
    if (topic == leaving_.end()) continue;  // Its first step failed: again after the next start.
    absl::Status status = Commit([&](storage::WriteSet& set) {
      set.ForgetDeletedTopic(topic->second);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    store_.ForgetDeleted(first, topic->second.config.partitions);
    leaving_.erase(topic);
  }
  return absl::OkStatus();
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
