// WorkEntries: the events of a work queue that are not done, in one block of memory, with lists
// through them; and the batches that hold their bytes.
//
// Invariant. An entry is in at most one list, or is ready. A batch is kept while an entry refers to
//            it.
// Ready.     What may be delivered is listed by batch, for anybody or for one member: so a
// delivery,
//            which is of one batch, finds all of it that is ready, whatever order it became so in.
//            Older batches come first.
// Threads.   One at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "server/groups/assignment.h"
#include "server/groups/work_types.h"

namespace tidemark::groups {

using EntryIndex = uint32_t;
inline constexpr uint32_t kNoEntry = UINT32_MAX;

// A member's number within a queue; whoever comes later may get it again.
using MemberSlot = uint32_t;
inline constexpr MemberSlot kAnybody = 0;
inline constexpr MemberSlot kNobody = UINT32_MAX;

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

struct WorkEntry {
  // What every event needs on its way comes first.
  Offset offset;
  uint32_t partition = 0;
  uint32_t lane = kNoEntry;
  EntryIndex lane_prev = kNoEntry;
  EntryIndex lane_next = kNoEntry;
  EntryIndex prev = kNoEntry;
  EntryIndex next = kNoEntry;
  EntryList* list = nullptr;
  uint64_t due_us = 0;  // kLeased: the lease's end. Else not to be delivered before.
  WorkEntryState state = WorkEntryState::kWaiting;
  bool redriven = false;         // Below the committed offset; lives in its dead letter.
  bool timer = false;            // A timer has it, for `due_us`.
  bool apart = false;            // Has a lane and is not in it: skip_delayed.
  bool dying = false;            // Becomes a dead letter once its bytes are read.
  MemberSlot member = kAnybody;  // kLeased: whose it is.
  MemberSlot ready = kNobody;    // kReady: whose it may be.
  uint32_t chunk = kNoEntry;     // kNoEntry: the bytes are not in memory.
  uint32_t size = 0;
  const char* bytes = nullptr;
  uint64_t first_us = 0;  // Of the first delivery; 0: none.
  uint32_t attempts = 0;
  uint32_t attempts_before = 0;  // Those that a redrive does not count.
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

  // --- Ready. Requires bytes; until TakeReady they stay.
  void PutReady(MemberSlot whose, EntryIndex i);
  // No longer, if it was.
  void TakeReady(EntryIndex i);
  uint64_t ready_count(MemberSlot whose) const {
    return whose < ready_of_.size() ? ready_of_[whose].count : 0;
  }
  // The oldest batch with something ready for `whose`; kNoEntry: there is none.
  uint32_t OldestReady(MemberSlot whose);
  // The first of that batch, as they became ready; kNoEntry: there is none.
  EntryIndex FirstReady(MemberSlot whose, uint32_t chunk) const;

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
    struct Ready {
      MemberSlot whose;
      EntryList list;
    };
    absl::InlinedVector<Ready, 2> ready;  // Each in its ReadyOf::chunks; may be empty.
  };
  const Chunk& chunk(uint32_t i) const { return chunks_[i]; }
  // Of the batches that are kept.
  uint64_t kept_bytes() const { return kept_bytes_; }
  // Of entries with what is around them, and of kept batches.
  uint64_t memory_bytes() const {
    return (entries_.size() - free_.size()) * kEntryBytes + kept_bytes_;
  }

 private:
  // With its share of the window's leaves and of its lane.
  static constexpr uint64_t kEntryBytes = sizeof(WorkEntry) + 64;

  // What is ready for somebody.
  struct ReadyOf {
    uint64_t count = 0;
    absl::btree_map<uint64_t, uint32_t> chunks;  // By number; some may have nothing left.
  };
  void Append(EntryList& list, EntryIndex i);
  void Remove(EntryList& list, EntryIndex i);
  // Of the batch, made if there is none.
  EntryList& ReadyList(Chunk& chunk, MemberSlot whose);
  void ForgetReady(Chunk& chunk, MemberSlot whose);

  std::vector<WorkEntry> entries_;
  std::vector<EntryIndex> free_;
  std::vector<Chunk> chunks_;
  std::vector<uint32_t> free_chunks_;
  std::vector<ReadyOf> ready_of_;  // By whose.
  uint64_t kept_bytes_ = 0;
  uint64_t chunks_made_ = 0;
};

}  // namespace tidemark::groups
