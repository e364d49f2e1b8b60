// Dead letters of a work queue: how events become ones, and how they come back.
#include <algorithm>

#include "server/base/check.h"
#include "server/groups/work_chunk.h"
#include "server/groups/work_queue.h"
#include "server/storage/key_schema.h"

namespace tidemark::groups {

void WorkQueue::PutLetter(Slot& slot, Offset offset, const storage::DeadLetter* letter) {
  const LogId log = slot.partition.log();
  std::string key = storage::DeadLetterKey(options_.group, log, offset);
  log::GroupRowChange row{.key = key, .value = {}};
  if (letter != nullptr) row.value = storage::EncodeDeadLetter(*letter);
  rows_[std::move(key)] = std::move(row);
  if (slot.noted.has_value()) (*slot.noted)[offset] = letter != nullptr;
  if (letter == nullptr || slot.has_letters) return;
  slot.has_letters = true;
  std::string mark = storage::DeadLetterMarkKey(log, options_.group);
  rows_[mark] = {.key = mark, .value = ""};
}

void WorkQueue::Kill(EntryIndex i, Death death, uint64_t now_us) {
  entries_[i].dying = true;
  entries_[i].due_us = 0;
  deaths_[i] = std::move(death);
  Place(i, now_us);
}

void WorkQueue::Bury(EntryIndex i, uint64_t now_us) {
  WorkEntry& entry = entries_[i];
  Slot& slot = *slot_of_[entry.partition];
  const Offset offset = entry.offset;
  storage::DeadLetter letter;
  log::WorkView view;
  const absl::Time chunk_time;  // Of no meaning for type and key.
  const bool seen =
      entry.chunk != kNoEntry && ViewEntry({entry.bytes, entry.size}, chunk_time, view);
  if (entry.redriven) letter = slot.redriven.at(offset).letter;  // Perhaps with a copy.
  letter.redrive.reset();
  if (seen) {
    letter.type = std::string(view.event.type);
    letter.key = std::string(view.event.key);
    if (offset < slot.trim_to) {
      std::string event = EventOf({entry.bytes, entry.size});
      if (options_.keep_copy != nullptr) {
        options_.keep_copy(slot.partition.log(), offset, std::move(event), letter);
      } else {
        letter.event = std::move(event);
      }
    }
  }
  const Death& death = deaths_.at(i);
  letter.attempts = entry.attempts;
  letter.first_us = entry.first_us;
  letter.dead_us = now_us;
  letter.reason = death.reason;
  letter.last_client = death.client;
  const uint32_t lane = entry.lane;
  if (!entry.redriven) {
    ++slot.dead_letters;
    letter.blocks_key = lane != kNoEntry && options_.retry.block_key_after_dead_letter;
    if (letter.blocks_key && lanes_[lane].blockers++ == 0) ++slot.blocked_keys;
  }
  ++counts_.dead_letters;
  PutLetter(slot, offset, &letter);
  Remove(i, now_us);
}

bool WorkQueue::Redrive(LogId log, Offset offset, storage::DeadLetter letter, uint64_t due_us,
                        uint64_t now_us) {
  if (redrives_ >= options_.redrives_max) return false;
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return false;
  letter.redrive = {.due_us = due_us, .attempts_before = letter.attempts};
  PutLetter(*slot, offset, &letter);
  StartRedriven(slots_.at(log), offset, std::move(letter), now_us);
  return true;
}

void WorkQueue::StartRedriven(uint32_t place, Offset offset, storage::DeadLetter letter,
                              uint64_t now_us) {
  Slot& slot = *slot_of_[place];
  const EntryIndex i = MakeEntry(place, offset);
  WorkEntry& entry = entries_[i];
  entry.redriven = true;
  entry.attempts = letter.attempts;
  entry.attempts_before = letter.redrive->attempts_before;
  entry.first_us = letter.first_us;
  entry.due_us = letter.redrive->due_us;
  const std::string key = letter.key;
  slot.redriven[offset] = {.entry = i, .letter = std::move(letter)};
  ++redrives_;
  if (options_.mode != storage::GroupMode::kKeyOrdered || key.empty()) return Place(i, now_us);
  entries_[i].lane = LaneOf(place, key);
  InsertIntoLane(i, now_us);
}

bool WorkQueue::IsRedriven(LogId log, Offset offset) const {
  const Slot* slot = FindSlot(log);
  return slot != nullptr && slot->redriven.contains(offset);
}

bool WorkQueue::IsDying(LogId log, Offset offset) const {
  const Slot* slot = FindSlot(log);
  const EntryIndex i = slot == nullptr ? kNoEntry : FindEntry(*slot, offset);
  return i != kNoEntry && entries_[i].dying;
}

bool WorkQueue::HasDying(LogId log, Offset until) const {
  const auto slot = slots_.find(log);
  if (slot == slots_.end()) return false;
  return std::any_of(deaths_.begin(), deaths_.end(), [&](const auto& death) {
    const WorkEntry& entry = entries_[death.first];
    return entry.partition == slot->second && entry.offset < until;
  });
}

void WorkQueue::AddDeadLetter(LogId log, Offset offset, const storage::DeadLetter& letter,
                              uint64_t now_us) {
  Slot* slot = FindSlot(log);
  TM_CHECK(slot != nullptr);
  slot->has_letters = true;
  ++slot->dead_letters;
  if (letter.blocks_key && options_.mode == storage::GroupMode::kKeyOrdered) {
    const uint32_t lane = LaneOf(slots_.at(log), letter.key);
    SetBlockers(lane, lanes_[lane].blockers + 1, now_us);
  }
  if (letter.redrive.has_value()) StartRedriven(slots_.at(log), offset, letter, now_us);
}

void WorkQueue::Discard(LogId log, Offset offset, const storage::DeadLetter& letter,
                        uint64_t now_us) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  TM_CHECK(!slot->redriven.contains(offset));
  --slot->dead_letters;
  PutLetter(*slot, offset, nullptr);
  if (!letter.blocks_key || options_.mode != storage::GroupMode::kKeyOrdered) return;
  const uint32_t lane = LaneOf(slots_.at(log), letter.key);
  SetBlockers(lane, lanes_[lane].blockers - 1, now_us);
}

