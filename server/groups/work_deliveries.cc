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

MemberSlot WorkQueue::FindMember(MemberNumber number) const {
  const auto it = slot_of_member_.find(number);
  return it == slot_of_member_.end() ? kNobody : it->second;
}

void WorkQueue::Join(MemberNumber number, std::string client_name) {
  TM_CHECK_EQ(FindMember(number), kNobody);
  if (members_.empty()) members_.push_back(nullptr);  // That of kAnybody.
  const auto free = std::find(members_.begin() + 1, members_.end(), nullptr);
  const auto slot = static_cast<MemberSlot>(free - members_.begin());
  if (free == members_.end()) members_.emplace_back();
  members_[slot] = std::make_unique<Member>();
  members_[slot]->number = number;
  members_[slot]->client_name = std::move(client_name);
  slot_of_member_[number] = slot;
}

void WorkQueue::Leave(MemberNumber number, bool failed, uint64_t now_us) {
  const MemberSlot slot = FindMember(number);
  if (slot == kNobody) return;
  Member& member = *members_[slot];
  std::vector<EntryIndex> held;
  held.reserve(member.leases);
  for (EntryIndex i = member.leased.front; i != kNoEntry; i = entries_[i].next) held.push_back(i);
  if (held.size() < member.leases) {  // Extended leases are in no list.
    for (const auto& [due, i] : timers_) {
      const WorkEntry& entry = entries_[i];
      if (entry.state == WorkEntryState::kLeased && entry.member == slot) held.push_back(i);
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
    if (!entries_[i].redriven) slot_of_[entries_[i].partition]->partition.Tell(entries_[i].offset);
    if (entries_[i].lane != kNoEntry) lanes_[entries_[i].lane].next = i;
    Place(i, now_us);
  }
  TM_CHECK_EQ(member.leases, 0u);
  // What was ready for it alone was released with its lanes.
  TM_CHECK_EQ(entries_.ready_count(slot), 0u);
  members_[slot].reset();
  slot_of_member_.erase(number);
  std::erase(hungry_, slot);
}

void WorkQueue::Lease(EntryIndex i, MemberSlot slot, uint64_t now_us) {
  WorkEntry& entry = entries_[i];
  Member& member = *members_[slot];
  Unplace(i);
  SetState(i, WorkEntryState::kLeased);
  entry.member = slot;
  entry.due_us = now_us + options_.retry.lease_us;
  if (entry.first_us == 0) entry.first_us = now_us;
  ++counts_.deliveries;
  Slot& of = *slot_of_[entry.partition];
  if (++entry.attempts > 1) {
    ++counts_.redeliveries;
    ++of.redeliveries;
    if (!entry.redriven) of.partition.Tell(entry.offset);
  } else if (!entry.redriven) {
    of.partition.Delivered(entry.offset);
  }
  entries_.PushBack(member.leased, i);
  ++member.leases;
  if (entry.lane == kNoEntry) return;
  Lane& lane = lanes_[entry.lane];
  ++lane.leased;
  lane.holder = slot;
  lane.next = entry.lane_next;
  if (lane.next != kNoEntry) Place(lane.next, now_us);
}

uint32_t WorkQueue::OldestReady(MemberSlot member) {
  const uint32_t own = entries_.OldestReady(member);
  const uint32_t free = entries_.OldestReady(kAnybody);
  if (own == kNoEntry || free == kNoEntry) return std::min(own, free);
  return entries_.chunk(own).number < entries_.chunk(free).number ? own : free;
}

EntryIndex WorkQueue::FirstReady(MemberSlot member, uint32_t chunk) const {
  const EntryIndex own = entries_.FirstReady(member, chunk);
  const EntryIndex free = entries_.FirstReady(kAnybody, chunk);
  if (own == kNoEntry || free == kNoEntry) return std::min(own, free);
  return entries_[own].offset < entries_[free].offset ? own : free;
}

std::optional<WorkDelivery> WorkQueue::Take(MemberNumber number, const TakeLimits& limits,
                                            uint64_t now_us) {
  const MemberSlot member = FindMember(number);
  if (member == kNobody) return std::nullopt;
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
  const uint32_t chunk = OldestReady(member);
  while (chunk != kNoEntry && taken.size() < limits.events_max) {
    const EntryIndex next = FirstReady(member, chunk);
    if (next == kNoEntry) break;
    if (!taken.empty() && bytes + entries_[next].size > limits.bytes_max) break;
    bytes += entries_[next].size;
    taken.push_back(next);
    Lease(next, member, now_us);
  }
  if (taken.empty()) {
    if (!members_[member]->hungry) hungry_.push_back(member);
    members_[member]->hungry = true;
    return std::nullopt;
  }
  return MakeDelivery(taken);
}

WorkDelivery WorkQueue::MakeDelivery(std::vector<EntryIndex>& taken) {
  // Each lane's are in order already, so this keeps them so.
  const auto before = [this](EntryIndex a, EntryIndex b) {
    return entries_[a].offset < entries_[b].offset;
  };
  if (!std::is_sorted(taken.begin(), taken.end(), before)) {
    std::sort(taken.begin(), taken.end(), before);
  }
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
    Member& member = *members_[*it];
    const uint64_t ready = entries_.ready_count(*it) + entries_.ready_count(kAnybody);
    if (ready == 0 && gaps_.empty()) continue;
    member.hungry = false;
    hungry_.erase(it);
    return member.number;
  }
  return std::nullopt;
}

