// A clock that never jumps, for deadlines; its zero means nothing.
#ifndef TIDEMARK_CLIENT_SRC_STEADY_TIME_H_
#define TIDEMARK_CLIENT_SRC_STEADY_TIME_H_

#include <chrono>

#include "absl/time/time.h"

namespace tidemark::internal {

inline absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_STEADY_TIME_H_
