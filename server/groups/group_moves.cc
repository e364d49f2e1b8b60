// How partitions move between members, and what is committed on the way.
#include <algorithm>

#include "server/base/check.h"
#include "server/base/seeded_fault.h"
#include "server/groups/group.h"

namespace tidemark::groups {

Offset Group::StartFor(const PartitionState& state) const {
  // Not at what is the oldest event now: what went meanwhile has to be told.
  return commits_.Newest(state.partition->log()).value_or(Offset());
}

void Group::CommitDone(const PartitionState& state) {
  const Offset done = state.owner->done_to();
  if (done > StartFor(state)) commits_.Set(state.partition->log(), done);
}

void Group::Free(LogId log, PartitionState& state) {
  if (!state.owner->fenced) CommitDone(state);
  taken_[state.owner->member].push_back(log);
  state.last_owner = state.owner->member;
  state.last_scanned_to = state.owner->scanned_to;
  state.owner.reset();
  rearrange_ = true;
}

void Group::CommitPassed(absl::Time now) {
  if (!passed_) return;
  passed_ = false;
  for (auto& [log, state] : partitions_) {
    if (state.owner == nullptr || state.owner->fenced) continue;
    Ownership& owner = *state.owner;
    if (!owner.drained() || owner.scanned_to <= StartFor(state)) continue;
    const absl::Duration since = now - owner.passed_commit_time;
    // A clock that stepped back must not hold it up.
    if (since >= absl::ZeroDuration() && since < timing_.scan_commit_interval) {
      passed_ = true;
      continue;
    }
    owner.passed_commit_time = now;
    CommitDone(state);
  }
}

void Group::Tick(absl::Time now) {
  CloseUnanswering(now);
  for (auto& [log, state] : partitions_) {
    if (state.owner != nullptr && state.owner->revoked && state.owner->deadline <= now) {
      Free(log, state);
    }
  }
  CommitPassed(now);
  commits_.Retry();
  Settle(now);
}

void Group::Settle(absl::Time now) {
  if (retarget_) {
    retarget_ = false;
    rearrange_ = true;
    Retarget();
  }
  if (rearrange_) {
    RevokeMisplaced(now);
    FreeDrained();
    for (auto& [member, logs] : taken_) {
      if (members_.contains(member)) effects_.push_back(TakenEffect{member, std::move(logs)});
    }
    taken_.clear();
    DropRetired();
    AssignFree(now);
    rearrange_ = false;
  }
  WriteAndAnswer();
}

void Group::Retarget() {
  if (is_work()) return;  // Nobody owns a partition.
  std::vector<LogId> logs;
  absl::btree_map<MemberNumber, MemberShare> shares;
  for (const auto& [member, info] : members_) shares[member].member = member;
  for (const auto& [log, state] : partitions_) {
    if (state.retired) continue;
    logs.push_back(log);
    // What is revoked already is on its way: it may go to whom it suits best.
    if (state.owner != nullptr && !state.owner->revoked) {
      shares.at(state.owner->member).owned.push_back(log);
    }
  }
  std::vector<MemberShare> members;
  for (auto& [member, share] : shares) members.push_back(std::move(share));
  const Assignment assignment = Assign(logs, members);
  for (auto& [log, state] : partitions_) {
    const auto it = assignment.find(log);
    state.target = it == assignment.end() ? std::nullopt : std::make_optional(it->second);
  }
}

void Group::RevokeMisplaced(absl::Time now) {
  const absl::Time deadline = now + timing_.revoke_timeout;
  absl::btree_map<MemberNumber, std::vector<LogId>> revoked;
  for (auto& [log, state] : partitions_) {
    Ownership* owner = state.owner.get();
    if (owner == nullptr || owner->revoked) continue;
    if (state.target == owner->member && !MustComeBack(*owner)) continue;
    owner->revoked = true;
    owner->revocation = revocations_ + 1;
    owner->deadline = deadline;
    revoked[owner->member].push_back(log);
  }
  if (revoked.empty()) return;
  ++revocations_;
  for (auto& [member, logs] : revoked) {
    effects_.push_back(RevokedEffect{member, std::move(logs), deadline, revocations_});
  }
}

void Group::FreeDrained() {
  for (auto& [log, state] : partitions_) {
    if (state.owner == nullptr || !state.owner->revoked) continue;
    if (state.owner->drained() || TM_SEEDED_FAULT("two_owners")) Free(log, state);
  }
}

void Group::AssignFree(absl::Time now) {
  // By the clock, so that no number of an earlier run of the server comes again.
  const uint64_t number = std::max(
      assignments_ + 1, static_cast<uint64_t>(std::max<int64_t>(absl::ToUnixMicros(now), 0)));
  absl::btree_map<MemberNumber, std::vector<AssignedPartition>> assigned;
  for (auto& [log, state] : partitions_) {
    if (state.owner != nullptr || !state.target.has_value()) continue;
    const Offset from =
        TM_SEEDED_FAULT("begins_at_end") ? state.partition->ends().end : StartFor(state);
    state.owner = std::make_unique<Ownership>();
    state.owner->member = *state.target;
    state.owner->filter = filter_;
    state.owner->assignment = number;
    state.owner->acked = from;
    state.owner->delivered_end = from;
    state.owner->scanned_to = from;
    assigned[*state.target].push_back({state.topic, state.index, log, from, filter_, number});
  }
  if (!assigned.empty()) assignments_ = number;
  for (auto& [member, partitions] : assigned) {
    effects_.push_back(AssignedEffect{member, std::move(partitions)});
  }
}

void Group::WriteAndAnswer() {
  if (life_ == Life::kLive) {
    std::vector<log::OffsetWrite> writes = commits_.BeginWrite(record_.id);
    if (!writes.empty()) effects_.push_back(WriteEffect{std::move(writes), commits_.haste()});
  } else if (life_ == Life::kDeleting && !delete_issued_ && !commits_.writing()) {
    delete_issued_ = true;
    effects_.push_back(DeleteEffect{});
  }
  for (OffsetCommits::Ready& ready : commits_.TakeReady()) Answer(std::move(ready));
}

void Group::Answer(OffsetCommits::Ready ready) {
  if (auto* done = std::get_if<log::DoneCallback>(&ready.waiting)) {
    effects_.push_back(
        AnswerEffect{[done = std::move(*done), status = std::move(ready.status)]() mutable {
          std::move(done)(std::move(status));
        }});
    return;
  }
  auto& pending = std::get<PendingAck>(ready.waiting);
  absl::StatusOr<AckResult> result = AckResult{.rejected = std::move(pending.rejected)};
  if (!ready.status.ok()) result = std::move(ready.status);
  for (PendingAck::Part& part : pending.accepted) {
    const std::optional<Offset> offset = commits_.Durable(part.log);
    if (!result.ok() || !offset.has_value()) continue;  // Failed, or its topic was deleted.
    result->committed.push_back(
        {std::move(part.partition.topic), part.partition.partition, *offset});
  }
  effects_.push_back(
      AnswerEffect{[done = std::move(pending.done), result = std::move(result)]() mutable {
        std::move(done)(std::move(result));
      }});
}

}  // namespace tidemark::groups
