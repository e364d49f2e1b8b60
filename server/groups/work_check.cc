// The invariants of a work queue, checked.
#include "server/base/check.h"
#include "server/groups/work_queue.h"

namespace tidemark::groups {

void WorkQueue::CheckLane(uint32_t at) const {
  const Lane& lane = lanes_[at];
  uint32_t leased = 0;
  EntryIndex before = kNoEntry;
  EntryIndex first_free = kNoEntry;
  for (EntryIndex i = lane.front; i != kNoEntry; i = entries_[i].lane_next) {
    const WorkEntry& entry = entries_[i];
    TM_CHECK_EQ(entry.lane, at);
    TM_CHECK_EQ(entry.lane_prev, before);
    TM_CHECK(!entry.apart);
    if (entry.state == WorkEntryState::kLeased) {
      TM_CHECK_EQ(first_free, kNoEntry);       // Leased ones come first,
      TM_CHECK_EQ(entry.member, lane.holder);  // and have one holder.
      ++leased;
    } else if (first_free == kNoEntry) {
      first_free = i;
      // Something is on its way to it, or it waits for a dead letter.
      TM_CHECK(entry.state != WorkEntryState::kWaiting || lane.blockers > 0);
    } else {
      TM_CHECK(entry.state == WorkEntryState::kWaiting);
    }
    before = i;
  }
  TM_CHECK_EQ(lane.back, before);
  TM_CHECK_EQ(lane.next, first_free);
  TM_CHECK_EQ(lane.leased, leased);
}

void WorkQueue::CheckEntry(EntryIndex i) const {
  const WorkEntry& entry = entries_[i];
  const bool extended = entry.state == WorkEntryState::kLeased && entry.timer;
  switch (entry.state) {
    case WorkEntryState::kWaiting:
    case WorkEntryState::kReading:
      TM_CHECK(entry.list == nullptr && entry.ready == kNobody && !entry.timer);
      break;
    case WorkEntryState::kTimed:
      TM_CHECK(entry.list == nullptr && entry.timer);
      break;
    case WorkEntryState::kUnread:
      TM_CHECK(entry.list == &unread_ && entry.chunk == kNoEntry);
      break;
    case WorkEntryState::kReady:
      TM_CHECK(entry.ready != kNobody && entry.chunk != kNoEntry && !entry.dying);
      // What a member holds the lane of is its own; the rest is everybody's.
      TM_CHECK_EQ(entry.ready == kAnybody,
                  entry.lane == kNoEntry || lanes_[entry.lane].leased == 0);
      break;
    case WorkEntryState::kLeased:
      TM_CHECK(extended || entry.list == &members_[entry.member]->leased);
      break;
  }
  if (entry.timer) TM_CHECK(timers_.contains({entry.due_us, i}));
}

void WorkQueue::CheckInvariants() const {
  uint64_t leases = 0;
  uint64_t ready = 0;
  size_t redriven = 0;
  size_t timers = 0;
  for (const std::unique_ptr<Slot>& slot : slot_of_) {
    if (slot == nullptr) continue;
    uint64_t in_flight = 0;
    const auto look = [&](EntryIndex i) {
      CheckEntry(i);
      in_flight += entries_[i].state == WorkEntryState::kLeased ? 1 : 0;
      ready += entries_[i].state == WorkEntryState::kReady ? 1 : 0;
      timers += entries_[i].timer ? 1 : 0;
    };
    slot->partition.undone().ForEach([&](Offset offset, EntryIndex i) {
      TM_CHECK_EQ(entries_[i].offset.value(), offset.value());
      look(i);
      return true;
    });
    for (const auto& [offset, one] : slot->redriven) look(one.entry);
    redriven += slot->redriven.size();
    TM_CHECK_EQ(slot->in_flight, in_flight);
    leases += in_flight;
    for (const auto& [hash, lane] : slot->lanes) CheckLane(lane);
  }
  TM_CHECK_EQ(redrives_, redriven);
  TM_CHECK_EQ(timers_.size(), timers);
  for (const std::unique_ptr<Member>& member : members_) {
    if (member != nullptr) leases -= member->leases;
  }
  TM_CHECK_EQ(leases, 0u);
  for (MemberSlot i = kAnybody; i == kAnybody || i < members_.size(); ++i) {
    ready -= entries_.ready_count(i);
  }
  TM_CHECK_EQ(ready, 0u);
}

}  // namespace tidemark::groups
