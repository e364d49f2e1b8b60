// Clock: where time comes from. Injected, so that tests move it by hand.
#pragma once

#include "absl/time/time.h"

namespace tidemark::base {

// Threads. Safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  // The time of day. May step back; who needs order must enforce it.
  virtual absl::Time Now() const = 0;
};

}  // namespace tidemark::base
