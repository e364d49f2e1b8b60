// What a work queue reads, what it writes, and what can be seen of it.
#include "server/groups/work_queue.h"

#include <algorithm>

#include "server/base/check.h"
#include "server/storage/key_schema.h"

namespace tidemark::groups {

WorkQueue::Slot* WorkQueue::FindSlot(LogId log) {
  const auto it = slots_.find(log);
  return it == slots_.end() ? nullptr : slot_of_[it->second].get();
}

const WorkQueue::Slot* WorkQueue::FindSlot(LogId log) const {
  const auto it = slots_.find(log);
  return it == slots_.end() ? nullptr : slot_of_[it->second].get();
}

EntryIndex WorkQueue::FindEntry(const Slot& slot, Offset offset) const {
  const EntryIndex entry = slot.partition.Find(offset);
  if (entry != kNoEntry) return entry;
  const auto redriven = slot.redriven.find(offset);
  return redriven == slot.redriven.end() ? kNoEntry : redriven->second.entry;
}

void WorkQueue::AddPartition(const log::TopicPtr& topic, PartitionIndex index,
                             std::optional<Offset> committed, RestoredWork restored) {
  const LogId log = topic->log(index);
  const bool added = slots_.emplace(log, static_cast<uint32_t>(slot_of_.size())).second;
  TM_CHECK(added);
  slot_of_.push_back(
      std::make_unique<Slot>(topic, index, WorkPartition(log, committed, std::move(restored))));
}

void WorkQueue::RemovePartition(LogId log, bool keep_rows) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  if (keep_rows) {
    // A write of it that is under way may fail, and then nobody would make it again.
    slot->partition.WriteAgain();
    WorkWrite last;
    slot->partition.AppendTo(last, options_.group, entries_);
    for (log::GroupRowChange& row : last.rows) rows_[row.key] = std::move(row);
    for (const log::OffsetWrite& offset : last.offsets) offsets_[log] = offset;
  }
  RemoveUndone(*slot);
  for (const auto& [offset, redriven] : std::exchange(slot->redriven, {})) {
    --redrives_;
    Remove(redriven.entry, 0);
  }
  if (!keep_rows) DeleteRows(log);
  // What is left are lanes that dead letters block.
  for (const auto& [hash, lane] : slot->lanes) {
    lanes_[lane] = Lane();
    free_lanes_.push_back(lane);
  }
  slot_of_[slots_.at(log)].reset();
  slots_.erase(log);
}

void WorkQueue::DeleteRows(LogId log) {
  for (const std::string& prefix : {storage::WorkBlocksPrefix(options_.group, log),
                                    storage::DeadLettersPrefix(options_.group, log)}) {
    const std::string end = storage::PrefixEnd(prefix);
    rows_.erase(rows_.lower_bound(prefix), rows_.lower_bound(end));
    rows_[prefix] = {.key = prefix, .value = {}, .until = end};
  }
  const std::string mark = storage::DeadLetterMarkKey(log, options_.group);
  rows_[mark] = {.key = mark, .value = {}};
  offsets_.erase(log);
}

void WorkQueue::PrepareRewind(LogId log) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  slot->noted.emplace();
  const std::string prefix = storage::DeadLettersPrefix(options_.group, log);
  const std::string end = storage::PrefixEnd(prefix);
  for (const auto* rows : {&writing_rows_, &rows_}) {  // The later ones count.
    for (auto it = rows->lower_bound(prefix); it != rows->end() && it->first < end; ++it) {
      storage::GroupRowKeyParts parts;
      if (!storage::ParseGroupRowKey(it->first, parts)) continue;
      (*slot->noted)[Offset(parts.number)] = it->second.value.has_value();
    }
  }
}

void WorkQueue::Rewind(LogId log, Offset offset, const std::vector<Offset>& letters) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  RemoveUndone(*slot);
  absl::btree_map<Offset, bool> dead;
  for (const Offset letter : letters) dead[letter] = true;
  if (slot->noted.has_value()) {
    for (const auto& [letter, came] : *slot->noted) dead[letter] = came;
    slot->noted.reset();
  }
  std::vector<Offset> done;
  for (const auto& [letter, is_dead] : dead) {
    if (is_dead && letter >= offset) done.push_back(letter);
  }
  slot->partition.Rewind(offset, done);
}

