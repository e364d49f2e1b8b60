// Looking at a live group: how far it is behind, and whether it goes on.
#include "server/groups/live_group.h"
#include "spdlog/spdlog.h"

namespace tidemark::groups {
namespace {

// What one look may cost: a group that is far behind with a filter of keys is not counted.
constexpr log::CountBudget kLookBudget{.bytes = 1 << 20, .postings = 64 << 10};

std::string EventsText(const std::optional<uint64_t>& events) {
  return events.has_value() ? std::to_string(*events) : "many";
}

}  // namespace

void LiveGroup::Look() {
  const absl::Time now = context_->clock.Now();
  std::vector<log::PartitionPtr> partitions;
  GroupDescription group;
  {
    absl::MutexLock lock(&mu_);
    if (!group_.offsets_loaded()) return;
    if (group_.LagOffsets() == 0) return NoteLocked(watch_.SawNothing(now), now);
    group = group_.Describe(partitions);
    if (work_ != nullptr) work_->Describe(group, partitions, group_.MemberNumbers());
  }
  log::CountBudget budget = kLookBudget;
  // What cannot be read has no figures; who reads it gets the error.
  AddLag(context_->log, partitions, now, budget, group).IgnoreError();
  SumLag(group);
  absl::MutexLock lock(&mu_);
  NoteLocked(watch_.Saw(group, now), now);
}

void LiveGroup::NoteLocked(GroupWatch::Change change, absl::Time now) {
  const std::string& name = group_.record().name;
  switch (change) {
    case GroupWatch::Change::kNone:
      return;
    case GroupWatch::Change::kStalled:
      spdlog::warn(
          "group \"{}\" is stalled: {} events wait for it, it has {} members with {} events in "
          "hand, "
          "and for {} nothing was delivered, acked or committed",
          name, EventsText(watch_.lag_events()), group_.members(), group_.InFlightEvents(),
          absl::FormatDuration(absl::Trunc(now - watch_.quiet_since(), absl::Seconds(1))));
      return;
    case GroupWatch::Change::kGoesOn:
      spdlog::info("group \"{}\" goes on", name);
      return;
  }
}

GroupDescription LiveGroup::Describe(std::vector<log::PartitionPtr>& partitions) const {
  absl::MutexLock lock(&mu_);
  GroupDescription group = group_.Describe(partitions);
  if (work_ != nullptr) work_->Describe(group, partitions, group_.MemberNumbers());
  group.stalled = watch_.stalled();
  return group;
}

GroupLag LiveGroup::Lag() const {
  absl::MutexLock lock(&mu_);
  GroupLag lag{.group = group_.record().name,
               .members = static_cast<uint32_t>(group_.members()),
               .lag_events = watch_.lag_events(),
               .lag_time = watch_.lag_time(),
               .stalled = watch_.stalled(),
               .paused = group_.paused(),
               .in_flight_events = group_.InFlightEvents(),
               .redelivered_events = group_.redelivered_events()};
  if (group_.offsets_loaded()) lag.lag_offsets = group_.LagOffsets();
  if (work_ == nullptr) return lag;
  lag.work = work_->Figures();
  lag.in_flight_events = lag.work->in_flight_events;
  return lag;
}

}  // namespace tidemark::groups
