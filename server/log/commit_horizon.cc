#include "server/log/commit_horizon.h"

#include <utility>

#include "server/base/check.h"

namespace tidemark::log {

Position CommitHorizon::published() const {
  absl::ReaderMutexLock lock(&mu_);
  return published_;
}

bool CommitHorizon::Wait(Position position, std::weak_ptr<Waiter> waiter, uint32_t slot) {
  absl::MutexLock lock(&mu_);
  if (published_ >= position) return false;
  waiting_.push_back({position, std::move(waiter), slot});
  return true;
}

void CommitHorizon::Advance(Position position) {
  std::vector<Waiting> reached;
  {
    absl::MutexLock lock(&mu_);
    TM_CHECK_LE(published_.value(), position.value());
    published_ = position;
    std::erase_if(waiting_, [&](Waiting& w) {
      if (w.position > position) return false;
      reached.push_back(std::move(w));
      return true;
    });
  }
  for (const Waiting& w : reached) {
    if (const std::shared_ptr<Waiter> waiter = w.waiter.lock()) waiter->OnReady(w.slot);
  }
}

}  // namespace tidemark::log
