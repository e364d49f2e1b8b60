#include "server/groups/work_entries.h"

#include <algorithm>

#include "server/base/check.h"

namespace tidemark::groups {

EntryIndex WorkEntries::Make() {
  if (free_.empty()) {
    entries_.emplace_back();
    return static_cast<EntryIndex>(entries_.size() - 1);
  }
  const EntryIndex i = free_.back();
  free_.pop_back();
  return i;
}

void WorkEntries::Free(EntryIndex i) {
  TM_CHECK(entries_[i].list == nullptr);
  TM_CHECK_EQ(entries_[i].ready, kNobody);
  LetBytesGo(i);
  entries_[i] = WorkEntry();
  free_.push_back(i);
}

void WorkEntries::Append(EntryList& list, EntryIndex i) {
  WorkEntry& entry = entries_[i];
  entry.prev = list.back;
  entry.next = kNoEntry;
  (list.back == kNoEntry ? list.front : entries_[list.back].next) = i;
  list.back = i;
  ++list.size;
}

void WorkEntries::Remove(EntryList& list, EntryIndex i) {
  const WorkEntry& entry = entries_[i];
  (entry.prev == kNoEntry ? list.front : entries_[entry.prev].next) = entry.next;
  (entry.next == kNoEntry ? list.back : entries_[entry.next].prev) = entry.prev;
  --list.size;
}

void WorkEntries::PushBack(EntryList& list, EntryIndex i) {
  WorkEntry& entry = entries_[i];
  TM_CHECK(entry.list == nullptr);
  TM_CHECK_EQ(entry.ready, kNobody);
  entry.list = &list;
  Append(list, i);
}

void WorkEntries::Unlink(EntryIndex i) {
  WorkEntry& entry = entries_[i];
  if (entry.list == nullptr) return;
  Remove(*entry.list, i);
  entry.list = nullptr;
}

EntryList& WorkEntries::ReadyList(Chunk& chunk, MemberSlot whose) {
  for (Chunk::Ready& ready : chunk.ready) {
    if (ready.whose == whose) return ready.list;
  }
  if (ready_of_.size() <= whose) ready_of_.resize(whose + 1);
  ready_of_[whose].chunks[chunk.number] = static_cast<uint32_t>(&chunk - chunks_.data());
  return chunk.ready.emplace_back(Chunk::Ready{whose, {}}).list;
}

void WorkEntries::PutReady(MemberSlot whose, EntryIndex i) {
  WorkEntry& entry = entries_[i];
  TM_CHECK_EQ(entry.ready, kNobody);
  TM_CHECK(entry.list == nullptr);
  Append(ReadyList(chunks_[entry.chunk], whose), i);
  ++ready_of_[whose].count;
  entry.ready = whose;
}

void WorkEntries::TakeReady(EntryIndex i) {
  WorkEntry& entry = entries_[i];
  if (entry.ready == kNobody) return;
  Remove(ReadyList(chunks_[entry.chunk], entry.ready), i);
  --ready_of_[entry.ready].count;
  entry.ready = kNobody;
}

void WorkEntries::ForgetReady(Chunk& chunk, MemberSlot whose) {
  ready_of_[whose].chunks.erase(chunk.number);
  const auto it = std::find_if(chunk.ready.begin(), chunk.ready.end(),
                               [whose](const Chunk::Ready& ready) { return ready.whose == whose; });
  TM_CHECK_EQ(it->list.size, 0u);
  chunk.ready.erase(it);
}

uint32_t WorkEntries::OldestReady(MemberSlot whose) {
  if (ready_count(whose) == 0) return kNoEntry;
  const auto& chunks = ready_of_[whose].chunks;
  while (true) {
    const uint32_t oldest = chunks.begin()->second;
    if (FirstReady(whose, oldest) != kNoEntry) return oldest;
    ForgetReady(chunks_[oldest], whose);
  }
}

EntryIndex WorkEntries::FirstReady(MemberSlot whose, uint32_t chunk) const {
  for (const Chunk::Ready& ready : chunks_[chunk].ready) {
    if (ready.whose == whose) return ready.list.front;
  }
  return kNoEntry;
}

uint32_t WorkEntries::AddChunk(const WorkChunk& chunk) {
  uint32_t i = 0;
  if (free_chunks_.empty()) {
    chunks_.emplace_back();
    i = static_cast<uint32_t>(chunks_.size() - 1);
  } else {
    i = free_chunks_.back();
    free_chunks_.pop_back();
  }
  chunks_[i] = {
      .header = chunk.header, .owners = chunk.owners, .users = 1, .number = ++chunks_made_};
  kept_bytes_ += chunk.header.events_bytes;
  return i;
}

void WorkEntries::DropChunk(uint32_t i) {
  Chunk& chunk = chunks_[i];
  if (--chunk.users > 0) return;
  while (!chunk.ready.empty()) ForgetReady(chunk, chunk.ready.back().whose);
  kept_bytes_ -= chunk.header.events_bytes;
  chunk = Chunk();
  free_chunks_.push_back(i);
}

void WorkEntries::SetBytes(EntryIndex i, uint32_t chunk, absl::string_view bytes) {
  LetBytesGo(i);
  ++chunks_[chunk].users;
  entries_[i].chunk = chunk;
  entries_[i].bytes = bytes.data();
  entries_[i].size = static_cast<uint32_t>(bytes.size());
}

void WorkEntries::LetBytesGo(EntryIndex i) {
  WorkEntry& entry = entries_[i];
  if (entry.chunk == kNoEntry) return;
  DropChunk(std::exchange(entry.chunk, kNoEntry));
  entry.bytes = nullptr;
}

}  // namespace tidemark::groups
