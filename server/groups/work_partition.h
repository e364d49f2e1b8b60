// WorkPartition: what a work queue knows of one partition, in memory and as rows.
//
// Terms.     undone: read, wanted by the group, and not done. read to: the filter has passed
//            everything before it. low-water mark: the first undone offset, else read to; it is the
//            committed offset. restored: what the rows said of offsets that are not read yet.
// Invariant. Everything below read to is done unless it is undone. The low-water mark only rises,
//            but by Rewind.
// Rows.      An absolute picture: a row is written again whenever what it says changed, so writes
//            may be merged, and repeated after a full queue.
// Threads.   One at a time.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "server/groups/work_entries.h"
#include "server/log/append_request.h"

namespace tidemark::groups {

// What the store remembers of a partition.
struct RestoredWork {
  struct Done {
    Offset from;
    Offset until;
  };
  struct Tried {
    Offset from;
    Offset until;
    storage::WorkBlock::Tried story;
  };
  std::vector<Done> done;        // By rising offset, none adjacent.
  std::vector<Tried> tried;      // By rising offset.
  std::vector<uint64_t> blocks;  // That have rows.
  void Add(uint64_t block, const storage::WorkBlock& row);
};

struct WorkWrite {
  std::vector<log::OffsetWrite> offsets;
  std::vector<log::GroupRowChange> rows;
  bool empty() const { return offsets.empty() && rows.empty(); }
};

class WorkPartition {
 public:
  // `committed`: of the store.
  WorkPartition(LogId log, std::optional<Offset> committed, Offset start, RestoredWork restored);

  LogId log() const { return log_; }
  Offset read_to() const { return read_to_; }
  Offset low_water() const { return undone_.empty() ? read_to_ : undone_.begin()->first; }
  // On disk.
  std::optional<Offset> durable() const { return durable_; }
  const absl::btree_map<Offset, EntryIndex>& undone() const { return undone_; }
  EntryIndex Find(Offset offset) const;
  // It was read, or is restored as done.
  bool IsKnown(Offset offset) const;

  // --- Reading, by rising offset.
  // What is restored of `offset`: nothing, that it is done, or how often it was tried.
  struct Story {
    bool done = false;
    std::optional<storage::WorkBlock::Tried> tried;
  };
  Story Restore(Offset offset);
  void Add(Offset offset, EntryIndex entry);
  void ReadTo(Offset offset);
  // Where reading may go on: behind what is restored as done.
  Offset SkipDone() const;

  void Erase(Offset offset);
  // What is known of `offset` changed.
  void Touch(Offset offset) { dirty_.insert(offset.value() / storage::kWorkBlockOffsets); }
  // Forgets everything and begins at `offset`. Requires that nothing is undone.
  void Rewind(Offset offset);

  // --- Writing. One write at a time.
  bool dirty() const {
    return !dirty_.empty() || rewound_ || low_water() != written_.value_or(first_);
  }
  void AppendTo(WorkWrite& write, storage::GroupId group, const WorkEntries& entries);
  // The write was not made; it has to be made again.
  void WriteAgain();
  void WriteEnded();

 private:
  storage::WorkBlock MakeBlock(uint64_t block, const WorkEntries& entries) const;
  void AddRestored(uint64_t base, uint64_t from, uint64_t until, storage::WorkBlock& row) const;

  const LogId log_;
  const Offset first_;  // Where it began; as good as committed until something is done.
  Offset read_to_;
  absl::btree_map<Offset, EntryIndex> undone_;
  std::deque<RestoredWork::Done> restored_done_;    // At or above read to.
  std::deque<RestoredWork::Tried> restored_tried_;  // The same.
  absl::btree_set<uint64_t> rows_;                  // Blocks with rows, on disk or on their way.
  absl::btree_set<uint64_t> dirty_;                 // Blocks to be written.
  absl::btree_set<uint64_t> writing_;               // Those of the write under way.
  std::optional<Offset> durable_;
  std::optional<Offset> written_;  // As of the write under way, or durable.
  bool rewound_ = false;           // All rows are to be deleted first.
  bool writing_rewind_ = false;
  bool in_write_ = false;
};

}  // namespace tidemark::groups
