#include "server/groups/work_entries.h"

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
  TM_CHECK(entries_[i].ready == nullptr);
  LetBytesGo(i);
  entries_[i] = WorkEntry();
  free_.push_back(i);
}

void WorkEntries::PushBack(EntryList& list, EntryIndex i) {
  WorkEntry& entry = entries_[i];
  TM_CHECK(entry.list == nullptr);
  entry.list = &list;
  entry.prev = list.back;
  entry.next = kNoEntry;
  (list.back == kNoEntry ? list.front : entries_[list.back].next) = i;
  list.back = i;
  ++list.size;
}

void WorkEntries::Unlink(EntryIndex i) {
  WorkEntry& entry = entries_[i];
  if (entry.list == nullptr) return;
  EntryList& list = *entry.list;
  (entry.prev == kNoEntry ? list.front : entries_[entry.prev].next) = entry.next;
  (entry.next == kNoEntry ? list.back : entries_[entry.next].prev) = entry.prev;
  --list.size;
  entry.list = nullptr;
}

void WorkEntries::PutReady(ReadySet& set, EntryIndex i) {
  WorkEntry& entry = entries_[i];
  TM_CHECK(entry.ready == nullptr);
  set.emplace(chunks_[entry.chunk].number, entry.offset.value(), i);
  entry.ready = &set;
}

void WorkEntries::TakeReady(EntryIndex i) {
  WorkEntry& entry = entries_[i];
  if (entry.ready == nullptr) return;
  entry.ready->erase({chunks_[entry.chunk].number, entry.offset.value(), i});
  entry.ready = nullptr;
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
