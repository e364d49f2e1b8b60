#include "server/groups/group.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/groups/topic_names.h"

namespace tidemark::groups {
namespace {

absl::Status Deleting(const std::string& group) {
  return MakeError(absl::StatusCode::kUnavailable,
                   absl::StrCat("group \"", group, "\" is being deleted. Repeat after a pause"),
                   {.reason = "GROUP_DELETING",
                    .metadata = {{"group", group}},
                    .retry_delay = absl::Milliseconds(100)});
}

absl::Status DoesNotRead(const storage::GroupRecord& group, const std::string& topic) {
  const std::string topics = absl::StrJoin(group.topics, ",");
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("group \"", group.name, "\" reads ", topics, " and not ", topic,
                   "; nothing was written. Commit to another group, or name these topics"),
      {.reason = "GROUP_SETTINGS_DIFFER",
       .metadata = {{"group", group.name},
                    {"differs", "topics"},
                    {"group_topics", topics},
                    {"asked_topics", topic}}});
}

}  // namespace

Group::Group(storage::GroupRecord record, const GroupTiming& timing)
    : record_(std::move(record)),
      filter_(std::make_shared<const log::Filter>(record_.filter)),
      timing_(timing) {}

void Group::LoadOffsets(const std::vector<std::pair<LogId, Offset>>& offsets) {
  TM_CHECK(!offsets_loaded_);
  for (const auto& [log, offset] : offsets) commits_.Load(log, offset);
  offsets_loaded_ = true;
}

bool Group::HasTopic(TopicId id) const {
  return std::any_of(topics_.begin(), topics_.end(),
                     [id](const auto& topic) { return topic.second->id() == id; });
}

std::vector<log::TopicPtr> Group::topics() const {
  std::vector<log::TopicPtr> topics;
  for (const auto& [name, topic] : topics_) topics.push_back(topic);
  return topics;
}

void Group::AddTopic(const LoadedTopic& topic, absl::Time now) {
  TM_CHECK(offsets_loaded_);
  TM_CHECK_EQ(topic.partitions.size(), topic.topic->partitions());
  const bool added = topics_.emplace(topic.topic->name(), topic.topic).second;
  TM_CHECK(added);
  for (uint32_t i = 0; i < topic.partitions.size(); ++i) {
    PartitionState& state = partitions_[topic.topic->log(PartitionIndex(i))];
    state.topic = topic.topic;
    state.index = PartitionIndex(i);
    state.partition = topic.partitions[i];
    state.retired = !Reads(record_.topics, topic.topic->name());
  }
  retarget_ = true;
  Settle(now);
}

void Group::RemoveTopic(TopicId id, const absl::Status& why, absl::Time now) {
  const auto it = std::find_if(topics_.begin(), topics_.end(),
                               [id](const auto& topic) { return topic.second->id() == id; });
  if (it == topics_.end()) return;
  const bool named = std::binary_search(record_.topics.begin(), record_.topics.end(), it->first);
  absl::btree_map<MemberNumber, std::vector<LogId>> lost;
  for (uint32_t i = 0; i < it->second->partitions(); ++i) {
    const LogId log = it->second->log(PartitionIndex(i));
    const auto state = partitions_.find(log);
    if (const Ownership* owner = state->second.owner.get(); owner != nullptr) {
      lost[owner->member].push_back(log);
    }
    partitions_.erase(state);
    commits_.Forget(log);
  }
  topics_.erase(it);
  if (named) {
    CloseMembers(why);
  } else {
    ++revocations_;
    for (auto& [member, logs] : lost) {
      effects_.push_back(RevokedEffect{member, logs, now, revocations_});
      effects_.push_back(TakenEffect{member, std::move(logs)});
    }
    retarget_ = true;
  }
  Settle(now);
}

void Group::Join(MemberNumber member, MemberInfo info, absl::Time now) {
  TM_CHECK(offsets_loaded_);
  TM_CHECK(life_ == Life::kLive);
  const bool added = members_.emplace(member, std::move(info)).second;
  TM_CHECK(added);
  if (paused()) effects_.push_back(PausedEffect{member, true});
  retarget_ = true;
  Settle(now);
}

void Group::Leave(MemberNumber member, absl::Time now) {
  if (members_.erase(member) == 0) return;
  for (auto& [log, state] : partitions_) {
    if (state.owner != nullptr && state.owner->member == member) Free(log, state);
  }
  taken_.erase(member);
  retarget_ = true;
  Settle(now);
}

void Group::CloseMembers(const absl::Status& why) {
  for (auto& [log, state] : partitions_) {
    if (state.owner != nullptr) Free(log, state);
  }
  for (const auto& [member, info] : members_) effects_.push_back(ClosedEffect{member, why});
  members_.clear();
  taken_.clear();
  retarget_ = true;
}

