#include "server/rpc/answer_queue.h"

#include <grpc/support/time.h>

#include <utility>

#include "server/base/system_clock.h"

namespace tidemark::rpc {

void AnswerQueue::Post(std::shared_ptr<Answering> call) {
  absl::MutexLock lock(&mu_);
  listed_.push_back(std::move(call));
  if (listed_.size() == 1) {
    listed_since_nanos_ = base::MonotonicNanos();
    alarm_.Set(&queue_, gpr_inf_past(GPR_CLOCK_MONOTONIC), static_cast<Tag*>(this));
  }
}

void AnswerQueue::Complete(bool) {
  const int64_t now_nanos = base::MonotonicNanos();
  int64_t since_nanos = 0;
  {
    absl::MutexLock lock(&mu_);
    answering_.swap(listed_);
    since_nanos = listed_since_nanos_;
  }
  pace_.LiveWorkBegins(absl::Nanoseconds(now_nanos - since_nanos), now_nanos);
  for (std::shared_ptr<Answering>& call : answering_) std::exchange(call, nullptr)->Answer();
  answering_.clear();
}

}  // namespace tidemark::rpc