void WorkQueue::EndLease(EntryIndex i) {
  WorkEntry& entry = entries_[i];
  TM_CHECK(entry.state == WorkEntryState::kLeased);
  Unplace(i);
  SetState(i, WorkEntryState::kWaiting);
  --members_[entry.member]->leases;
  entry.due_us = 0;
  if (entry.lane == kNoEntry) return;
  --lanes_[entry.lane].leased;
}

EntryIndex WorkQueue::FindLeased(MemberNumber member, LogId log, Offset offset,
                                 WorkRejection& rejection) const {
  rejection = WorkRejection::kFenced;
  const Slot* slot = FindSlot(log);
  if (slot == nullptr) return kNoEntry;
  const EntryIndex i = FindEntry(*slot, offset);
  if (i != kNoEntry && entries_[i].state == WorkEntryState::kLeased &&
      members_[entries_[i].member]->number == member) {
    return i;
  }
  const bool delivered =
      i == kNoEntry ? slot->partition.IsKnown(offset)
                    : entries_[i].first_us > 0 || slot->partition.WasReadBeforeRewind(offset);
  if (!delivered) rejection = WorkRejection::kNotInFlight;
  return kNoEntry;
}

std::optional<WorkRejection> WorkQueue::Ack(MemberNumber member, LogId log, Offset offset,
                                            uint64_t now_us) {
  WorkRejection rejection{};
  const EntryIndex i = FindLeased(member, log, offset, rejection);
  if (i == kNoEntry) return rejection;
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
  if (entries_[i].dying) {
    const auto death = deaths_.find(i);
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
  const std::string client = members_[entries_[i].member]->client_name;
  TakeBackAfter(i);
  EndLease(i);
  if (lane != kNoEntry) lanes_[lane].next = i;
  const uint32_t attempts = entries_[i].attempts - entries_[i].attempts_before;
  if (!entries_[i].redriven) slot.partition.Tell(entries_[i].offset);
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
  WorkRejection rejection{};
  const EntryIndex i = FindLeased(member, log, offset, rejection);
  if (i == kNoEntry) {
    return rejection == WorkRejection::kFenced ? NackOutcome::kFenced : NackOutcome::kNotInFlight;
  }
  const size_t deaths = counts_.dead_letters + deaths_.size();
  Fail(i, options, now_us);
  const bool died = counts_.dead_letters + deaths_.size() > deaths;
  return died ? NackOutcome::kDying : NackOutcome::kRetried;
}

std::optional<WorkRejection> WorkQueue::Extend(MemberNumber member, LogId log, Offset offset,
                                               uint64_t lease_us, uint64_t now_us) {
  WorkRejection rejection{};
  const EntryIndex i = FindLeased(member, log, offset, rejection);
  if (i == kNoEntry) return rejection;
  Unplace(i);
  SetTimer(i, now_us + lease_us);
  return std::nullopt;
}

void WorkQueue::Tick(uint64_t now_us) {
  const NackOptions expired{.reason = "the lease expired"};
  for (const std::unique_ptr<Member>& member : members_) {
    while (member != nullptr && member->leased.front != kNoEntry &&
           entries_[member->leased.front].due_us <= now_us) {
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