bool Group::Progress(MemberNumber member, LogId log, Offset delivered_end, Offset scanned_to,
                     uint64_t delivered_events, absl::Time now) {
  const auto it = partitions_.find(log);
  if (it == partitions_.end()) return false;
  Ownership* owner = it->second.owner.get();
  if (owner == nullptr || owner->member != member || owner->revoked) return false;
  // Below: a feed that has not heard yet that the partition went away and came back delivers what
  // the new one delivers again.
  if (delivered_events > 0 && delivered_end > owner->scanned_to) {
    TM_CHECK_LE(delivered_end.value(), scanned_to.value());
    const uint64_t fresh = std::min(delivered_events, delivered_end - owner->scanned_to);
    owner->in_flight.Add(owner->scanned_to, delivered_end, fresh, now);
    CountRedelivered(it->second, owner->scanned_to, delivered_end, fresh);
    owner->delivered_end = delivered_end;
    owner->last_delivery = now;
    members_.at(member).last_delivery = now;
    last_progress_ = now;
  }
  owner->scanned_to = std::max(owner->scanned_to, scanned_to);
  passed_ = passed_ || owner->scanned_to > owner->delivered_end;
  return true;
}

bool Group::PassGap(MemberNumber member, LogId log, Offset from, Offset until, absl::Time now) {
  if (!Progress(member, log, until, until, 0, now)) return false;
  Ownership& owner = *partitions_.at(log).owner;
  if (!owner.gap.has_value()) owner.gap = std::max(from, owner.acked);
  return true;
}

void Group::CountRedelivered(PartitionState& state, Offset from, Offset end, uint64_t events) {
  if (from < state.delivered_high) {
    const Offset until = std::min(end, state.delivered_high);
    const uint64_t again = std::min<uint64_t>(events, until - from);
    state.redelivered_events += again;
    redelivered_events_ += again;
  }
  state.delivered_high = std::max(state.delivered_high, end);
}

void Group::Ack(MemberNumber member, std::vector<TopicPartitionOffset> offsets, AckCallback done,
                absl::Time now) {
  PendingAck pending{.done = std::move(done)};
  for (TopicPartitionOffset& ack : offsets) {
    const std::optional<AckRejection> rejection = AckOne(member, ack, pending.accepted, now);
    if (rejection.has_value()) pending.rejected.push_back({std::move(ack), *rejection});
  }
  commits_.WhenDurable(std::move(pending));
  Settle(now);
}

std::optional<AckRejection> Group::AckOne(MemberNumber member, const TopicPartitionOffset& ack,
                                          std::vector<PendingAck::Part>& accepted, absl::Time now) {
  PartitionState* state = FindOwned(member, ack.topic, ack.partition);
  if (state == nullptr) return AckRejection::kFenced;
  Ownership& owner = *state->owner;
  if (ack.offset > owner.scanned_to) {
    // A late ack of what it got before the partition went away and came back is no mistake.
    const bool late = state->last_owner == member && ack.offset <= state->last_scanned_to;
    return late ? AckRejection::kFenced : AckRejection::kOutOfRange;
  }
  const LogId log = state->partition->log();
  if (owner.fenced) {
    owner.acked = std::max(owner.acked, ack.offset);
    rearrange_ = rearrange_ || owner.drained();
    return AckRejection::kFenced;
  }
  if (ack.offset > owner.acked) last_progress_ = now;
  owner.acked = std::max(owner.acked, ack.offset);
  if (owner.gap.has_value() && owner.acked > *owner.gap) owner.gap.reset();
  owner.in_flight.Ack(owner.acked);
  const std::optional<Offset> newest = commits_.Newest(log);
  if (!newest.has_value() || owner.done_to() > *newest) commits_.Set(log, owner.done_to());
  rearrange_ = rearrange_ || (owner.revoked && owner.drained());
  accepted.push_back({{ack.topic, ack.partition}, log});
  return std::nullopt;
}

void Group::Release(MemberNumber member, const std::vector<TopicPartition>& partitions,
                    std::optional<uint64_t> revocation, absl::Time now) {
  for (const TopicPartition& released : partitions) {
    PartitionState* state = FindOwned(member, released.topic, released.partition);
    if (state == nullptr) continue;
    const Ownership& owner = *state->owner;
    // The answer to an earlier revocation, which was over before it came, is not one to this.
    if (!owner.revoked || revocation.value_or(owner.revocation) != owner.revocation) continue;
    Free(state->partition->log(), *state);
  }
  Settle(now);
}

void Group::CommitOffsets(const std::vector<OffsetEntry>& entries, bool allow_rewind,
                          log::DoneCallback done, absl::Time now) {
  if (absl::Status status = TryCommitOffsets(entries, allow_rewind); !status.ok()) {
    effects_.push_back(AnswerEffect{
        [done = std::move(done), status]() mutable { std::move(done)(std::move(status)); }});
    return;
  }
  last_progress_ = now;
  commits_.WhenDurable(std::move(done));
  Settle(now);
}