bool WorkQueue::Unload() {
  TM_CHECK_EQ(members(), 0u);
  if (has_dying()) return false;
  for (const std::unique_ptr<Slot>& slot : slot_of_) {
    if (slot == nullptr || slot->partition.undone().empty()) continue;
    const Offset low_water = slot->partition.low_water();
    RestoredWork picture = slot->partition.Picture(entries_);
    RemoveUndone(*slot);
    slot->partition.ReadAgain(low_water, std::move(picture));
  }
  return true;
}

void WorkQueue::RemoveUndone(Slot& slot) {
  std::vector<EntryIndex> undone;
  slot.partition.undone().ForEach([&](Offset, EntryIndex entry) {
    undone.push_back(entry);
    return true;
  });
  // From the back, so that nothing becomes ready on the way.
  for (auto it = undone.rbegin(); it != undone.rend(); ++it) Remove(*it, 0);
  // What stays of a lane that somebody held may go to anybody.
  for (const auto& [offset, redriven] : slot.redriven) {
    const uint32_t lane = entries_[redriven.entry].lane;
    if (lane != kNoEntry) ReleaseLane(lane, 0);
  }
}

bool WorkQueue::wants_events() const {
  return ready_events_ == 0 || entries_.kept_bytes() < options_.readahead_bytes_max;
}

bool WorkQueue::IsFull(LogId log) const {
  const Slot* slot = FindSlot(log);
  return slot == nullptr || slot->partition.undone().size() >= options_.window_events_max ||
         MustWait(*slot);
}

bool WorkQueue::HasRoom(LogId log) const {
  const Slot* slot = FindSlot(log);
  return slot != nullptr && !MustWait(*slot) &&
         slot->partition.undone().size() <= options_.window_events_max * 3 / 4;
}

bool WorkQueue::MustWait(const Slot& slot) const {
  return options_.budget != nullptr && options_.budget->is_used_up() &&
         !slot.partition.undone().empty();
}

Offset WorkQueue::ReadFrom(LogId log) const {
  const Slot* slot = FindSlot(log);
  return slot == nullptr ? Offset(0) : slot->partition.SkipDone();
}

EntryIndex WorkQueue::MakeEntry(uint32_t slot, Offset offset) {
  const EntryIndex i = entries_.Make();
  entries_[i].partition = slot;
  entries_[i].offset = offset;
  return i;
}

void WorkQueue::AddEvents(LogId log, const WorkChunk& chunk, Offset read_to, uint64_t now_us) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  const uint32_t place = slots_.at(log);
  const uint32_t kept = entries_.AddChunk(chunk);
  for (const WorkEvent& event : chunk.events) {
    if (event.offset < slot->partition.read_to()) continue;  // Read before a rewind.
    const WorkPartition::Story story = slot->partition.Restore(event.offset);
    if (story.done) continue;
    const EntryIndex i = MakeEntry(place, event.offset);
    entries_.SetBytes(i, kept, event.entry);
    WorkEntry& entry = entries_[i];
    entry.due_us = event.not_before_us;
    if (story.tried.has_value()) {
      entry.attempts = story.tried->attempts;
      entry.first_us = story.tried->first_us;
      entry.due_us = std::max(entry.due_us, story.tried->due_us);
    }
    slot->partition.Add(event.offset, i, story.tried.has_value());
    const bool ordered = options_.mode == storage::GroupMode::kKeyOrdered && !event.key.empty();
    if (ordered) entries_[i].lane = LaneOf(place, event.key);
    if (!ordered) {
      Place(i, now_us);
    } else if (options_.retry.skip_delayed && event.not_before_us > now_us) {
      entries_[i].apart = true;
      ++lanes_[entries_[i].lane].apart;
      Place(i, now_us);
    } else {
      AppendToLane(i);
      if (lanes_[entries_[i].lane].next == i) Place(i, now_us);
    }
  }
  entries_.DropChunk(kept);
  slot->partition.ReadTo(read_to);
  // Nobody can have what is ready until it is delivered; so make room by what waits.
  if (!wants_events()) return;
  if (entries_.kept_bytes() >= options_.readahead_bytes_max) LetBytesGo();
}

void WorkQueue::ReadTo(LogId log, Offset read_to, std::optional<Offset> gap_from,
                       log::GapReason reason) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  const Offset before = std::max(gap_from.value_or(read_to), slot->partition.read_to());
  if (before < read_to) gaps_.push_back({slots_.at(log), {before, read_to, reason}});
  slot->partition.ReadTo(read_to);
}

