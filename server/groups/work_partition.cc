#include "server/groups/work_partition.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "server/base/check.h"
#include "server/storage/key_schema.h"

namespace tidemark::groups {
namespace {

constexpr uint64_t kBlock = storage::kWorkBlockOffsets;
constexpr uint64_t kLeavesOfBlock = kBlock / WorkWindow::kLeaf;
static_assert(kBlock % WorkWindow::kLeaf == 0);

template <typename Visit>
void ForBits(uint32_t bits, Visit visit) {
  for (; bits != 0; bits &= bits - 1) visit(static_cast<uint32_t>(std::countr_zero(bits)));
}

void AddTried(storage::WorkBlock& row, storage::WorkBlock::Tried tried) {
  if (!row.tried.empty()) {
    storage::WorkBlock::Tried& last = row.tried.back();
    if (last.until == tried.from && last.attempts == tried.attempts &&
        last.first_us == tried.first_us && last.due_us == tried.due_us) {
      last.until = tried.until;
      return;
    }
  }
  row.tried.push_back(tried);
}

void AddDone(storage::WorkBlock& row, uint32_t from, uint32_t until) {
  if (from >= until) return;
  if (!row.done.empty() && row.done.back().until == from) {
    row.done.back().until = until;
  } else {
    row.done.push_back({from, until});
  }
}

}  // namespace

void RestoredWork::Add(uint64_t block, const storage::WorkBlock& row) {
  const Offset base(block * kBlock);
  blocks.push_back(block);
  for (const storage::WorkBlock::Done& part : row.done) {
    const Done whole{base + part.from, base + part.until};
    if (!done.empty() && done.back().until == whole.from) {
      done.back().until = whole.until;
    } else {
      done.push_back(whole);
    }
  }
  for (const storage::WorkBlock::Tried& part : row.tried) {
    tried.push_back({base + part.from, base + part.until, part});
  }
}

WorkPartition::WorkPartition(LogId log, std::optional<Offset> committed, RestoredWork restored)
    : log_(log),
      first_(committed.value_or(Offset())),
      read_to_(first_),
      restored_done_(restored.done.begin(), restored.done.end()),
      restored_tried_(restored.tried.begin(), restored.tried.end()),
      rows_(restored.blocks.begin(), restored.blocks.end()),
      durable_(committed),
      written_(committed) {
  ReadTo(read_to_);
}

bool WorkPartition::IsKnown(Offset offset) const {
  return offset < known_to_ || std::any_of(restored_done_.begin(), restored_done_.end(),
                                           [offset](const RestoredWork::Done& done) {
                                             return done.from <= offset && offset < done.until;
                                           });
}

WorkPartition::Story WorkPartition::Restore(Offset offset) {
  Story story;
  while (!restored_done_.empty() && restored_done_.front().until <= offset) {
    restored_done_.pop_front();
  }
  while (!restored_tried_.empty() && restored_tried_.front().until <= offset) {
    restored_tried_.pop_front();
  }
  story.done = !restored_done_.empty() && restored_done_.front().from <= offset;
  if (!restored_tried_.empty() && restored_tried_.front().from <= offset) {
    story.tried = restored_tried_.front().story;
  }
  return story;
}

void WorkPartition::Add(Offset offset, EntryIndex entry, bool told) {
  TM_CHECK_LE(read_to_.value(), offset.value());
  undone_.Add(offset, entry);
  if (told) undone_.Tell(offset);
}

void WorkPartition::ReadTo(Offset offset) {
  read_to_ = std::max(read_to_, offset);
  known_to_ = std::max(known_to_, read_to_);
  (void)Restore(read_to_);
}

Offset WorkPartition::SkipDone() const {
  if (restored_done_.empty() || restored_done_.front().from > read_to_) return read_to_;
  return std::max(read_to_, restored_done_.front().until);
}

void WorkPartition::Touch(uint64_t block) {
  if (block == touched_) return;
  dirty_.insert(block);
  touched_ = block;
}

void WorkPartition::Erase(Offset offset) {
  undone_.Erase(offset);
  Touch(offset.value() / kBlock);
}

void WorkPartition::Tell(Offset offset) {
  undone_.Tell(offset);
  Touch(offset.value() / kBlock);
}

void WorkPartition::Delivered(Offset offset) {
  const uint64_t block = offset.value() / kBlock;
  if (block == delivered_) return;
  young_.insert(block);
  delivered_ = block;
}

void WorkPartition::AgeDeliveries(const WorkEntries& entries) {
  for (const uint64_t block : std::exchange(aging_, {})) {
    for (uint64_t leaf = block * kLeavesOfBlock; leaf < (block + 1) * kLeavesOfBlock; ++leaf) {
      ForBits(undone_.Undone(leaf), [&](uint32_t place) {
        const Offset offset(leaf * WorkWindow::kLeaf + place);
        if (entries[undone_.Find(offset)].attempts == 1) Tell(offset);
      });
    }
  }
  aging_.swap(young_);
  delivered_ = UINT64_MAX;
}

RestoredWork WorkPartition::Picture(const WorkEntries& entries) const {
  RestoredWork picture;
  const uint64_t last = read_to_.value();
  for (uint64_t block = low_water().value() / kBlock; block * kBlock < last; ++block) {
    storage::WorkBlock row = MakeBlock(block, entries);
    // What lies behind read_to_ is still restored.
    const auto read = static_cast<uint32_t>(std::min(kBlock, last - block * kBlock));
    std::erase_if(row.done, [read](const auto& done) { return done.from >= read; });
    if (!row.done.empty()) row.done.back().until = std::min(row.done.back().until, read);
    std::erase_if(row.tried, [read](const auto& tried) { return tried.from >= read; });
    picture.Add(block, row);
  }
  return picture;
}

void WorkPartition::ReadAgain(Offset low_water, RestoredWork picture) {
  TM_CHECK(undone_.empty());
  // What is restored may begin before read_to_, which the picture tells of.
  if (!restored_done_.empty()) {
    restored_done_.front().from = std::max(restored_done_.front().from, read_to_);
  }
  if (!restored_tried_.empty()) {
    restored_tried_.front().from = std::max(restored_tried_.front().from, read_to_);
  }
  restored_done_.insert(restored_done_.begin(), picture.done.begin(), picture.done.end());
  restored_tried_.insert(restored_tried_.begin(), picture.tried.begin(), picture.tried.end());
  read_to_ = low_water;
  (void)Restore(read_to_);
}

void WorkPartition::Rewind(Offset offset, const std::vector<Offset>& done) {
  TM_CHECK(undone_.empty());
  read_before_rewind_ = known_to_;
  read_to_ = offset;
  restored_done_.clear();
  restored_tried_.clear();
  rows_.clear();
  dirty_.clear();
  for (const Offset at : done) {
    TM_CHECK_LE(offset.value(), at.value());
    if (restored_done_.empty() || restored_done_.back().until != at) {
      restored_done_.push_back({at, at});
    }
    restored_done_.back().until = at + 1;
    dirty_.insert(at.value() / kBlock);
  }
  touched_ = UINT64_MAX;
  young_.clear();
  aging_.clear();
  delivered_ = UINT64_MAX;
  rewound_ = true;
}

void WorkPartition::AddRestored(uint64_t base, uint64_t from, uint64_t until,
                                storage::WorkBlock& row) const {
  const auto clip = [&](Offset range_from, Offset range_until) {
    const uint64_t first = std::max(range_from.value(), from);
    const uint64_t last = std::max(first, std::min(range_until.value(), until));
    return std::make_pair(static_cast<uint32_t>(first - base), static_cast<uint32_t>(last - base));
  };
  for (const RestoredWork::Done& done : restored_done_) {
    if (done.from.value() >= until) break;
    const auto [first, last] = clip(done.from, done.until);
    AddDone(row, first, last);
  }
  for (const RestoredWork::Tried& tried : restored_tried_) {
    if (tried.from.value() >= until) break;
    storage::WorkBlock::Tried story = tried.story;
    std::tie(story.from, story.until) = clip(tried.from, tried.until);
    if (story.from < story.until) AddTried(row, story);
  }
}

storage::WorkBlock WorkPartition::MakeBlock(uint64_t block, const WorkEntries& entries) const {
  storage::WorkBlock row;
  const uint64_t base = block * kBlock;
  const uint64_t end = base + kBlock;
  const uint64_t read = std::clamp(read_to_.value(), base, end);
  uint64_t next = std::max(base, low_water().value());  // Not looked at yet.
  for (uint64_t leaf = next / WorkWindow::kLeaf; leaf * WorkWindow::kLeaf < read; ++leaf) {
    const uint64_t first = leaf * WorkWindow::kLeaf;
    uint32_t undone = undone_.Undone(leaf);
    ForBits(undone & undone_.Told(leaf), [&](uint32_t place) {
      const WorkEntry& entry = entries[undone_.Find(Offset(first + place))];
      if (entry.attempts == 0) return;
      const auto at = static_cast<uint32_t>(first + place - base);
      const bool leased = entry.state == WorkEntryState::kLeased;
      AddTried(row, {.from = at,
                     .until = at + 1,
                     .attempts = entry.attempts,
                     .first_us = entry.first_us,
                     .due_us = leased ? 0 : entry.due_us});
    });
    while (undone != 0) {
      const auto from = static_cast<uint32_t>(std::countr_zero(undone));
      const auto until = from + static_cast<uint32_t>(std::countr_one(undone >> from));
      AddDone(row, static_cast<uint32_t>(next - base), static_cast<uint32_t>(first + from - base));
      next = first + until;
      undone &= until == WorkWindow::kLeaf ? 0 : ~uint32_t{0} << until;
    }
  }
  if (next < read) {
    AddDone(row, static_cast<uint32_t>(next - base), static_cast<uint32_t>(read - base));
  }
  AddRestored(base, std::max(next, read), end, row);
  return row;
}

void WorkPartition::AppendTo(WorkWrite& write, storage::GroupId group, const WorkEntries& entries) {
  in_write_ = true;
  writing_ = std::exchange(dirty_, {});
  touched_ = UINT64_MAX;
  writing_rewind_ = std::exchange(rewound_, false);
  if (writing_rewind_) {
    const std::string prefix = storage::WorkBlocksPrefix(group, log_);
    write.rows.push_back({.key = prefix, .value = {}, .until = storage::PrefixEnd(prefix)});
  }
  const Offset low = low_water();
  if (written_.value_or(first_) != low || writing_rewind_) {
    write.offsets.push_back({group, log_, low});
    written_ = low;
  }
  // What is below the low-water mark says nothing any more.
  const uint64_t first = low.value() / kBlock;
  while (!rows_.empty() && *rows_.begin() < first) {
    write.rows.push_back({.key = storage::WorkBlockKey(group, log_, *rows_.begin()), .value = {}});
    writing_.insert(*rows_.begin());
    rows_.erase(rows_.begin());
  }
  for (const uint64_t block : writing_) {
    if (block < first) continue;
    const storage::WorkBlock row = MakeBlock(block, entries);
    std::string key = storage::WorkBlockKey(group, log_, block);
    if (!row.empty()) {
      rows_.insert(block);
      write.rows.push_back({.key = std::move(key), .value = storage::EncodeWorkBlock(row)});
    } else if (rows_.erase(block) > 0) {
      write.rows.push_back({.key = std::move(key), .value = {}});
    }
  }
}

void WorkPartition::WriteAgain() {
  if (!std::exchange(in_write_, false)) return;
  dirty_.insert(writing_.begin(), writing_.end());
  // Rows that were to be deleted may still be there.
  rows_.insert(writing_.begin(), writing_.end());
  writing_.clear();
  rewound_ = rewound_ || writing_rewind_;
  writing_rewind_ = false;
  written_ = durable_;
}

void WorkPartition::WriteEnded() {
  if (!std::exchange(in_write_, false)) return;
  writing_.clear();
  writing_rewind_ = false;
  durable_ = written_;
}

}  // namespace tidemark::groups