void WorkQueue::EraseLetter(LogId log, Offset offset, const storage::DeadLetter& letter,
                            uint64_t now_us) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  const auto redriven = slot->redriven.find(offset);
  if (redriven == slot->redriven.end()) return Discard(log, offset, letter, now_us);
  const EntryIndex i = redriven->second.entry;
  const uint32_t lane = entries_[i].lane;
  if (entries_[i].state == WorkEntryState::kLeased) {
    TakeBackAfter(i);
    EndLease(i);
    if (lane != kNoEntry) lanes_[lane].next = i;
  }
  Done(i, now_us);
}

void WorkQueue::ForgetBytes(LogId log, uint64_t now_us) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  std::vector<EntryIndex> entries;
  slot->partition.undone().ForEach([&](Offset, EntryIndex i) {
    entries.push_back(i);
    return true;
  });
  for (const auto& [offset, redriven] : slot->redriven) entries.push_back(redriven.entry);
  for (const EntryIndex i : entries) {
    const bool ready = entries_[i].state == WorkEntryState::kReady;
    if (ready) Unplace(i);
    entries_.LetBytesGo(i);
    if (ready) Place(i, now_us);
  }
}

void WorkQueue::ChangeLetter(LogId log, Offset offset, const storage::DeadLetter& letter) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  const auto redriven = slot->redriven.find(offset);
  if (redriven != slot->redriven.end()) {
    redriven->second.letter.event = letter.event;
    redriven->second.letter.event_sealed = letter.event_sealed;
    return PutLetter(*slot, offset, &redriven->second.letter);
  }
  PutLetter(*slot, offset, &letter);
}

bool WorkQueue::ExpectTrim(LogId log, Offset start) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return false;
  slot->trim_to = std::max(slot->trim_to, start);
  return slot->has_letters;
}

// --- Bytes that have to be read again.

std::vector<WorkQueue::Wanted> WorkQueue::TakeWanted(size_t count) {
  std::vector<Wanted> wanted;
  while (unread_.front != kNoEntry && wanted.size() < count) {
    const EntryIndex i = unread_.front;
    entries_.Unlink(i);
    SetState(i, WorkEntryState::kReading);
    const WorkEntry& entry = entries_[i];
    wanted.push_back({.log = slot_of_[entry.partition]->partition.log(),
                      .offset = entry.offset,
                      .redriven = entry.redriven});
  }
  return wanted;
}

void WorkQueue::Reread(LogId log, const WorkChunk& chunk, const WorkEvent& event, uint64_t now_us) {
  const EntryIndex i = FindWanted(log, event.offset);
  if (i == kNoEntry) return;
  const uint32_t kept = entries_.AddChunk(chunk);
  entries_.SetBytes(i, kept, event.entry);
  entries_.DropChunk(kept);
  Unplace(i);
  Place(i, now_us);
}

void WorkQueue::RereadGone(LogId log, Offset offset, log::GapReason reason, uint64_t now_us) {
  const EntryIndex i = FindWanted(log, offset);
  if (i == kNoEntry) return;
  Unplace(i);
  if (entries_[i].dying) return Bury(i, now_us);  // A reference to nothing.
  if (entries_[i].redriven) return Done(i, now_us);
  gaps_.push_back({entries_[i].partition, {offset, offset + 1, reason}});
  Remove(i, now_us);
}

void WorkQueue::RereadLater(LogId log, Offset offset) {
  const EntryIndex i = FindWanted(log, offset);
  if (i == kNoEntry || entries_[i].state != WorkEntryState::kReading) return;
  SetState(i, WorkEntryState::kUnread);
  entries_.PushBack(unread_, i);
}

// An entry whose bytes were asked for and are still missed.
EntryIndex WorkQueue::FindWanted(LogId log, Offset offset) const {
  const Slot* slot = FindSlot(log);
  const EntryIndex i = slot == nullptr ? kNoEntry : FindEntry(*slot, offset);
  if (i == kNoEntry || entries_[i].chunk != kNoEntry) return kNoEntry;
  const WorkEntryState state = entries_[i].state;
  return state == WorkEntryState::kReading || state == WorkEntryState::kUnread ? i : kNoEntry;
}

}  // namespace tidemark::groups
