// What is changed about a group while it runs: its settings and its place.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/seeded_fault.h"
#include "server/groups/group.h"
#include "server/groups/topic_names.h"

namespace tidemark::groups {
namespace {

absl::Status ModeChanged(const std::string& group) {
  return MakeError(absl::StatusCode::kUnavailable,
                   absl::StrCat("the mode of group \"", group, "\" was changed. Join again"),
                   {.reason = "GROUP_MODE_CHANGED", .metadata = {{"group", group}}});
}

absl::Status SeekUnanswered(const std::string& group, absl::Duration revoke_timeout) {
  return MakeError(
      absl::StatusCode::kUnavailable,
      absl::StrCat("group \"", group,
                   "\" was moved by SeekGroup, and this member neither acked nor "
                   "released what it held within revoke_timeout (",
                   absl::FormatDuration(revoke_timeout), "). Join again"),
      {.reason = "SEEK_UNANSWERED",
       .metadata = {{"group", group}, {"revoke_timeout", absl::FormatDuration(revoke_timeout)}}});
}

}  // namespace

void Group::SetRecord(storage::GroupRecord record, absl::Time now) {
  const storage::GroupRecord before = std::exchange(record_, std::move(record));
  // A member that joined after the change was decided.
  if (record_.mode != before.mode && !members_.empty()) CloseMembers(ModeChanged(record_.name));
  if (record_.filter != before.filter) {
    filter_ = std::make_shared<const log::Filter>(record_.filter);
    rearrange_ = true;
  }
  if (record_.topics != before.topics) {
    for (auto& [log, state] : partitions_) {
      state.retired = !Reads(record_.topics, state.topic->name());
    }
    retarget_ = true;
  }
  if (paused() != before.paused_time_us.has_value()) {
    for (const auto& [member, info] : members_) {
      effects_.push_back(PausedEffect{member, paused()});
    }
  }
  Settle(now);
}

void Group::DropRetired() {
  for (auto it = topics_.begin(); it != topics_.end();) {
    const log::Topic& topic = *it->second;
    bool gone = true;
    for (PartitionIndex i; i.value() < topic.partitions(); ++i) {
      const PartitionState& state = partitions_.at(topic.log(i));
      gone = gone && state.retired && state.owner == nullptr;
    }
    if (!gone) {
      ++it;
      continue;
    }
    for (PartitionIndex i; i.value() < topic.partitions(); ++i) partitions_.erase(topic.log(i));
    it = topics_.erase(it);
  }
}

void Group::Seek(const std::vector<TopicPartitionOffset>& targets, SeekCallback done,
                 absl::Time now) {
  absl::StatusOr<std::vector<SeekMove>> moves = PlanSeek(targets);
  if (!moves.ok()) {
    effects_.push_back(AnswerEffect{[done = std::move(done), moves = std::move(moves)]() mutable {
      std::move(done)(std::move(moves));
    }});
    return;
  }
  for (const SeekMove& move : *moves) {
    PartitionState& state = partitions_.at(move.partition->log());
    // From here on acks of what was delivered before count for nothing.
    if (state.owner != nullptr && !TM_SEEDED_FAULT("acks_outlive_seeks")) {
      state.owner->fenced = true;
    }
    commits_.Set(move.partition->log(), move.to);
  }
  rearrange_ = true;
  last_progress_ = now;
  commits_.WhenDurable(
      [done = std::move(done), moves = *std::move(moves)](absl::Status status) mutable {
        if (!status.ok()) return std::move(done)(std::move(status));
        std::move(done)(std::move(moves));
      });
  Settle(now);
}

absl::StatusOr<std::vector<SeekMove>> Group::PlanSeek(
    const std::vector<TopicPartitionOffset>& targets) const {
  if (absl::Status status = CheckLive(); !status.ok()) return status;
  std::vector<SeekMove> moves;
  for (const TopicPartitionOffset& target : targets) {
    if (absl::Status status = CheckReads(target.topic); !status.ok()) return status;
    const auto topic = topics_.find(target.topic);
    if (topic == topics_.end()) return NoSuch("topic", target.topic, ": it was deleted");
    if (target.partition.value() >= topic->second->partitions()) {
      return NoSuchPartition({.topic = target.topic, .partition = target.partition},
                             topic->second->partitions());
    }
    const PartitionState& state = partitions_.at(topic->second->log(target.partition));
    moves.push_back(
        {.topic = state.topic,
         .index = state.index,
         .partition = state.partition,
         .from = commits_.Newest(state.partition->log()).value_or(state.partition->ends().start),
         .to = target.offset});
  }
  return moves;
}

void Group::CloseUnanswering(absl::Time now) {
  absl::btree_set<MemberNumber> late;
  for (const auto& [log, state] : partitions_) {
    const Ownership* owner = state.owner.get();
    if (owner == nullptr || !owner->revoked || owner->deadline > now) continue;
    if (owner->fenced && !owner->drained()) late.insert(owner->member);
  }
  for (const MemberNumber member : late) {
    effects_.push_back(ClosedEffect{member, SeekUnanswered(record_.name, timing_.revoke_timeout)});
    members_.erase(member);
    for (auto& [log, state] : partitions_) {
      if (state.owner != nullptr && state.owner->member == member) Free(log, state);
    }
    taken_.erase(member);
    retarget_ = true;
  }
}

}  // namespace tidemark::groups
