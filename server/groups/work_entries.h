// WorkEntries: the events of a work queue that are not done, in one block of memory, with lists
// through them; and the batches that hold their bytes.
//
// Invariant. An entry is in at most one list. A batch is kept while an entry refers to it.
// Threads.   One at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"
#include "server/groups/assignment.h"
#include "server/groups/work_types.h"

namespace tidemark::groups {

using EntryIndex = uint32_t;
inline constexpr uint32_t kNoEntry = UINT32_MAX;

enum class WorkEntryState : uint8_t {
  kWaiting,  // Behind others of its lane, or the lane is blocked. In no list.
  kTimed,    // Until `due_us`. In no list, but a timer has it.
  kUnread,   // It may be delivered, once its bytes are read again. In the list of those to read.
  kReading,  // Somebody reads them. In no list.
  kReady,    // May be delivered.
  kLeased,   // In a member's list, or a timer has it.
};

struct EntryList {
  EntryIndex front = kNoEntry;
  EntryIndex back = kNoEntry;
  uint32_t size = 0;
};

// What may be delivered, by batch as it was read, then offset: so a delivery, which is of one
// batch, finds all of it that is ready, whatever order it became so in.
using ReadyKey = std::tuple<uint64_t, uint64_t, EntryIndex>;
using ReadySet = absl::btree_set<ReadyKey>;

struct WorkEntry {
  Offset offset;
  uint64_t first_us = 0;  // Of the first delivery; 0: none.
  uint64_t due_us = 0;    // kLeased: the lease's end. Else not to be delivered before.
  const char* bytes = nullptr;
  uint32_t size = 0;
  uint32_t chunk = kNoEntry;  // kNoEntry: the bytes are not in memory.
  uint32_t partition = 0;
  uint32_t lane = kNoEntry;
  EntryIndex lane_prev = kNoEntry;
  EntryIndex lane_next = kNoEntry;
  EntryIndex prev = kNoEntry;
  EntryIndex next = kNoEntry;
  EntryList* list = nullptr;
  ReadySet* ready = nullptr;  // kReady: the set it is in.
  uint64_t member = 0;
  uint32_t attempts = 0;
  uint32_t attempts_before = 0;  // Those that a redrive does not count.
  WorkEntryState state = WorkEntryState::kWaiting;
  bool redriven = false;  // Below the committed offset; lives in its dead letter.
  bool timer = false;     // A timer has it, for `due_us`.
  bool apart = false;     // Has a lane and is not in it: skip_delayed.
  bool dying = false;     // Becomes a dead letter once its bytes are read.
};

class WorkEntries {
 public:
  EntryIndex Make();
  void Free(EntryIndex i);
  WorkEntry& operator[](EntryIndex i) { return entries_[i]; }
  const WorkEntry& operator[](EntryIndex i) const { return entries_[i]; }

  void PushBack(EntryList& list, EntryIndex i);
  // From the list that it is in, if any.
  void Unlink(EntryIndex i);

  // Requires bytes; until TakeReady they stay.
  void PutReady(ReadySet& set, EntryIndex i);
  // Out of the set that it is in, if any.
  void TakeReady(EntryIndex i);

  // --- Bytes.
  // Keeps the chunk for entries that will refer to it; drop it with DropChunk.
  uint32_t AddChunk(const WorkChunk& chunk);
  void DropChunk(uint32_t chunk);
  void SetBytes(EntryIndex i, uint32_t chunk, absl::string_view bytes);
  void LetBytesGo(EntryIndex i);
  struct Chunk {
    storage::BatchHeader header;
    std::vector<std::shared_ptr<const void>> owners;
    uint32_t users = 0;
    uint64_t number = 0;  // By reading.
  };
  const Chunk& chunk(uint32_t i) const { return chunks_[i]; }
  // Of the batches that are kept.
  uint64_t kept_bytes() const { return kept_bytes_; }

 private:
  std::vector<WorkEntry> entries_;
  std::vector<EntryIndex> free_;
  std::vector<Chunk> chunks_;
  std::vector<uint32_t> free_chunks_;
  uint64_t kept_bytes_ = 0;
  uint64_t chunks_made_ = 0;
};

}  // namespace tidemark::groups
