// Requests that change something, on their way through creating, loading and deleting groups.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/groups/group_coordinator.h"
#include "server/groups/live_group.h"
#include "server/groups/new_group.h"
#include "server/groups/transaction_offsets.h"

namespace tidemark::groups {
namespace {

absl::Status TooManyGroups(size_t limit) {
  return MakeError(absl::StatusCode::kResourceExhausted,
                   absl::StrCat("the store has ", limit, " groups, and groups_max is ", limit,
                                "; nothing was written. Delete groups, or raise the limit"),
                   {.reason = "GROUPS_EXHAUSTED",
                    .metadata = {{"limit_name", "groups_max"},
                                 {"limit", absl::StrCat(limit)},
                                 {"value", absl::StrCat(limit + 1)}}});
}

}  // namespace

struct GroupCoordinator::JoinAttempt {
  JoinRequest request;
  std::shared_ptr<MemberListener> listener;
  JoinCallback done;
  bool created = false;
  std::optional<MemberNumber> number;  // The same in each try, so that names of members are dense.
};

struct GroupCoordinator::CommitAttempt {
  std::string group;
  std::vector<OffsetEntry> entries;
  bool allow_rewind = false;
  log::DoneCallback done;
};

void GroupCoordinator::AfterLoad(GroupPtr group, absl::AnyInvocable<void(absl::Status) &&> next) {
  context_->disk.Schedule([group = std::move(group), next = std::move(next)]() mutable {
    std::move(next)(group->Load());
  });
}

absl::Status GroupCoordinator::PrepareCreate(storage::GroupRecord& record, const NewOffsets& first,
                                             storage::WriteSet& set) {
  {
    absl::MutexLock lock(&mu_);
    if (groups_.contains(record.name)) return absl::AlreadyExistsError(record.name);
    if (groups_.size() >= context_->options.groups_max) {
      return TooManyGroups(context_->options.groups_max);
    }
  }
  absl::Status there = CheckTopicsAreThere(context_->log.catalog(), first);
  if (!there.ok()) return there;
  record.id = context_->log.AllocateGroupId(set);
  set.PutGroup(record);
  for (const auto& [log, offset] : first.offsets) set.PutOffset(record.id, log, offset);
  return absl::OkStatus();
}

void GroupCoordinator::Create(storage::GroupRecord record, NewOffsets first,
                              log::DoneCallback done) {
  auto shared = std::make_shared<storage::GroupRecord>(std::move(record));
  context_->log.Mutate(
      {.prepare = [this, shared, first = std::move(first)](
                      storage::WriteSet& set) { return PrepareCreate(*shared, first, set); },
       .publish = [this, shared] { Publish(*shared); },
       .done = std::move(done)});
}

void GroupCoordinator::Join(JoinRequest request, std::shared_ptr<MemberListener> listener,
                            JoinCallback done) {
  Normalize(request);
  auto attempt = std::make_shared<JoinAttempt>();
  attempt->request = std::move(request);
  attempt->listener = std::move(listener);
  attempt->done = std::move(done);
  TryJoin(std::move(attempt));
}

void GroupCoordinator::TryJoin(std::shared_ptr<JoinAttempt> attempt) {
  const GroupPtr group = Find(attempt->request.group);
  if (group == nullptr) return CreateForJoin(std::move(attempt));
  if (!attempt->number.has_value()) {
    absl::MutexLock lock(&mu_);
    attempt->number = MemberNumber(++members_joined_);
  }
  // Before, so that the next tick is felt; and after it, in case one came too early.
  KeepTicking(group);
  switch (group->Join(attempt->request, attempt->created, *attempt->number, attempt->listener,
                      attempt->done)) {
    case LiveGroup::Outcome::kTaken:
      return KeepTicking(group);
    case LiveGroup::Outcome::kNeedsLoad:
      return AfterLoad(group, [this, attempt](absl::Status loaded) mutable {
        if (!loaded.ok()) return std::move(attempt->done)(loaded);
        TryJoin(std::move(attempt));
      });
    case LiveGroup::Outcome::kDeleted:
      attempt->created = false;
      return TryJoin(std::move(attempt));
  }
}

void GroupCoordinator::CreateForJoin(std::shared_ptr<JoinAttempt> attempt) {
  const auto now_us = static_cast<uint64_t>(absl::ToUnixMicros(context_->clock.Now()));
  absl::StatusOr<storage::GroupRecord> record = NewGroup(attempt->request, now_us);
  if (!record.ok()) return std::move(attempt->done)(record.status());
  context_->disk.Schedule([this, attempt, record = *std::move(record)]() mutable {
    // Before the commit: retention may have to make another one first.
    absl::StatusOr<NewOffsets> offsets = OffsetsAtStart(context_->log, record);
    if (!offsets.ok()) return std::move(attempt->done)(offsets.status());
    Create(std::move(record), *std::move(offsets), [this, attempt](absl::Status created) mutable {
      if (!created.ok() && !absl::IsAlreadyExists(created)) {
        return std::move(attempt->done)(created);
      }
      attempt->created = created.ok();
      TryJoin(std::move(attempt));
    });
  });
}

void GroupCoordinator::CommitOffsets(std::string group, std::vector<OffsetEntry> entries,
                                     bool allow_rewind, log::DoneCallback done) {
  auto attempt = std::make_shared<CommitAttempt>();
  attempt->group = std::move(group);
  attempt->entries = std::move(entries);
  attempt->allow_rewind = allow_rewind;
  attempt->done = std::move(done);
  TryCommit(std::move(attempt));
}

void GroupCoordinator::TryCommit(std::shared_ptr<CommitAttempt> attempt) {
  if (absl::Status status = CheckPlaces(context_->log.catalog(), attempt->entries); !status.ok()) {
    return std::move(attempt->done)(status);
  }
  const GroupPtr group = Find(attempt->group);
  if (group == nullptr) return CreateForCommit(std::move(attempt));
  switch (group->CommitOffsets(attempt->entries, attempt->allow_rewind, attempt->done)) {
    case LiveGroup::Outcome::kTaken:
      return KeepTicking(group);
    case LiveGroup::Outcome::kNeedsLoad:
      return AfterLoad(group, [this, attempt](absl::Status loaded) mutable {
        if (!loaded.ok()) return std::move(attempt->done)(loaded);
        TryCommit(std::move(attempt));
      });
    case LiveGroup::Outcome::kDeleted:
      return TryCommit(std::move(attempt));
  }
}

void GroupCoordinator::CreateForCommit(std::shared_ptr<CommitAttempt> attempt) {
  JoinRequest settings{.group = attempt->group};
  for (const OffsetEntry& entry : attempt->entries) settings.topics.push_back(entry.topic);
  Normalize(settings);
  const auto now_us = static_cast<uint64_t>(absl::ToUnixMicros(context_->clock.Now()));
  absl::StatusOr<storage::GroupRecord> record = NewGroup(settings, now_us);
  if (!record.ok()) return std::move(attempt->done)(record.status());
  context_->disk.Schedule([this, attempt, record = *std::move(record)]() mutable {
    absl::StatusOr<NewOffsets> offsets = OffsetsOfEntries(context_->log, attempt->entries);
    if (!offsets.ok()) return std::move(attempt->done)(offsets.status());
    Create(std::move(record), *std::move(offsets), [this, attempt](absl::Status created) mutable {
      if (absl::IsAlreadyExists(created)) return TryCommit(std::move(attempt));
      std::move(attempt->done)(created);
    });
  });
}

absl::StatusOr<std::shared_ptr<log::CommitParticipant>> GroupCoordinator::CommitWithAppend(
    std::vector<GroupOffsets> groups) {
  std::vector<LiveGroup::Transaction> parts;
  for (GroupOffsets& offsets : groups) {
    absl::Status status = CheckPlaces(context_->log.catalog(), offsets.entries);
    if (!status.ok()) return status;
    GroupPtr group = Find(offsets.group);
    if (group == nullptr) return NoSuchGroup(offsets.group);
    parts.push_back({.group = std::move(group), .entries = std::move(offsets.entries)});
  }
  return std::make_shared<TransactionOffsets>(*this, std::move(parts));
}

void GroupCoordinator::DeleteGroup(std::string name, bool force, log::DoneCallback done) {
  while (true) {
    const GroupPtr group = Find(name);
    if (group == nullptr) return std::move(done)(NoSuchGroup(name));
    // By address: the group may be gone when this is called.
    auto forget = [this, name, address = group.get()] { Forget(name, address); };
    if (group->Delete(force, std::move(forget), done) == LiveGroup::Outcome::kTaken) return;
  }
}

}  // namespace tidemark::groups
