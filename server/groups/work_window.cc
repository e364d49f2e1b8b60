#include "server/groups/work_window.h"

#include "server/base/check.h"

namespace tidemark::groups {
namespace {

uint32_t BitOf(Offset offset) { return uint32_t{1} << (offset.value() % WorkWindow::kLeaf); }

}  // namespace

WorkWindow::Leaf* WorkWindow::FindLeaf(uint64_t number) const {
  if (last_ != nullptr && last_number_ == number) return last_;
  const auto it = leaves_.find(number);
  if (it == leaves_.end()) return nullptr;
  last_ = it->second.get();
  last_number_ = number;
  return last_;
}

EntryIndex WorkWindow::Find(Offset offset) const {
  const Leaf* leaf = FindLeaf(offset.value() / kLeaf);
  if (leaf == nullptr || (leaf->undone & BitOf(offset)) == 0) return kNoEntry;
  return leaf->entries[offset.value() % kLeaf];
}

void WorkWindow::Add(Offset offset, EntryIndex entry) {
  const uint64_t number = offset.value() / kLeaf;
  Leaf* leaf = FindLeaf(number);
  if (leaf == nullptr) {
    leaf = leaves_.emplace_hint(leaves_.end(), number, std::make_unique<Leaf>())->second.get();
    last_ = leaf;
    last_number_ = number;
  }
  TM_CHECK((leaf->undone & BitOf(offset)) == 0);
  leaf->undone |= BitOf(offset);
  leaf->entries[offset.value() % kLeaf] = entry;
  ++size_;
}

void WorkWindow::Erase(Offset offset) {
  const uint64_t number = offset.value() / kLeaf;
  Leaf* leaf = FindLeaf(number);
  TM_CHECK(leaf != nullptr && (leaf->undone & BitOf(offset)) != 0);
  leaf->undone &= ~BitOf(offset);
  leaf->told &= ~BitOf(offset);
  --size_;
  if (leaf->undone != 0) return;
  last_ = nullptr;
  leaves_.erase(number);
}

void WorkWindow::Tell(Offset offset) {
  Leaf* leaf = FindLeaf(offset.value() / kLeaf);
  TM_CHECK(leaf != nullptr && (leaf->undone & BitOf(offset)) != 0);
  leaf->told |= BitOf(offset);
}

uint32_t WorkWindow::Undone(uint64_t number) const {
  const Leaf* leaf = FindLeaf(number);
  return leaf == nullptr ? 0 : leaf->undone;
}

uint32_t WorkWindow::Told(uint64_t number) const {
  const Leaf* leaf = FindLeaf(number);
  return leaf == nullptr ? 0 : leaf->told;
}

}  // namespace tidemark::groups
