// Where the entries of a work queue are: lanes, lists and timers.
#include <algorithm>

#include "absl/hash/hash.h"
#include "server/base/check.h"
#include "server/base/seeded_fault.h"
#include "server/groups/work_queue.h"

namespace tidemark::groups {

void WorkQueue::SetState(EntryIndex i, WorkEntryState state) {
  WorkEntry& entry = entries_[i];
  Slot& slot = *slot_of_[entry.partition];
  const auto count = [&](WorkEntryState of, int change) {
    if (of == WorkEntryState::kLeased) slot.in_flight += change;
    if (of == WorkEntryState::kTimed) slot.waiting += change;
    if (of == WorkEntryState::kReady || of == WorkEntryState::kUnread ||
        of == WorkEntryState::kReading) {
      slot.ready += change;
      ready_events_ += change;
    }
  };
  count(entry.state, -1);
  count(state, 1);
  entry.state = state;
}

// --- Lanes.

// The hash differs from run to run of the server, so that nobody can choose keys that share a
// lane; two that do so by chance only wait for each other.
uint32_t WorkQueue::LaneOf(uint32_t place, absl::string_view key) {
  const uint64_t hash = absl::Hash<absl::string_view>()(key);
  const auto [it, added] = slot_of_[place]->lanes.try_emplace(hash, 0);
  if (!added) return it->second;
  if (free_lanes_.empty()) {
    it->second = static_cast<uint32_t>(lanes_.size());
    lanes_.emplace_back();
  } else {
    it->second = free_lanes_.back();
    free_lanes_.pop_back();
  }
  lanes_[it->second].partition = place;
  lanes_[it->second].key_hash = hash;
  return it->second;
}

void WorkQueue::DropLaneIfUnused(uint32_t i) {
  const Lane& lane = lanes_[i];
  if (lane.front != kNoEntry || lane.apart > 0 || lane.blockers > 0) return;
  slot_of_[lane.partition]->lanes.erase(lane.key_hash);
  lanes_[i] = Lane();
  free_lanes_.push_back(i);
}

void WorkQueue::AppendToLane(EntryIndex i) {
  Lane& lane = lanes_[entries_[i].lane];
  entries_[i].lane_prev = lane.back;
  (lane.back == kNoEntry ? lane.front : entries_[lane.back].lane_next) = i;
  lane.back = i;
  if (lane.next == kNoEntry) lane.next = i;
}

void WorkQueue::InsertIntoLane(EntryIndex i, uint64_t now_us) {
  Lane& lane = lanes_[entries_[i].lane];
  // What is redriven comes first: after a seek back earlier events may wait for it.
  const auto place = [this](EntryIndex of) {
    return std::make_pair(!entries_[of].redriven, entries_[of].offset);
  };
  EntryIndex behind = lane.next;
  while (behind != kNoEntry && place(behind) < place(i)) behind = entries_[behind].lane_next;
  if (behind == kNoEntry) {
    AppendToLane(i);
  } else {
    const EntryIndex before = entries_[behind].lane_prev;
    entries_[i].lane_prev = before;
    entries_[i].lane_next = behind;
    entries_[behind].lane_prev = i;
    (before == kNoEntry ? lane.front : entries_[before].lane_next) = i;
    if (lane.next == behind) {
      Unplace(behind);
      SetState(behind, WorkEntryState::kWaiting);
      lane.next = i;
    }
  }
  if (lane.next == i) Place(i, now_us);
}

// Requires that it is not leased any more, and in no list.
void WorkQueue::RemoveFromLane(EntryIndex i, uint64_t now_us) {
  WorkEntry& entry = entries_[i];
  const uint32_t at = std::exchange(entry.lane, kNoEntry);
  if (at == kNoEntry) return;
  Lane& lane = lanes_[at];
  if (entry.apart) {
    entry.apart = false;
    --lane.apart;
    return DropLaneIfUnused(at);
  }
  (entry.lane_prev == kNoEntry ? lane.front : entries_[entry.lane_prev].lane_next) =
      entry.lane_next;
  (entry.lane_next == kNoEntry ? lane.back : entries_[entry.lane_next].lane_prev) = entry.lane_prev;
  if (lane.next == i) {
    lane.next = entry.lane_next;
    if (lane.next != kNoEntry) Place(lane.next, now_us);
  }
  entry.lane_prev = kNoEntry;
  entry.lane_next = kNoEntry;
  DropLaneIfUnused(at);
}

// Leases of later events of the lane end without counting.
void WorkQueue::TakeBackAfter(EntryIndex i) {
  const uint32_t at = entries_[i].lane;
  if (at == kNoEntry) return;
  if (lanes_[at].next != kNoEntry) {
    Unplace(lanes_[at].next);
    SetState(lanes_[at].next, WorkEntryState::kWaiting);
  }
  for (EntryIndex later = entries_[i].lane_next; later != kNoEntry;
       later = entries_[later].lane_next) {
    if (entries_[later].state != WorkEntryState::kLeased) break;
    EndLease(later);
    SetState(later, WorkEntryState::kWaiting);
    --entries_[later].attempts;
    if (entries_[later].redriven) continue;
    slot_of_[entries_[later].partition]->partition.Tell(entries_[later].offset);
  }
}

// Nobody holds the lane any more: what is next may go to anybody.
void WorkQueue::ReleaseLane(uint32_t at, uint64_t now_us) {
  const Lane& lane = lanes_[at];
  if (lane.leased > 0 || lane.next == kNoEntry) return;
  if (entries_[lane.next].state != WorkEntryState::kReady) return;
  Unplace(lane.next);
  Place(lane.next, now_us);
}

void WorkQueue::SetBlockers(uint32_t at, uint32_t blockers, uint64_t now_us) {
  Lane& lane = lanes_[at];
  Slot& slot = *slot_of_[lane.partition];
  if (lane.blockers == 0 && blockers > 0) ++slot.blocked_keys;
  if (lane.blockers > 0 && blockers == 0) --slot.blocked_keys;
  lane.blockers = blockers;
  if (lane.next != kNoEntry) {
    Unplace(lane.next);
    Place(lane.next, now_us);
  }
  DropLaneIfUnused(at);
}

// --- Lists and timers.

void WorkQueue::Place(EntryIndex i, uint64_t now_us) {
  WorkEntry& entry = entries_[i];
  const Lane* lane = entry.lane == kNoEntry || entry.apart ? nullptr : &lanes_[entry.lane];
  // What is redriven is what its lane may be blocked by.
  if (lane != nullptr && lane->blockers > 0 && !entry.redriven && !entry.dying) {
    return SetState(i, WorkEntryState::kWaiting);
  }
  if (entry.due_us > now_us && !entry.dying) {
    SetState(i, WorkEntryState::kTimed);
    return SetTimer(i, entry.due_us);
  }
  if (entry.apart) {
    entry.apart = false;
    --lanes_[entry.lane].apart;
    SetState(i, WorkEntryState::kWaiting);
    return InsertIntoLane(i, now_us);
  }
  entry.due_us = 0;
  if (entry.chunk == kNoEntry) {
    SetState(i, WorkEntryState::kUnread);
    return entries_.PushBack(unread_, i);
  }
  if (entry.dying) return Bury(i, now_us);
  SetState(i, WorkEntryState::kReady);
  const bool is_held = lane != nullptr && lane->leased > 0 && !TM_SEEDED_FAULT("shares_keys");
  entries_.PutReady(is_held ? lane->holder : kAnybody, i);
}

void WorkQueue::Unplace(EntryIndex i) {
  entries_.Unlink(i);
  entries_.TakeReady(i);
  DropTimer(i);
}

void WorkQueue::SetTimer(EntryIndex i, uint64_t due_us) {
  TM_CHECK(!entries_[i].timer);
  entries_[i].due_us = due_us;
  entries_[i].timer = true;
  timers_.emplace(due_us, i);
}

void WorkQueue::DropTimer(EntryIndex i) {
  if (!entries_[i].timer) return;
  entries_[i].timer = false;
  timers_.erase({entries_[i].due_us, i});
}

}  // namespace tidemark::groups
