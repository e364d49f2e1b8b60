// WorkWindow: the offsets of a partition that are read and not done, each with its entry.
//
// How.     Leaves of kLeaf offsets in a tree, of which the one that was used last is remembered:
// what
//          comes in order costs no search, and which offsets are there is asked for 32 at a time.
// Terms.   told: the offset's row has more to say of it than that it is not done.
// Memory.  A leaf is some 150 bytes; at worst one for each offset that is there.
// Threads. One at a time.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/btree_map.h"
#include "server/base/ids.h"
#include "server/groups/work_entries.h"

namespace tidemark::groups {

class WorkWindow {
 public:
  static constexpr uint64_t kLeaf = 32;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Requires !empty().
  Offset first() const {
    const auto& [number, leaf] = *leaves_.begin();
    return Offset(number * kLeaf + static_cast<uint64_t>(std::countr_zero(leaf->undone)));
  }
  // kNoEntry: it is not there.
  EntryIndex Find(Offset offset) const;
  // Requires that it is not there.
  void Add(Offset offset, EntryIndex entry);
  // Requires that it is there.
  void Erase(Offset offset);
  // Requires that it is there.
  void Tell(Offset offset);

  // The offsets [number * kLeaf, (number + 1) * kLeaf) as bits, the first one lowest.
  uint32_t Undone(uint64_t number) const;
  uint32_t Told(uint64_t number) const;

  // By rising offset, until `visit` (Offset, EntryIndex) returns false. `visit` changes nothing
  // here.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [number, leaf] : leaves_) {
      for (uint32_t bits = leaf->undone; bits != 0; bits &= bits - 1) {
        const auto place = static_cast<uint32_t>(std::countr_zero(bits));
        if (!visit(Offset(number * kLeaf + place), leaf->entries[place])) return;
      }
    }
  }

 private:
  struct Leaf {
    uint32_t undone = 0;
    uint32_t told = 0;  // Of undone.
    EntryIndex entries[kLeaf];
  };
  Leaf* FindLeaf(uint64_t number) const;

  absl::btree_map<uint64_t, std::unique_ptr<Leaf>> leaves_;  // None is empty.
  // The one that was used last; null: none.
  mutable Leaf* last_ = nullptr;
  mutable uint64_t last_number_ = 0;
  size_t size_ = 0;
};

}  // namespace tidemark::groups
