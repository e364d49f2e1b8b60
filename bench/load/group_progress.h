// What the members of a group load have done together.
#ifndef TIDEMARK_BENCH_LOAD_GROUP_PROGRESS_H_
#define TIDEMARK_BENCH_LOAD_GROUP_PROGRESS_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace tidemark::bench {

class GroupProgress {
 public:
  // `events` are to be acked by `members`.
  GroupProgress(uint32_t members, uint64_t events) : members_(members), events_(events) {}

  void OnJoined();
  void OnAcked(uint64_t events);
  // A member cannot go on: nobody waits longer. The first reason counts; what ends after everything
  // is acked is no failure.
  void Fail(absl::Status reason);

  // Wait until that is so. A member's failure ends it, too.
  // DATA_LOSS          more was acked than there is.
  // DEADLINE_EXCEEDED  nothing came nearer to it for a while.
  absl::Status AwaitJoined();
  absl::Status AwaitAcked();

 private:
  bool AllJoinedLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  bool EndedLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_);

  const uint32_t members_;
  const uint64_t events_;
  absl::Mutex mu_;  // Leaf.
  uint32_t joined_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t acked_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_GROUP_PROGRESS_H_
