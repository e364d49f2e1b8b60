#include "server/groups/group_coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "server/groups/live_group.h"
#include "server/groups/new_group.h"

namespace tidemark::groups {
namespace {

// Groups that one tick looks at, to read what was not read since the start.
constexpr size_t kGroupsPerTick = 16;
// Groups that are looked at together, and how often: each of 1,000 groups every 4 s, which costs
// nothing to speak of where nothing waits.
constexpr size_t kGroupsPerLook = 256;
constexpr absl::Duration kLookInterval = absl::Seconds(1);
// What counting the events a group is behind may cost for GetGroup: about 20 ms.
constexpr log::CountBudget kLagBudget{.bytes = 16 << 20, .postings = 1 << 20};

}  // namespace

GroupCoordinator::GroupCoordinator(const CoordinatorOptions& options, log::EventLog& log,
                                   base::Executor& disk, const base::Clock& clock,
                                   metrics::Metrics& metrics)
    : context_(new GroupContext{options, log, disk, clock, metrics}) {
  log.SetTrimGuard([this](const log::Partition& partition, Offset start) {
    return KeepDeadLetters(partition, start);
  });
  log.eraser().SetForget([this](LogId erased, const log::OffsetRanges& ranges) {
    return EraseDeadLetters(erased, [&](Offset offset, const storage::DeadLetter&) {
      return log::Overlaps(ranges, offset, offset + 1);
    });
  });
}

GroupCoordinator::~GroupCoordinator() {
  context_->log.SetTrimGuard(nullptr);
  context_->log.eraser().SetForget(nullptr);
}

absl::Status GroupCoordinator::Load() {
  absl::StatusOr<std::vector<storage::GroupRecord>> records = context_->log.store().ReadGroups();
  if (!records.ok()) return records.status();
  for (const storage::GroupRecord& record : *records) Publish(record);
  return absl::OkStatus();
}

GroupCoordinator::GroupPtr GroupCoordinator::Find(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  const auto it = groups_.find(name);
  return it == groups_.end() ? nullptr : it->second;
}

std::vector<GroupCoordinator::GroupPtr> GroupCoordinator::All() const {
  absl::MutexLock lock(&mu_);
  std::vector<GroupPtr> groups;
  groups.reserve(groups_.size());
  for (const auto& [name, group] : groups_) groups.push_back(group);
  return groups;
}

void GroupCoordinator::Publish(const storage::GroupRecord& record) {
  auto group = std::make_shared<LiveGroup>(context_, record);
  absl::MutexLock lock(&mu_);
  groups_[record.name] = std::move(group);
}

void GroupCoordinator::Forget(const std::string& name, const LiveGroup* group) {
  absl::MutexLock lock(&mu_);
  const auto it = groups_.find(name);
  if (it != groups_.end() && it->second.get() == group) groups_.erase(it);
}

void GroupCoordinator::KeepTicking(const GroupPtr& group) {
  absl::MutexLock lock(&mu_);
  active_.insert(group);
}

absl::StatusOr<GroupCoordinator::GroupPtr> GroupCoordinator::FindLoaded(absl::string_view name) {
  GroupPtr group = Find(name);
  if (group == nullptr) return NoSuchGroup(name);
  if (!group->Refresh()) return group;
  if (absl::Status status = group->Load(); !status.ok()) return status;
  return group;
}

absl::StatusOr<storage::GroupRecord> GroupCoordinator::FindRecord(absl::string_view group) const {
  const GroupPtr found = Find(group);
  if (found == nullptr) return NoSuchGroup(group);
  return found->Record();
}

absl::StatusOr<std::vector<TopicPartitionOffset>> GroupCoordinator::GetOffsets(
    absl::string_view group, const std::vector<std::string>& topics) {
  absl::StatusOr<GroupPtr> found = FindLoaded(group);
  if (!found.ok()) return found.status();
  for (const std::string& topic : topics) {
    if (absl::Status status = context_->log.FindTopic(topic).status(); !status.ok()) return status;
  }
  return (*found)->DurableOffsets(topics);
}

absl::StatusOr<GroupPage> GroupCoordinator::ListGroups(absl::string_view after,
                                                       absl::string_view prefix, size_t count) {
  std::vector<std::string> names;
  GroupPage page;
  {
    absl::MutexLock lock(&mu_);
    auto it = after < prefix ? groups_.lower_bound(prefix) : groups_.upper_bound(after);
    for (; it != groups_.end() && absl::StartsWith(it->first, prefix); ++it) {
      if (names.size() == count) {
        page.more = true;
        break;
      }
      names.push_back(it->first);
    }
  }
  for (const std::string& name : names) {
    absl::StatusOr<GroupPtr> group = FindLoaded(name);
    if (absl::IsNotFound(group.status())) continue;  // Deleted meanwhile.
    if (!group.ok()) return group.status();
    page.groups.push_back((*group)->Summary());
  }
  return page;
}

absl::StatusOr<GroupDescription> GroupCoordinator::GetGroup(absl::string_view group) {
  absl::StatusOr<GroupPtr> found = FindLoaded(group);
  if (!found.ok()) return found.status();
  std::vector<log::PartitionPtr> partitions;
  GroupDescription description = (*found)->Describe(partitions);
  log::CountBudget budget = kLagBudget;
  absl::Status status =
      AddLag(context_->log, partitions, context_->clock.Now(), budget, description);
  if (!status.ok()) return status;
  SumLag(description);
  return description;
}

std::vector<GroupLag> GroupCoordinator::Lag() {
  std::vector<GroupLag> lags;
  for (const GroupPtr& group : All()) lags.push_back(group->Lag());
  return lags;
}

void GroupCoordinator::Tick(absl::Time now) {
  // Whoever joins from here on adds its group again, so none is lost.
  absl::flat_hash_set<GroupPtr> active;
  {
    absl::MutexLock lock(&mu_);
    active.swap(active_);
  }
  for (const GroupPtr& group : active) {
    if (group->Tick(now)) KeepTicking(group);
  }
  LoadInBackground(active);
  LookInBackground(now);
}

void GroupCoordinator::LookInBackground(absl::Time now) {
  std::vector<GroupPtr> groups;
  {
    absl::MutexLock lock(&mu_);
    // A clock that stepped back must not hold it up.
    const bool early = now < look_at_ && look_at_ - now <= kLookInterval;
    if (looking_ || early) return;
    look_at_ = now + kLookInterval;
    auto it = groups_.upper_bound(look_after_);
    for (; it != groups_.end() && groups.size() < kGroupsPerLook; ++it) {
      groups.push_back(it->second);
      look_after_ = it->first;
    }
    if (it == groups_.end()) look_after_.clear();
    if (groups.empty()) return;
    looking_ = true;
  }
  context_->disk.Schedule([this, groups = std::move(groups)] {
    for (const GroupPtr& group : groups) group->Look();
    absl::MutexLock lock(&mu_);
    looking_ = false;
  });
}

void GroupCoordinator::LoadInBackground(const absl::flat_hash_set<GroupPtr>& active) {
  std::vector<GroupPtr> candidates(active.begin(), active.end());
  {
    absl::MutexLock lock(&mu_);
    if (loading_) return;
    auto it = groups_.upper_bound(load_after_);
    for (size_t i = 0; it != groups_.end() && i < kGroupsPerTick; ++it, ++i) {
      candidates.push_back(it->second);
      load_after_ = it->first;
    }
    if (it == groups_.end()) load_after_.clear();
  }
  std::erase_if(candidates, [](const GroupPtr& group) { return !group->Refresh(); });
  if (candidates.empty()) return;
  {
    absl::MutexLock lock(&mu_);
    loading_ = true;
  }
  context_->disk.Schedule([this, candidates = std::move(candidates)] {
    // A group that cannot be read has no lag; who asks for it gets the error.
    for (const GroupPtr& group : candidates) group->Load().IgnoreError();
    absl::MutexLock lock(&mu_);
    loading_ = false;
  });
}

}  // namespace tidemark::groups
