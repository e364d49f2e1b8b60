// Which way a reader walks a partition.
#pragma once

namespace tidemark::log {

enum class Direction {
  kForward,   // From old to new: offsets rise.
  kBackward,  // From new to old: offsets fall.
};

}  // namespace tidemark::log
