#include "tests/model/groups/group_world.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"

namespace tidemark::groups {
namespace {

constexpr char kTopic[] = "hr";

}  // namespace

uint64_t GroupWorld::Truth::first_undone() const {
  for (uint64_t offset = 0; offset < wanted.size(); ++offset) {
    if (wanted[offset] && !done.contains(offset)) return offset;
  }
  return wanted.size();
}

GroupWorld::GroupWorld(uint64_t seed) : random_(seed) {
  auto topic = std::make_shared<log::Topic>();
  topic->record.id = TopicId(1);
  topic->record.name = kTopic;
  topic->record.first_log = LogId(10);
  topic->record.config.partitions = static_cast<uint32_t>(random_.In(1, 9));
  topic_ = topic;
  for (uint32_t i = 0; i < topic_->partitions(); ++i) truths_[topic_->log(PartitionIndex(i))];
  StartGroup();
}

void GroupWorld::Fail(const std::string& what) {
  if (problem_.empty()) problem_ = what;
}

// The real class, so that the group sees ends as it does in the server.
log::PartitionPtr GroupWorld::MakePartition(uint32_t index, Offset end) const {
  return std::make_shared<log::Partition>(topic_->log(PartitionIndex(index)),
                                          log::Partition::Ends{.start = Offset(0), .end = end});
}

void GroupWorld::StartGroup() {
  storage::GroupRecord record{.id = storage::GroupId(1), .name = "payroll", .topics = {kTopic}};
  record.filter.types = {"employee.created"};
  group_ = std::make_unique<Group>(record, GroupTiming{.revoke_timeout = kRevokeTimeout,
                                                       .scan_commit_interval = absl::Seconds(1)});
  std::vector<std::pair<LogId, Offset>> offsets;
  LoadedTopic loaded{.topic = topic_};
  for (auto& [log, truth] : truths_) {
    if (truth.on_disk.has_value()) offsets.emplace_back(log, *truth.on_disk);
    truth.owner.reset();
    truth.partition =
        MakePartition(static_cast<uint32_t>(loaded.partitions.size()), Offset(truth.wanted.size()));
    loaded.partitions.push_back(truth.partition);
  }
  group_->LoadOffsets(offsets);
  group_->AddTopic(loaded, now_);
  CarryOut();
}

void GroupWorld::DoneIsBelow(Truth& truth, uint64_t offset) {
  truth.done.erase(truth.done.lower_bound(offset), truth.done.end());
  for (uint64_t i = 0; i < offset; ++i) {
    if (truth.wanted[i]) truth.done.insert(i);
  }
}

TopicPartition GroupWorld::PlaceOf(LogId log) const {
  return {kTopic, PartitionIndex(log - topic_->record.first_log)};
}

// --- What the group wants done.

void GroupWorld::CarryOut() {
  std::vector<Effect> effects = group_->TakeEffects();
  while (!effects.empty()) {
    for (Effect& effect : effects) {
      if (auto* assigned = std::get_if<AssignedEffect>(&effect)) Assigned(*assigned);
      if (auto* revoked = std::get_if<RevokedEffect>(&effect)) Revoked(*revoked);
      if (auto* taken = std::get_if<TakenEffect>(&effect)) Taken(*taken);
      if (auto* closed = std::get_if<ClosedEffect>(&effect)) Closed(*closed);
      if (auto* answer = std::get_if<AnswerEffect>(&effect)) std::move(answer->answer)();
      if (auto* write = std::get_if<WriteEffect>(&effect)) {
        if (!disk_queue_.empty()) Fail("two writes at a time");
        disk_queue_.push_back(std::move(write->writes));
      }
    }
    effects = group_->TakeEffects();
  }
  CheckBalance();
}

void GroupWorld::Assigned(const AssignedEffect& effect) {
  for (const AssignedPartition& assigned : effect.partitions) {
    Truth& truth = truths_.at(assigned.log);
    if (truth.owner.has_value()) {
      Fail(absl::StrCat("log ", assigned.log, " is assigned to ", effect.member, " and owned by ",
                        *truth.owner));
    }
    if (assigned.from.value() > truth.first_undone()) {
      Fail(absl::StrCat("log ", assigned.log, " begins at ", assigned.from, " and ",
                        truth.first_undone(), " is not acked"));
    }
    truth.owner = effect.member;
    const uint64_t from = assigned.from.value();
    clients_.at(effect.member).readings[assigned.log] = {
        .next = from, .delivered = from, .acked = from};
  }
}

void GroupWorld::Revoked(const RevokedEffect& effect) {
  if (effect.deadline != now_ + kRevokeTimeout) Fail("a deadline is wrong");
  for (const LogId log : effect.logs) {
    if (truths_.at(log).owner != effect.member) Fail("revoked from somebody else");
    Reading& reading = clients_.at(effect.member).readings.at(log);
    reading.revoked = true;
    reading.deadline = effect.deadline;
    reading.revocation = effect.number;
  }
}

void GroupWorld::Taken(const TakenEffect& effect) {
  for (const LogId log : effect.logs) {
    if (truths_.at(log).owner != effect.member) Fail("taken from somebody else");
    truths_.at(log).owner.reset();
    Client& client = clients_.at(effect.member);
    const Reading& reading = client.readings.at(log);
    const bool drained = reading.acked >= reading.delivered;
    if (!reading.revoked || !(drained || releasing_ == log || reading.deadline <= now_)) {
      Fail(absl::StrCat("log ", log, " is taken from an owner at work"));
    }
    client.lost[log] = reading.delivered;
    // It sends a Release in answer to Revoked, also if its acks came first.
    if (reading.fenced && drained && releasing_ != log)
      client.release_sent.emplace(log, reading.revocation);
    client.readings.erase(log);
  }
}

void GroupWorld::Closed(const ClosedEffect& effect) {
  const auto client = clients_.find(effect.member);
  if (client == clients_.end()) return Fail("somebody is closed who is not there");
  const auto& readings = client->second.readings;
  const bool late = std::any_of(readings.begin(), readings.end(), [this](const auto& entry) {
    return entry.second.fenced && entry.second.deadline <= now_;
  });
  if (!late) Fail("a member is closed that owes no answer");
  clients_.erase(client);
  for (auto& [log, truth] : truths_) {
    if (truth.owner == effect.member) truth.owner.reset();
  }
}

void GroupWorld::CheckBalance() {
  std::map<MemberNumber, size_t> counts;
  for (const auto& [number, client] : clients_) {
    counts[number] = client.readings.size();
    for (const auto& [log, reading] : client.readings) {
      if (reading.revoked) return;  // Something still moves.
    }
  }
  size_t total = 0;
  size_t fewest = truths_.size();
  size_t most = 0;
  for (const auto& [number, count] : counts) {
    total += count;
    fewest = std::min(fewest, count);
    most = std::max(most, count);
  }
  if (counts.empty()) return;
  if (total != truths_.size()) Fail("nothing moves and a partition has no owner");
  if (most - fewest > 1) Fail(absl::StrCat("not balanced: ", fewest, " and ", most));
}

// --- The disk.

void GroupWorld::WriteOne() {
  if (disk_queue_.empty()) return;
  const std::vector<log::OffsetWrite> writes = std::move(disk_queue_.front());
  disk_queue_.pop_front();
  if (random_.OneIn(8)) {
    group_->WriteEnded(absl::ResourceExhaustedError("the queue is full"), now_);
    return CarryOut();
  }
  for (const log::OffsetWrite& write : writes) {
    Truth& truth = truths_.at(write.log);
    const std::optional<Offset> before = std::exchange(truth.on_disk, write.committed);
    CheckDisk(write.log, before);
  }
  group_->WriteEnded(absl::OkStatus(), now_);
  CarryOut();
}

void GroupWorld::CheckDisk(LogId log, std::optional<Offset> before) {
  const Truth& truth = truths_.at(log);
  if (truth.seeks_on_their_way > 0) return;
  if (!rewinding_ && before.has_value() && *truth.on_disk < *before) {
    Fail(absl::StrCat("log ", log, " fell from ", *before, " to ", *truth.on_disk));
  }
  if (truth.on_disk->value() > truth.first_undone()) {
    Fail(absl::StrCat("log ", log, " is committed to ", *truth.on_disk, " and ",
                      truth.first_undone(), " is not acked"));
  }
}

void GroupWorld::CrashAndRestart() {
  // A write under way may have reached the disk; all of it or nothing.
  if (!disk_queue_.empty() && random_.OneIn(2)) {
    for (const log::OffsetWrite& write : disk_queue_.front()) {
      const std::optional<Offset> before =
          std::exchange(truths_.at(write.log).on_disk, write.committed);
      CheckDisk(write.log, before);
    }
  }
  disk_queue_.clear();
  clients_.clear();
  ++life_;
  for (auto& [log, truth] : truths_) {
    const uint64_t kept = truth.on_disk.value_or(Offset(0)).value();
    if (truth.seeks_on_their_way > 0) {
      truth.seeks_on_their_way = 0;
      truth.confirmed = truth.on_disk;
      DoneIsBelow(truth, kept);
    }
    if (truth.confirmed.has_value() && truth.on_disk < truth.confirmed) {
      Fail(absl::StrCat("log ", log, ": a confirmed offset is not on disk"));
    }
    // What no disk remembers was never acked.
    truth.done.erase(truth.done.lower_bound(kept), truth.done.end());
  }
  StartGroup();
}

}  // namespace tidemark::groups
