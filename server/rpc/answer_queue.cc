#include "server/rpc/answer_queue.h"

#include <grpc/support/time.h>

#include <utility>

namespace tidemark::rpc {

void AnswerQueue::Post(std::shared_ptr<Answering> call) {
  absl::MutexLock lock(&mu_);
  listed_.push_back(std::move(call));
  if (listed_.size() == 1) {
    alarm_.Set(&queue_, gpr_inf_past(GPR_CLOCK_MONOTONIC), static_cast<Tag*>(this));
  }
}

void AnswerQueue::Complete(bool) {
  {
    absl::MutexLock lock(&mu_);
    answering_.swap(listed_);
  }
  for (std::shared_ptr<Answering>& call : answering_) std::exchange(call, nullptr)->Answer();
  answering_.clear();
}

}  // namespace tidemark::rpc