// Nothing is ready and the bytes are used up: by events that wait for others, or for their time.
void WorkQueue::LetBytesGo() {
  for (const std::unique_ptr<Slot>& slot : slot_of_) {
    if (slot == nullptr) continue;
    slot->partition.undone().ForEach([&](Offset, EntryIndex i) {
      if (entries_[i].state != WorkEntryState::kReady) entries_.LetBytesGo(i);
      return true;
    });
    if (entries_.kept_bytes() < options_.readahead_bytes_max / 2) return;
  }
}

// --- Writing.

bool WorkQueue::dirty() const {
  if (!rows_.empty() || !offsets_.empty()) return true;
  return std::any_of(slot_of_.begin(), slot_of_.end(),
                     [](const auto& slot) { return slot != nullptr && slot->partition.dirty(); });
}

WorkWrite WorkQueue::BeginWrite() {
  TM_CHECK(!writing_);
  WorkWrite write;
  for (const std::unique_ptr<Slot>& slot : slot_of_) {
    if (slot != nullptr && slot->partition.dirty()) {
      slot->partition.AppendTo(write, options_.group, entries_);
    }
  }
  writing_rows_ = std::exchange(rows_, {});
  // Ranges of removed partitions are prefixes of what they remove, so they come first.
  for (const auto& [key, row] : writing_rows_) write.rows.push_back(row);
  writing_offsets_ = std::exchange(offsets_, {});
  for (const auto& [log, offset] : writing_offsets_) write.offsets.push_back(offset);
  writing_ = true;
  return write;
}

void WorkQueue::AgeDeliveries() {
  for (const std::unique_ptr<Slot>& slot : slot_of_) {
    if (slot != nullptr) slot->partition.AgeDeliveries(entries_);
  }
}

void WorkQueue::EndWrite(bool ok) {
  TM_CHECK(writing_);
  writing_ = false;
  for (const std::unique_ptr<Slot>& slot : slot_of_) {
    if (slot == nullptr) continue;
    ok ? slot->partition.WriteEnded() : slot->partition.WriteAgain();
  }
  if (!ok) {  // What is newer is kept.
    rows_.merge(writing_rows_);
    offsets_.merge(writing_offsets_);
  }
  writing_rows_.clear();
  writing_offsets_.clear();
}

// --- To look at.

WorkFigures WorkQueue::Figures(LogId log) const {
  WorkFigures figures;
  const Slot* slot = FindSlot(log);
  if (slot == nullptr) return figures;
  figures.window_events = slot->partition.undone().size();
  figures.in_flight_events = slot->in_flight;
  figures.waiting_events = slot->waiting;
  figures.redeliveries = slot->redeliveries;
  figures.blocked_keys = slot->blocked_keys;
  figures.dead_letters = slot->dead_letters;
  // Not by members that hold much at once.
  figures.window_blocked = figures.window_events >= options_.window_events_max &&
                           slot->ready == 0 && slot->in_flight < figures.window_events / 2;
  if (slot->in_flight == 0) return figures;
  // The oldest by offset is not exactly the oldest by time, but is found without a search.
  slot->partition.undone().ForEach([&](Offset, EntryIndex i) {
    const WorkEntry& entry = entries_[i];
    if (entry.state != WorkEntryState::kLeased) return true;
    figures.oldest_unacked_us = entry.first_us;
    return false;
  });
  return figures;
}

WorkFigures WorkQueue::Figures() const {
  WorkFigures sum;
  for (const auto& [log, place] : slots_) {
    const WorkFigures one = Figures(log);
    sum.window_events += one.window_events;
    sum.window_blocked = sum.window_blocked || one.window_blocked;
    sum.in_flight_events += one.in_flight_events;
    sum.waiting_events += one.waiting_events;
    sum.redeliveries += one.redeliveries;
    sum.blocked_keys += one.blocked_keys;
    sum.dead_letters += one.dead_letters;
    if (one.oldest_unacked_us.has_value()) {
      sum.oldest_unacked_us =
          std::min(sum.oldest_unacked_us.value_or(UINT64_MAX), *one.oldest_unacked_us);
    }
  }
  return sum;
}

uint64_t WorkQueue::InFlight(MemberNumber member) const {
  const MemberSlot slot = FindMember(member);
  return slot == kNobody ? 0 : members_[slot]->leases;
}

uint64_t WorkQueue::InFlight(LogId log) const {
  const Slot* slot = FindSlot(log);
  return slot == nullptr ? 0 : slot->in_flight;
}

std::optional<Offset> WorkQueue::Durable(LogId log) const {
  const Slot* slot = FindSlot(log);
  return slot == nullptr ? std::nullopt : slot->partition.durable();
}

}  // namespace tidemark::groups
