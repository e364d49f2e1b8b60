// A live group and its work queue.
#include <utility>

#include "server/base/error.h"
#include "server/groups/live_group.h"

namespace tidemark::groups {

std::shared_ptr<LiveWork> LiveGroup::work() const {
  absl::MutexLock lock(&mu_);
  return work_;
}

storage::GroupId LiveGroup::id() const {
  absl::MutexLock lock(&mu_);
  return group_.record().id;
}

std::shared_ptr<LiveWork> LiveGroup::EnsureWork() {
  absl::MutexLock lock(&mu_);
  if (work_ != nullptr) return work_;
  const auto committed = [weak = weak_from_this()](const std::vector<log::OffsetWrite>& offsets) {
    if (const auto self = weak.lock()) self->WorkCommitted(offsets);
  };
  work_ = std::make_shared<LiveWork>(context_, group_.record(), committed);
  return work_;
}

DeadLetters LiveGroup::dead_letters() const {
  absl::MutexLock lock(&mu_);
  return DeadLetters(context_->log, group_.record().id, group_.topics());
}

bool LiveGroup::WorkLacksLocked() const {
  if (work_ == nullptr) return true;
  for (const log::TopicPtr& topic : group_.topics()) {
    if (!work_->HasTopic(*topic)) return true;
  }
  return false;
}

absl::Status LiveGroup::LoadWork() {
  std::vector<log::TopicPtr> topics;
  {
    absl::MutexLock lock(&mu_);
    if (!group_.is_work()) return absl::OkStatus();
    topics = group_.topics();
  }
  const bool first = this->work() == nullptr;
  const std::shared_ptr<LiveWork> work = EnsureWork();
  if (first) {
    // A topic may have been deleted while nobody knew what is stored of it here.
    if (absl::Status status = work->RemoveStrayRows(); !status.ok()) return status;
  }
  for (const log::TopicPtr& topic : topics) {
    if (work->HasTopic(*topic)) continue;
    LoadedTopic loaded{.topic = topic};
    std::vector<std::pair<LogId, Offset>> committed;
    for (uint32_t i = 0; i < topic->partitions(); ++i) {
      absl::StatusOr<log::PartitionPtr> partition =
          context_->log.OpenPartition(*topic, PartitionIndex(i));
      if (absl::IsNotFound(partition.status())) break;  // Deleted meanwhile.
      if (!partition.ok()) return partition.status();
      loaded.partitions.push_back(*std::move(partition));
      absl::MutexLock lock(&mu_);
      const std::optional<Offset> durable = group_.Durable(topic->log(PartitionIndex(i)));
      if (durable.has_value()) committed.emplace_back(topic->log(PartitionIndex(i)), *durable);
    }
    if (loaded.partitions.size() < topic->partitions()) continue;
    if (absl::Status status = work->AddTopic(loaded, committed); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void LiveGroup::UpdateWorkLocked(storage::GroupMode mode) {
  if (work_ == nullptr) return;
  if (group_.record().mode != mode) {  // So it has no members; the next Load makes another queue.
    work_->SetClosed(true);
    AnswerLocked([work = std::exchange(work_, nullptr)] {});
    return;
  }
  AnswerLocked([work = work_, record = group_.record()] { work->Update(record); });
}

void LiveGroup::SeekWorkLocked(const std::vector<TopicPartitionOffset>& targets,
                               SeekCallback& done) {
  absl::StatusOr<std::vector<SeekMove>> moves = group_.PlanSeek(targets);
  if (!moves.ok()) {
    return AnswerLocked([done = std::move(done), status = moves.status()]() mutable {
      std::move(done)(std::move(status));
    });
  }
  std::vector<std::pair<LogId, Offset>> offsets;
  for (const SeekMove& move : *moves) offsets.emplace_back(move.partition->log(), move.to);
  AnswerLocked([work = work_, offsets = std::move(offsets), moves = *std::move(moves),
                done = std::move(done)]() mutable {
    work->Rewind(std::move(offsets),
                 [moves = std::move(moves), done = std::move(done)](absl::Status status) mutable {
                   if (!status.ok()) return std::move(done)(std::move(status));
                   std::move(done)(std::move(moves));
                 });
  });
}

void LiveGroup::CommitWorkLocked(const std::vector<OffsetEntry>& entries, bool allow_rewind,
                                 log::DoneCallback& done) {
  absl::StatusOr<std::vector<std::pair<LogId, Offset>>> offsets =
      group_.CheckWorkCommit(entries, allow_rewind);
  if (offsets.ok() && rewinding_) {
    offsets =
        MakeError(absl::StatusCode::kUnavailable,
                  "another CommitOffsets of this group is being written; nothing was written. "
                  "Repeat after a pause",
                  {.reason = "GROUP_BUSY", .retry_delay = absl::Milliseconds(10)});
  }
  if (!offsets.ok()) {
    return AnswerLocked([done = std::move(done), status = offsets.status()]() mutable {
      std::move(done)(std::move(status));
    });
  }
  rewinding_ = true;
  AnswerLocked([self = shared_from_this(), work = work_, offsets = *std::move(offsets),
                done = std::move(done)]() mutable {
    work->Rewind(std::move(offsets), [self, done = std::move(done)](absl::Status status) mutable {
      {
        absl::MutexLock lock(&self->mu_);
        self->rewinding_ = false;
      }
      std::move(done)(std::move(status));
    });
  });
}

void LiveGroup::WorkCommitted(const std::vector<log::OffsetWrite>& offsets) {
  absl::MutexLock lock(&mu_);
  for (const log::OffsetWrite& write : offsets) {
    if (group_.HasLog(write.log)) group_.WorkCommitted(write.log, write.committed);
  }
}

}  // namespace tidemark::groups