absl::Status Group::CheckCommit(const std::vector<OffsetEntry>& entries, bool allow_rewind,
                                std::vector<EntryState>& states, std::vector<LogId>& logs) {
  if (life_ != Life::kLive) return Deleting(record_.name);
  for (const OffsetEntry& entry : entries) {
    if (absl::Status status = CheckReads(entry.topic); !status.ok()) return status;
    const auto topic = topics_.find(entry.topic);
    if (topic == topics_.end()) return NoSuch("topic", entry.topic, ": it was deleted");
    const PartitionState* state = Find(entry.topic, entry.partition);
    if (state == nullptr) return NoSuchPartition(entry, topic->second->partitions());
    states.push_back(StateOf(entry, *state));
    logs.push_back(state->partition->log());
  }
  return CheckEntries(states, allow_rewind);
}

absl::StatusOr<std::vector<std::pair<LogId, Offset>>> Group::CheckWorkCommit(
    const std::vector<OffsetEntry>& entries, bool allow_rewind) {
  std::vector<EntryState> states;
  std::vector<LogId> logs;
  absl::Status status = CheckCommit(entries, allow_rewind, states, logs);
  if (!status.ok()) return status;
  if (!members_.empty()) return HasMembers("Ack through Consume, or stop them");
  std::vector<std::pair<LogId, Offset>> offsets;
  for (size_t i = 0; i < entries.size(); ++i) offsets.emplace_back(logs[i], entries[i].offset);
  return offsets;
}

absl::Status Group::HasMembers(absl::string_view next_step) const {
  const auto& [member, info] = *members_.begin();
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("group \"", record_.name, "\" has ", members_.size(), " live members, as ",
                   MemberId(member), " (", info.client_name, "). ", next_step),
      {.reason = "GROUP_HAS_MEMBERS",
       .metadata = {{"group", record_.name},
                    {"members", absl::StrCat(members_.size())},
                    {"member_id", MemberId(member)},
                    {"client_name", info.client_name}}});
}

absl::Status Group::TryCommitOffsets(const std::vector<OffsetEntry>& entries, bool allow_rewind) {
  std::vector<EntryState> states;
  std::vector<LogId> logs;
  absl::Status status = CheckCommit(entries, allow_rewind, states, logs);
  if (!status.ok()) return status;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (states[i].committed != entries[i].offset) commits_.Set(logs[i], entries[i].offset);
  }
  return absl::OkStatus();
}

absl::Status Group::CheckReads(const std::string& topic) const {
  return Reads(record_.topics, topic) ? absl::OkStatus() : DoesNotRead(record_, topic);
}

EntryState Group::StateOf(const OffsetEntry& entry, const PartitionState& state) const {
  EntryState seen{.entry = &entry,
                  .committed = commits_.Newest(state.partition->log()),
                  .end = state.partition->ends().end};
  if (state.owner != nullptr) {
    seen.owner = MemberId(state.owner->member);
    seen.client_name = members_.at(state.owner->member).client_name;
    seen.assignment = state.owner->assignment;
    seen.fenced = state.owner->fenced;
    seen.delivered = state.owner->scanned_to;
  }
  return seen;
}

void Group::WriteEnded(const absl::Status& status, absl::Time now) {
  commits_.EndWrite(status);
  Settle(now);
}

absl::Status Group::StartDelete(bool force, absl::Time now) {
  if (life_ != Life::kLive) return Deleting(record_.name);
  if (!force && !members_.empty()) return HasMembers("Stop them, or set force");
  life_ = Life::kDeleting;
  Settle(now);
  return absl::OkStatus();
}

absl::Status Group::CheckLive() const {
  return life_ == Life::kLive ? absl::OkStatus() : Deleting(record_.name);
}

void Group::DeleteEnded(const absl::Status& status, absl::Time now) {
  TM_CHECK(life_ == Life::kDeleting);
  life_ = status.ok() ? Life::kDeleted : Life::kLive;
  delete_issued_ = false;
  if (status.ok()) {
    const absl::Status gone = NoSuch("group", record_.name, ": it was deleted");
    CloseMembers(gone);
    commits_.Abandon(gone);
  }
  Settle(now);
}

Group::PartitionState* Group::Find(absl::string_view topic, PartitionIndex partition) {
  const auto it = topics_.find(topic);
  if (it == topics_.end() || partition.value() >= it->second->partitions()) return nullptr;
  return &partitions_.at(it->second->log(partition));
}

Group::PartitionState* Group::FindOwned(MemberNumber member, absl::string_view topic,
                                        PartitionIndex partition) {
  PartitionState* state = Find(topic, partition);
  const bool owned = state != nullptr && state->owner != nullptr && state->owner->member == member;
  return owned ? state : nullptr;
}

}  // namespace tidemark::groups
