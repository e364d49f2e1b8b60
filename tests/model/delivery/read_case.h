// ReadCase: one read of a ReadWorld, cut anywhere and resumed by cursor, checked against the world.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/model/delivery/read_world.h"

namespace tidemark::delivery {

// One value of each dimension of the matrix.
struct ReadShape {
  enum class Start { kDefault, kEnds, kOffsets, kTime, kLastN, kCursor, kCount };
  enum class Stop { kDefault, kOffsets, kTime, kNever, kCount };
  enum class Filter { kNone, kType, kPrefix, kKey, kBoth, kRare, kNothing, kCount };
  enum class Bytes { kDefault, kOne, kSmall, kCount };

  Start start = Start::kDefault;
  Stop stop = Stop::kDefault;  // kNever: a Subscribe.
  Filter filter = Filter::kNone;
  Bytes bytes = Bytes::kDefault;
  bool backward = false;
  bool commit = false;
  bool without_data = false;
  bool limited = false;  // events_max.

  // Every shape there is.
  static std::vector<ReadShape> All();
  std::string ToString() const;
};

// Reads `shape` with random values and checks it; the first difference, or "".
std::string RunCase(ReadWorld& world, const ReadShape& shape);

}  // namespace tidemark::delivery
