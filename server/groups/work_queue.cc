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
                             std::optional<Offset> committed, Offset start, RestoredWork restored) {
  const LogId log = topic->log(index);
  const bool added = slots_.emplace(log, static_cast<uint32_t>(slot_of_.size())).second;
  TM_CHECK(added);
  slot_of_.push_back(std::make_unique<Slot>(
      topic, index, WorkPartition(log, committed, start, std::move(restored))));
}

void WorkQueue::RemovePartition(LogId log, bool keep_rows) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  Rewind(log, Offset(0));
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
}

void WorkQueue::Rewind(LogId log, Offset offset) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  std::vector<EntryIndex> undone;
  for (const auto& [at, entry] : slot->partition.undone()) undone.push_back(entry);
  // From the back, so that nothing becomes ready on the way.
  for (auto it = undone.rbegin(); it != undone.rend(); ++it) Remove(*it, 0);
  slot->partition.Rewind(offset);
}

bool WorkQueue::wants_events() const {
  return ready_events_ == 0 || entries_.kept_bytes() < options_.readahead_bytes_max;
}

bool WorkQueue::IsFull(LogId log) const {
  const Slot* slot = FindSlot(log);
  return slot == nullptr || slot->partition.undone().size() >= options_.window_events_max;
}

bool WorkQueue::HasRoom(LogId log) const {
  const Slot* slot = FindSlot(log);
  return slot != nullptr && slot->partition.undone().size() <= options_.window_events_max * 3 / 4;
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
    slot->partition.Add(event.offset, i);
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

void WorkQueue::ReadTo(LogId log, Offset read_to, std::optional<Offset> gap_from) {
  Slot* slot = FindSlot(log);
  if (slot == nullptr) return;
  const Offset before = std::max(gap_from.value_or(read_to), slot->partition.read_to());
  if (before < read_to) gaps_.push_back({slots_.at(log), {before, read_to}});
  slot->partition.ReadTo(read_to);
}

// Nothing is ready and the bytes are used up: by events that wait for others, or for their time.
void WorkQueue::LetBytesGo() {
  for (const std::unique_ptr<Slot>& slot : slot_of_) {
    if (slot == nullptr) continue;
    for (const auto& [offset, i] : slot->partition.undone()) {
      if (entries_[i].state != WorkEntryState::kReady) entries_.LetBytesGo(i);
    }
    if (entries_.kept_bytes() < options_.readahead_bytes_max / 2) return;
  }
}

// --- Writing.

bool WorkQueue::dirty() const {
  if (!rows_.empty()) return true;
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
  writing_ = true;
  return write;
}

void WorkQueue::EndWrite(bool ok) {
  TM_CHECK(writing_);
  writing_ = false;
  for (const std::unique_ptr<Slot>& slot : slot_of_) {
    if (slot == nullptr) continue;
    ok ? slot->partition.WriteEnded() : slot->partition.WriteAgain();
  }
  if (!ok) rows_.merge(writing_rows_);  // Keeps what is newer.
  writing_rows_.clear();
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
  for (const auto& [offset, i] : slot->partition.undone()) {
    if (slot->in_flight == 0) break;
    const WorkEntry& entry = entries_[i];
    if (entry.state != WorkEntryState::kLeased) continue;
    // The oldest by offset is not exactly the oldest by time, but is found without a search.
    figures.oldest_unacked_us = entry.first_us;
    break;
  }
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
  const auto it = members_.find(member.value());
  return it == members_.end() ? 0 : it->second->leases;
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
