// Changing and moving a live group.
#include <utility>

#include "server/base/error.h"
#include "server/groups/live_group.h"

namespace tidemark::groups {

absl::StatusOr<storage::GroupRecord> LiveGroup::PlanChange(const GroupChange& change) const {
  absl::MutexLock lock(&mu_);
  if (absl::Status status = group_.CheckLive(); !status.ok()) return status;
  storage::GroupRecord record = group_.record();
  const auto now_us = static_cast<uint64_t>(absl::ToUnixMicros(context_->clock.Now()));
  absl::Status status =
      ApplyChange(change, context_->log.catalog(), group_.members(), now_us, record);
  if (!status.ok()) return status;
  return record;
}

void LiveGroup::SetRecord(storage::GroupRecord record) {
  {
    absl::MutexLock lock(&mu_);
    catalog_version_ = 0;  // It may read other topics now.
    const storage::GroupMode mode = group_.record().mode;
    group_.SetRecord(std::move(record), context_->clock.Now());
    CollectLocked();
    UpdateWorkLocked(mode);
  }
  Drain();
}

void LiveGroup::AnswerInTurn(absl::AnyInvocable<void() &&> answer) {
  {
    absl::MutexLock lock(&mu_);
    AnswerLocked(std::move(answer));
  }
  Drain();
}

LiveGroup::Outcome LiveGroup::Seek(const std::vector<TopicPartitionOffset>& targets, bool dry_run,
                                   SeekCallback& done) {
  Outcome outcome = Outcome::kTaken;
  {
    absl::MutexLock lock(&mu_);
    if (group_.life() == Group::Life::kDeleted) return Outcome::kDeleted;
    DropDeletedTopicsLocked();
    if (NeedsLoadLocked()) {
      outcome = Outcome::kNeedsLoad;
    } else if (dry_run) {
      AnswerLocked([done = std::move(done), moves = group_.PlanSeek(targets)]() mutable {
        std::move(done)(std::move(moves));
      });
    } else if (group_.is_work()) {
      SeekWorkLocked(targets, done);
    } else {
      group_.Seek(targets, std::move(done), context_->clock.Now());
      CollectLocked();
    }
  }
  Drain();
  return outcome;
}

}  // namespace tidemark::groups
