// Backoff: how long to wait before the next try: doubling from the shortest to the longest, each
// pause anywhere between half of it and all of it, so that many clients do not come at once.
//
// Threads. One thread.
#ifndef TIDEMARK_CLIENT_SRC_BACKOFF_H_
#define TIDEMARK_CLIENT_SRC_BACKOFF_H_

#include <algorithm>

#include "absl/random/random.h"
#include "absl/time/time.h"

namespace tidemark::internal {

class Backoff {
 public:
  Backoff(absl::Duration min, absl::Duration max) : min_(min), max_(max), next_(min) {}

  // The pause before the next try.
  absl::Duration Next() {
    const absl::Duration pause = next_;
    next_ = std::min(next_ * 2, max_);
    return pause * absl::Uniform(random_, 0.5, 1.0);
  }

  // A try succeeded.
  void Reset() { next_ = min_; }

 private:
  const absl::Duration min_;
  const absl::Duration max_;
  absl::Duration next_;
  absl::BitGen random_;
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_BACKOFF_H_
