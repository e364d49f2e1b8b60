// UpdateGroup and SeekGroup on their way through loading and storing.
#include <utility>

#include "server/groups/group_coordinator.h"
#include "server/groups/live_group.h"
#include "server/groups/new_group.h"
#include "server/storage/key_schema.h"

namespace tidemark::groups {

struct GroupCoordinator::ChangeAttempt {
  std::string group;
  GroupChange change;
  ChangeCallback done;
  GroupPtr changed;
  storage::GroupRecord record;
};

struct GroupCoordinator::SeekAttempt {
  std::string group;
  std::vector<TopicPartitionOffset> targets;
  bool dry_run = false;
  SeekCallback done;
};

void GroupCoordinator::UpdateGroup(std::string group, GroupChange change, ChangeCallback done) {
  auto attempt = std::make_shared<ChangeAttempt>();
  attempt->group = std::move(group);
  attempt->change = std::move(change);
  attempt->done = std::move(done);
  // Within the mutation, so that of two changes the later one sees the earlier one, and none comes
  // after the deletion.
  const auto prepare = [this, attempt](storage::WriteSet& set) -> absl::Status {
    attempt->changed = Find(attempt->group);
    if (attempt->changed == nullptr) return NoSuchGroup(attempt->group);
    absl::StatusOr<storage::GroupRecord> record = attempt->changed->PlanChange(attempt->change);
    if (!record.ok()) return record.status();
    const storage::GroupMode mode = attempt->changed->Record().mode;
    attempt->record = *std::move(record);
    set.PutGroup(attempt->record);
    // What single events became of is of a time before offsets alone counted.
    if (mode == storage::GroupMode::kPartitionOrdered && attempt->record.mode != mode) {
      const std::string rows = storage::WorkBlocksPrefix(attempt->record.id);
      set.Change({.key = rows, .value = {}, .until = storage::PrefixEnd(rows)});
    }
    return absl::OkStatus();
  };
  context_->log.Mutate(
      {.prepare = prepare,
       .publish = [attempt] { attempt->changed->SetRecord(attempt->record); },
       .done = [this, attempt](absl::Status status) { FinishChange(attempt, status); }});
}

void GroupCoordinator::FinishChange(const std::shared_ptr<ChangeAttempt>& attempt,
                                    const absl::Status& status) {
  if (!status.ok()) return std::move(attempt->done)(status);
  KeepTicking(attempt->changed);
  const auto answer = [attempt] {
    attempt->changed->AnswerInTurn(
        [attempt] { std::move(attempt->done)(std::move(attempt->record)); });
  };
  if (!attempt->changed->Refresh()) return answer();
  // Topics that it did not read before. If they cannot be opened now, the next ticks try again.
  AfterLoad(attempt->changed, [answer](absl::Status) { answer(); });
}

void GroupCoordinator::SeekGroup(std::string group, std::vector<TopicPartitionOffset> targets,
                                 bool dry_run, SeekCallback done) {
  auto attempt = std::make_shared<SeekAttempt>();
  attempt->group = std::move(group);
  attempt->targets = std::move(targets);
  attempt->dry_run = dry_run;
  attempt->done = std::move(done);
  TrySeek(std::move(attempt));
}

void GroupCoordinator::TrySeek(std::shared_ptr<SeekAttempt> attempt) {
  const GroupPtr group = Find(attempt->group);
  if (group == nullptr) return std::move(attempt->done)(NoSuchGroup(attempt->group));
  switch (group->Seek(attempt->targets, attempt->dry_run, attempt->done)) {
    case LiveGroup::Outcome::kTaken:
      return KeepTicking(group);
    case LiveGroup::Outcome::kNeedsLoad:
      return AfterLoad(group, [this, attempt](absl::Status loaded) mutable {
        if (!loaded.ok()) return std::move(attempt->done)(loaded);
        TrySeek(std::move(attempt));
      });
    case LiveGroup::Outcome::kDeleted:
      return TrySeek(std::move(attempt));
  }
}

}  // namespace tidemark::groups
