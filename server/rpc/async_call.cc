#include "server/rpc/async_call.h"

#include <vector>

namespace tidemark::rpc {

void CallRegistry::CallEnds() {
  if (calls_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  absl::MutexLock lock(&mu_);  // Wakes WaitUntilNoCalls.
}

void CallRegistry::ClientLeaves() {
  if (active_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  absl::MutexLock lock(&mu_);  // Wakes WaitUntilAnswered.
}

void CallRegistry::WaitUntilAnswered(absl::Duration timeout) {
  const auto none = [this] { return active_.load(std::memory_order_acquire) == 0; };
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&none), timeout);
}

bool CallRegistry::AddStream(std::weak_ptr<Drainable> stream, Drainable* identity) {
  absl::MutexLock lock(&mu_);
  if (draining_ || streams_.size() >= streams_max_) return false;
  streams_[identity] = std::move(stream);
  return true;
}

void CallRegistry::RemoveStream(Drainable* identity) {
  absl::MutexLock lock(&mu_);
  streams_.erase(identity);
}

uint64_t CallRegistry::streams() const {
  absl::MutexLock lock(&mu_);
  return streams_.size();
}

bool CallRegistry::draining() const {
  absl::MutexLock lock(&mu_);
  return draining_;
}

void CallRegistry::Drain() {
  std::vector<std::weak_ptr<Drainable>> streams;
  {
    absl::MutexLock lock(&mu_);
    draining_ = true;
    for (const auto& [identity, stream] : streams_) streams.push_back(stream);
  }
  for (const std::weak_ptr<Drainable>& stream : streams) {
    if (const std::shared_ptr<Drainable> alive = stream.lock()) alive->Drain();
  }
}

void CallRegistry::WaitUntilNoCalls() {
  const auto none = [this] { return calls_.load(std::memory_order_acquire) == 0; };
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(&none));
}

}  // namespace tidemark::rpc
