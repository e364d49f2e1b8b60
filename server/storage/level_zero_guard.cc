#include "server/storage/level_zero_guard.h"

#include <dlfcn.h>

#include <atomic>

// MergeIteratorBuilder's constructor, and AddPointAndTombstoneIterator.
// clang-format off
#define TM_BUILDER "_ZN7rocksdb20MergeIteratorBuilder"
#define TM_BEGIN TM_BUILDER "C1EPKNS_21InternalKeyComparatorEPNS_5ArenaEbPKNS_5SliceE"
#define TM_ADD TM_BUILDER "28AddPointAndTombstoneIteratorEPNS_20InternalIteratorBaseINS_" \
                          "5SliceEEEPNS_25TruncatedRangeDelIteratorEPPS6_"
// clang-format on

namespace {

using BeginIterator = void(void* builder, const void* order, void* arena, bool by_prefix,
                           const void* bound);
using AddToIterator = void(void* builder, void* points, void* tombstones, void*** place);

template <typename Function>
Function* OfRocksDb(std::atomic<Function*>& known, const char* name) {
  Function* found = known.load(std::memory_order_acquire);
  if (found != nullptr) return found;
  found = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
  known.store(found, std::memory_order_release);
  return found;
}

std::atomic<BeginIterator*> rocksdb_begin{nullptr};
std::atomic<AddToIterator*> rocksdb_add{nullptr};

// Of the iterator that this thread is making: one is made from begin to end by one thread.
thread_local const void* newest_tombstones = nullptr;

}  // namespace

// What RocksDB calls instead of its own.
extern "C" {

BeginIterator TidemarkBeginIterator __asm__(TM_BEGIN);
AddToIterator TidemarkAddToIterator __asm__(TM_ADD);

void TidemarkBeginIterator(void* builder, const void* order, void* arena, bool by_prefix,
                           const void* bound) {
  newest_tombstones = nullptr;
  OfRocksDb(rocksdb_begin, TM_BEGIN)(builder, order, arena, by_prefix, bound);
}

void TidemarkAddToIterator(void* builder, void* points, void* tombstones, void*** place) {
  const bool again = tombstones != nullptr && tombstones == newest_tombstones;
  if (!again) newest_tombstones = tombstones;
  OfRocksDb(rocksdb_add, TM_ADD)(builder, points, again ? nullptr : tombstones, place);
}

}  // extern "C"

namespace tidemark::storage {

void GuardLevelZero() {
  OfRocksDb(rocksdb_begin, TM_BEGIN);
  OfRocksDb(rocksdb_add, TM_ADD);
}

}  // namespace tidemark::storage
