// Turns: which partition of a feed is next, of those whose next batch is known.
//
// Any.      Who came first goes on while it has a page: history is read in long runs.
// Commit.   Who has the lowest position (backward: the highest), so that all partitions together
//           come in the order of commits. That can be told only when the next batch of every
//           partition is known.
// Threads.  One at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "server/base/ids.h"
#include "server/log/direction.h"

namespace tidemark::delivery {

// How partitions are interleaved.
enum class Order { kAny, kCommit };

class Turns {
 public:
  struct Turn {
    uint32_t slot;
    Position position;  // Of its next batch; 0 if the order does not ask for it.
    // It may give out batches up to this position before others have to be asked.
    Position ends;
  };
  static std::unique_ptr<Turns> Make(Order order, log::Direction direction);
  virtual ~Turns() = default;

  // True: next() is right only if Set was called for every slot that may have something.
  virtual bool needs_all() const = 0;
  // `slot` has something, at `position`. Replaces what was known of it.
  virtual void Set(uint32_t slot, Position position) = 0;
  // Nothing is known of `slot`.
  virtual void Remove(uint32_t slot) = 0;
  virtual std::optional<Turn> next() const = 0;
};

}  // namespace tidemark::delivery
