// Members of a work queue: what they get, and what they say became of it.
#include <algorithm>
#include <cmath>

#include "server/base/check.h"
#include "server/groups/work_queue.h"

namespace tidemark::groups {
namespace {

// Beyond it a backoff no longer grows; the policy's maximum is below.
constexpr double kBackoffUsMax = 1e18;

}  // namespace

WorkQueue::Member* WorkQueue::FindMember(uint64_t number) {
  const auto it = members_.find(number);
  return it == members_.end() ? nullptr : it->second.get();
}

void WorkQueue::Join(MemberNumber member, std::string client_name) {
  const auto [it, added] = members_.emplace(member.value(), std::make_unique<Member>());
  TM_CHECK(added);
  it->second->client_name = std::move(client_name);
}

void WorkQueue::Leave(MemberNumber number, bool failed, uint64_t now_us) {
  const auto it = members_.find(number.value());
  if (it == members_.end()) return;
  Member& member = *it->second;
  std::vector<EntryIndex> held;
  held.reserve(member.leases);
  for (EntryIndex i = member.leased.front; i != kNoEntry; i = entries_[i].next) held.push_back(i);
  if (held.size() < member.leases) {  // Extended leases are in no list.
    for (const auto& [due, i] : timers_) {
      const WorkEntry& entry = entries_[i];
      if (entry.state == WorkEntryState::kLeased && entry.member == number.value())
        held.push_back(i);
    }
  }
  // The first of each lane first: failing takes back the others.
  std::sort(held.begin(), held.end(),
            [this](EntryIndex a, EntryIndex b) { return entries_[a].offset < entries_[b].offset; });
  const NackOptions at_once{.delay_us = 0, .reason = "the member's stream broke"};
  for (const EntryIndex i : held) {
    if (entries_[i].state != WorkEntryState::kLeased) continue;  // Taken back.
    if (failed) {
      Fail(i, at_once, now_us);
      continue;
    }
    TakeBackAfter(i);
    EndLease(i);
    --entries_[i].attempts;
    if (!entries_[i].redriven) slot_of_[entries_[i].partition]->partition.Touch(entries_[i].offset);
    if (entries_[i].lane != kNoEntry) lanes_[entries_[i].lane].next = i;
    Place(i, now_us);
  }
  TM_CHECK_EQ(member.leases, 0u);
  // What was ready for it alone was released with its lanes.
  TM_CHECK_EQ(member.ready.size(), 0u);
  members_.erase(it);
  std::erase(hungry_, number.value());
}

void WorkQueue::Lease(EntryIndex i, uint64_t number, uint64_t now_us) {
  WorkEntry& entry = entries_[i];
  Member& member = *FindMember(number);
  Unplace(i);
  SetState(i, WorkEntryState::kLeased);
  entry.member = number;
  entry.due_us = now_us + options_.retry.lease_us;
  if (entry.first_us == 0) entry.first_us = now_us;
  ++counts_.deliveries;
  if (++entry.attempts > 1) {
    ++counts_.redeliveries;
    ++slot_of_[entry.partition]->redeliveries;
  }
  entries_.PushBack(member.leased, i);
  ++member.leases;
  if (!entry.redriven) slot_of_[entry.partition]->partition.Touch(entry.offset);
  if (entry.lane == kNoEntry) return;
  Lane& lane = lanes_[entry.lane];
  ++lane.leased;
  lane.holder = number;
  lane.next = entry.lane_next;
  if (lane.next != kNoEntry) Place(lane.next, now_us);
}

EntryIndex WorkQueue::NextReady(const Member& member, uint32_t chunk) const {
  ReadyKey next(UINT64_MAX, UINT64_MAX, kNoEntry);
  for (const ReadySet* set : {&member.ready, &ready_}) {
    const auto it =
        chunk == kNoEntry ? set->begin() : set->lower_bound({entries_.chunk(chunk).number, 0, 0});
    if (it != set->end()) next = std::min(next, *it);
  }
  const EntryIndex i = std::get<2>(next);
  if (i == kNoEntry || chunk == kNoEntry) return i;
  return entries_[i].chunk == chunk ? i : kNoEntry;
}

std::optional<WorkDelivery> WorkQueue::Take(MemberNumber number, const TakeLimits& limits,
                                            uint64_t now_us) {
  Member* member = FindMember(number.value());
  if (member == nullptr) return std::nullopt;
  while (!gaps_.empty()) {
    const auto [place, gap] = gaps_.front();
    gaps_.pop_front();
    const Slot* slot = slot_of_[place].get();
    if (slot == nullptr) continue;
    return WorkDelivery{
        .log = slot->partition.log(), .topic = slot->topic, .partition = slot->index, .gap = gap};
  }
  std::vector<EntryIndex> taken;
  uint64_t bytes = 0;
  uint32_t chunk = kNoEntry;
  while (taken.size() < limits.events_max) {
    const EntryIndex next = NextReady(*member, chunk);
    if (next == kNoEntry) break;
    if (!taken.empty() && bytes + entries_[next].size > limits.bytes_max) break;
    chunk = entries_[next].chunk;
    bytes += entries_[next].size;
    taken.push_back(next);
    Lease(next, number.value(), now_us);
  }
  if (taken.empty()) {
    if (!member->hungry) hungry_.push_back(number.value());
    member->hungry = true;
    return std::nullopt;
  }
  return MakeDelivery(taken);
}

WorkDelivery WorkQueue::MakeDelivery(std::vector<EntryIndex>& taken) {
  // Each lane's are in order already, so this keeps them so.
  std::sort(taken.begin(), taken.end(),
            [this](EntryIndex a, EntryIndex b) { return entries_[a].offset < entries_[b].offset; });
  const WorkEntry& first = entries_[taken.front()];
  const Slot& slot = *slot_of_[first.partition];
  const WorkEntries::Chunk& chunk = entries_.chunk(first.chunk);
  WorkDelivery delivery{.log = slot.partition.log(), .topic = slot.topic, .partition = slot.index};
  log::EventSlice& slice = delivery.slice;
  slice.header = chunk.header;
  slice.base_offset = first.offset;
  slice.count = static_cast<uint32_t>(taken.size());
  slice.owners = chunk.owners;
  slice.next = entries_[taken.back()].offset + 1;
  const bool dense = slice.next - slice.base_offset == taken.size();
  bool retried = false;
  for (const EntryIndex i : taken) {
    const WorkEntry& entry = entries_[i];
    if (!dense) slice.offset_deltas.push_back(entry.offset - slice.base_offset);
    slice.bytes += entry.size;
    retried = retried || entry.attempts > 1;
    if (!slice.pieces.empty() &&
        slice.pieces.back().data() + slice.pieces.back().size() == entry.bytes) {
      slice.pieces.back() =
          absl::string_view(slice.pieces.back().data(), slice.pieces.back().size() + entry.size);
    } else {
      slice.pieces.emplace_back(entry.bytes, entry.size);
    }
  }
  if (retried) {
    for (const EntryIndex i : taken) delivery.attempts.push_back(entries_[i].attempts);
  }
  for (const EntryIndex i : taken) entries_.LetBytesGo(i);
  return delivery;
}

std::optional<MemberNumber> WorkQueue::TakeHungry() {
  if (ready_events_ == 0 && gaps_.empty()) return std::nullopt;
  for (auto it = hungry_.begin(); it != hungry_.end(); ++it) {
    Member& member = *FindMember(*it);
    if (member.ready.empty() && ready_.empty() && gaps_.empty()) continue;
    const MemberNumber number(*it);
    member.hungry = false;
    hungry_.erase(it);
    return number;
  }
  return std::nullopt;
}

void WorkQueue::EndLease(EntryIndex i) {
  WorkEntry& entry = entries_[i];
  TM_CHECK(entry.state == WorkEntryState::kLeased);
  Unplace(i);
  SetState(i, WorkEntryState::kWaiting);
  --FindMember(entry.member)->leases;
  entry.due_us = 0;
  if (entry.lane == kNoEntry) return;
  --lanes_[entry.lane].leased;
}

std::optional<WorkRejection> WorkQueue::Ack(MemberNumber member, LogId log, Offset offset,
                                            uint64_t now_us) {
  const Slot* slot = FindSlot(log);
  if (slot == nullptr) return WorkRejection::kFenced;
  const EntryIndex i = FindEntry(*slot, offset);
  if (i == kNoEntry) {
    return slot->partition.IsKnown(offset) ? WorkRejection::kFenced : WorkRejection::kNotInFlight;
  }
  const WorkEntry& entry = entries_[i];
  if (entry.state != WorkEntryState::kLeased || entry.member != member.value()) {
    return entry.first_us > 0 ? WorkRejection::kFenced : WorkRejection::kNotInFlight;
  }
  Done(i, now_us);
  return std::nullopt;
}

void WorkQueue::Done(EntryIndex i, uint64_t now_us) {
  const uint32_t lane = entries_[i].lane;
  Slot& slot = *slot_of_[entries_[i].partition];
  if (entries_[i].redriven) {
    const Offset offset = entries_[i].offset;
    const bool blocks = slot.redriven.at(offset).letter.blocks_key;
    --slot.dead_letters;
    PutLetter(slot, offset, nullptr);
    if (blocks && lane != kNoEntry) SetBlockers(lane, lanes_[lane].blockers - 1, now_us);
  }
  Remove(i, now_us);
  if (lane != kNoEntry) ReleaseLane(lane, now_us);
}

void WorkQueue::Remove(EntryIndex i, uint64_t now_us) {
  if (entries_[i].state == WorkEntryState::kLeased) EndLease(i);
  Unplace(i);
  SetState(i, WorkEntryState::kWaiting);
  Slot& slot = *slot_of_[entries_[i].partition];
  const Offset offset = entries_[i].offset;
  if (!entries_[i].redriven) {
    slot.partition.Erase(offset);
  } else if (slot.redriven.erase(offset) > 0) {
    --redrives_;
  }
  const auto death = deaths_.find(i);
  if (death != deaths_.end()) {
    if (death->second.ticket != 0) buried_.push_back(death->second.ticket);
    deaths_.erase(death);
  }
  RemoveFromLane(i, now_us);
  entries_.Free(i);
}

uint64_t WorkQueue::BackoffUs(uint32_t attempts) const {
  const storage::RetryPolicy& retry = options_.retry;
  const double grown = static_cast<double>(retry.initial_backoff_us) *
                       std::pow(retry.backoff_factor, static_cast<double>(attempts - 1));
  // Infinity, too.
  return std::min(retry.max_backoff_us, static_cast<uint64_t>(std::min(grown, kBackoffUsMax)));
}

void WorkQueue::Fail(EntryIndex i, const NackOptions& options, uint64_t now_us) {
  Slot& slot = *slot_of_[entries_[i].partition];
  const uint32_t lane = entries_[i].lane;
  const std::string client = FindMember(entries_[i].member)->client_name;
  TakeBackAfter(i);
  EndLease(i);
  if (lane != kNoEntry) lanes_[lane].next = i;
  const uint32_t attempts = entries_[i].attempts - entries_[i].attempts_before;
  if (!entries_[i].redriven) slot.partition.Touch(entries_[i].offset);
  const std::optional<uint32_t> max = options_.retry.max_attempts;
  if (options.dead_letter || (max.has_value() && attempts >= *max)) {
    return Kill(i, {.reason = options.reason, .client = client, .ticket = options.ticket}, now_us);
  }
  const uint64_t delay_us = options.delay_us.value_or(BackoffUs(attempts));
  entries_[i].due_us = now_us + std::min(delay_us, UINT64_MAX - now_us);
  if (entries_[i].redriven) {
    storage::DeadLetter& letter = slot.redriven.at(entries_[i].offset).letter;
    letter.attempts = entries_[i].attempts;
    letter.redrive->due_us = entries_[i].due_us;
    PutLetter(slot, entries_[i].offset, &letter);
  }
  Place(i, now_us);
}

WorkQueue::NackOutcome WorkQueue::Nack(MemberNumber member, LogId log, Offset offset,
                                       const NackOptions& options, uint64_t now_us) {
  const Slot* slot = FindSlot(log);
  if (slot == nullptr) return NackOutcome::kFenced;
  const EntryIndex i = FindEntry(*slot, offset);
  if (i == kNoEntry) {
    return slot->partition.IsKnown(offset) ? NackOutcome::kFenced : NackOutcome::kNotInFlight;
  }
  if (entries_[i].state != WorkEntryState::kLeased || entries_[i].member != member.value()) {
    return entries_[i].first_us > 0 ? NackOutcome::kFenced : NackOutcome::kNotInFlight;
  }
  const size_t deaths = counts_.dead_letters + deaths_.size();
  Fail(i, options, now_us);
  const bool died = counts_.dead_letters + deaths_.size() > deaths;
  return died ? NackOutcome::kDying : NackOutcome::kRetried;
}

std::optional<WorkRejection> WorkQueue::Extend(MemberNumber member, LogId log, Offset offset,
                                               uint64_t lease_us, uint64_t now_us) {
  const Slot* slot = FindSlot(log);
  if (slot == nullptr) return WorkRejection::kFenced;
  const EntryIndex i = FindEntry(*slot, offset);
  if (i == kNoEntry) {
    return slot->partition.IsKnown(offset) ? WorkRejection::kFenced : WorkRejection::kNotInFlight;
  }
  if (entries_[i].state != WorkEntryState::kLeased || entries_[i].member != member.value()) {
    return entries_[i].first_us > 0 ? WorkRejection::kFenced : WorkRejection::kNotInFlight;
  }
  Unplace(i);
  SetTimer(i, now_us + lease_us);
  return std::nullopt;
}

void WorkQueue::Tick(uint64_t now_us) {
  const NackOptions expired{.reason = "the lease expired"};
  for (auto& [number, member] : members_) {
    while (member->leased.front != kNoEntry && entries_[member->leased.front].due_us <= now_us) {
      ++counts_.leases_expired;
      Fail(member->leased.front, expired, now_us);
    }
  }
  while (!timers_.empty() && timers_.begin()->first <= now_us) {
    const EntryIndex i = timers_.begin()->second;
    if (entries_[i].state == WorkEntryState::kLeased) {
      ++counts_.leases_expired;
      Fail(i, expired, now_us);
      continue;
    }
    DropTimer(i);
    Place(i, now_us);
  }
}

}  // namespace tidemark::groups
