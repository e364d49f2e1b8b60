// WorkPartition: what a work queue knows of one partition, in memory and as rows.
//
// Terms.     undone: read, wanted by the group, and not done. read to: the filter has passed
//            everything before it. low-water mark: the first undone offset, else read to; it is the
//            committed offset. restored: what the rows said of offsets that are not read yet.
// Invariant. Everything below read to is done unless it is undone. The low-water mark only rises,
//            but by Rewind.
// Rows.      An absolute picture: a row is written again whenever what it says changed, so writes
//            may be merged, and repeated after a full queue. A first delivery is told only once the
//            event was in its member's hands for some time (AgeDeliveries): most are done by then.
// Threads.   One at a time.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "absl/container/btree_set.h"
#include "server/groups/work_entries.h"
#include "server/groups/work_window.h"
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
  WorkPartition(LogId log, std::optional<Offset> committed, RestoredWork restored);

  LogId log() const { return log_; }
  Offset read_to() const { return read_to_; }
  Offset low_water() const { return undone_.empty() ? read_to_ : undone_.first(); }
  // On disk.
  std::optional<Offset> durable() const { return durable_; }
  const WorkWindow& undone() const { return undone_; }
  EntryIndex Find(Offset offset) const { return undone_.Find(offset); }
  // It was read, perhaps before a Rewind, or is restored as done.
  bool IsKnown(Offset offset) const;

  // Perhaps it was delivered before the last Rewind.
  bool WasReadBeforeRewind(Offset offset) const { return offset < read_before_rewind_; }

  // --- Reading, by rising offset.
  // What is restored of `offset`: nothing, that it is done, or how often it was tried.
  struct Story {
    bool done = false;
    std::optional<storage::WorkBlock::Tried> tried;
  };
  Story Restore(Offset offset);
  // `told`: Restore had a story of it.
  void Add(Offset offset, EntryIndex entry, bool told);
  void ReadTo(Offset offset);
  // Where reading may go on: behind what is restored as done.
  Offset SkipDone() const;

  void Erase(Offset offset);
  // The story of `offset`, which is undone, changed: its attempts, or when it is due.
  void Tell(Offset offset);
  // `offset` was delivered for the first time.
  void Delivered(Offset offset);
  // Tells the first deliveries of before the last call that are still in somebody's hands.
  void AgeDeliveries(const WorkEntries& entries);
  // What is known from the low-water mark on, as the store would tell it.
  RestoredWork Picture(const WorkEntries& entries) const;
  // Begins again at the low-water mark, with a picture of before what was undone went.
  void ReadAgain(Offset low_water, RestoredWork picture);
  // Forgets everything and begins at `offset`, where `done` is done already, by rising offset from
  // there on. Requires that nothing is undone.
  void Rewind(Offset offset, const std::vector<Offset>& done);

  // --- Writing. One write at a time.
  bool dirty() const {
    return !dirty_.empty() || rewound_ || low_water() != written_.value_or(first_);
  }
  void AppendTo(WorkWrite& write, storage::GroupId group, const WorkEntries& entries);
  // The write was not made; it has to be made again.
  void WriteAgain();
  void WriteEnded();

 private:
  void Touch(uint64_t block);
  storage::WorkBlock MakeBlock(uint64_t block, const WorkEntries& entries) const;
  void AddRestored(uint64_t base, uint64_t from, uint64_t until, storage::WorkBlock& row) const;

  const LogId log_;
  const Offset first_;  // Where it began; as good as committed until something is done.
  Offset read_to_;
  Offset known_to_;            // The highest that read_to_ was.
  Offset read_before_rewind_;  // The same at the last Rewind; 0: there was none.
  WorkWindow undone_;
  std::deque<RestoredWork::Done> restored_done_;    // At or above read to.
  std::deque<RestoredWork::Tried> restored_tried_;  // The same.
  absl::btree_set<uint64_t> rows_;                  // Blocks with rows, on disk or on their way.
  absl::btree_set<uint64_t> dirty_;                 // Blocks to be written.
  uint64_t touched_ = UINT64_MAX;                   // One of dirty_, if there is one.
  absl::btree_set<uint64_t> young_;    // Blocks of first deliveries since AgeDeliveries,
  absl::btree_set<uint64_t> aging_;    // and before.
  uint64_t delivered_ = UINT64_MAX;    // One of young_, if there is one.
  absl::btree_set<uint64_t> writing_;  // Those of the write under way.
  std::optional<Offset> durable_;
  std::optional<Offset> written_;  // As of the write under way, or durable.
  bool rewound_ = false;           // All rows are to be deleted first.
  bool writing_rewind_ = false;
  bool in_write_ = false;
};

}  // namespace tidemark::groups
