// RunMemory: in which run the batch lies that a reader will ask for next, so that a sequential
// replay asks the index once a run instead of once a page.
//
// Threads. Safe from any thread.
// Bounds.  kPlaces entries; a reader that was away for long asks the index again.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/hash/hash.h"
#include "absl/synchronization/mutex.h"
#include "server/base/ids.h"
#include "server/storage/key_schema.h"

namespace tidemark::storage {

// What a run is found by, beside its log.
struct RunPlace {
  Epoch epoch;
  Compression compression = Compression::kNone;
};

class RunMemory {
 public:
  // A batch of `log` that begins at `base` lies in the returned run, if there is one: the run may
  // have ended just before it.
  std::optional<RunPlace> Find(LogId log, Offset base) const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    const Place& place = places_[PlaceOf(log, base)];
    if (!place.used || place.log != log || place.base != base) return std::nullopt;
    return place.run;
  }
  void Remember(LogId log, Offset base, RunPlace run) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    places_[PlaceOf(log, base)] = {.used = true, .log = log, .base = base, .run = run};
  }

 private:
  static constexpr size_t kPlaces = 1024;
  struct Place {
    bool used = false;
    LogId log;
    Offset base;
    RunPlace run;
  };
  static size_t PlaceOf(LogId log, Offset base) {
    return absl::HashOf(log.value(), base.value()) % kPlaces;
  }

  mutable absl::Mutex mu_;  // Leaf.
  std::array<Place, kPlaces> places_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::storage
