// Course: offsets as a reader meets them, so that one piece of code walks both ways.
//
// Terms.  Near: the side of a range that is met first; forward its lower bound. Far: the other.
#pragma once

#include <algorithm>

#include "server/base/ids.h"
#include "server/log/direction.h"

namespace tidemark::delivery {

// Half-open.
struct OffsetRange {
  Offset from;
  Offset until;
  bool empty() const { return from >= until; }
  uint64_t size() const { return empty() ? 0 : until - from; }
};

class Course {
 public:
  explicit Course(log::Direction direction) : forward_(direction == log::Direction::kForward) {}

  bool forward() const { return forward_; }
  // True: `a` is met after `b`.
  bool IsAhead(Offset a, Offset b) const { return forward_ ? a > b : a < b; }
  Offset Nearer(Offset a, Offset b) const { return IsAhead(a, b) ? b : a; }
  Offset Farther(Offset a, Offset b) const { return IsAhead(a, b) ? a : b; }
  Offset Near(const OffsetRange& range) const { return forward_ ? range.from : range.until; }
  Offset Far(const OffsetRange& range) const { return forward_ ? range.until : range.from; }
  OffsetRange Range(Offset near, Offset far) const {
    return forward_ ? OffsetRange{near, far} : OffsetRange{far, near};
  }

 private:
  bool forward_;
};

}  // namespace tidemark::delivery
