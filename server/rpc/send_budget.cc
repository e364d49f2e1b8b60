#include "server/rpc/send_budget.h"

#include <algorithm>
#include <utility>

namespace tidemark::rpc {

void SendBudget::Change(uint64_t from_bytes, uint64_t to_bytes) {
  bytes_.fetch_add(to_bytes - from_bytes, std::memory_order_seq_cst);  // Modulo 2^64.
  if (to_bytes < from_bytes) WakeIfRoom();
}

bool SendBudget::Enter(std::weak_ptr<Waiter> waiter) {
  const std::shared_ptr<Waiter> alive = waiter.lock();
  absl::MutexLock lock(&mu_);
  // Counted before the bytes are looked at: who lets go of them meanwhile sees one of the two.
  waiting_count_.fetch_add(1, std::memory_order_seq_cst);
  if (bytes_.load(std::memory_order_seq_cst) < bytes_max_) {
    waiting_count_.fetch_sub(1, std::memory_order_seq_cst);
    return true;
  }
  waiting_.push_back({std::move(waiter), alive.get()});
  return false;
}

void SendBudget::WakeIfRoom() {
  if (waiting_count_.load(std::memory_order_seq_cst) == 0) return;
  std::shared_ptr<Waiter> woken;
  {
    absl::MutexLock lock(&mu_);
    // Those that are gone have no use for the room.
    while (woken == nullptr && !waiting_.empty() &&
           bytes_.load(std::memory_order_seq_cst) < bytes_max_) {
      woken = waiting_.front().waiter.lock();
      waiting_.pop_front();
      waiting_count_.fetch_sub(1, std::memory_order_seq_cst);
    }
  }
  if (woken != nullptr) woken->OnRoom();
}

void SendBudget::Hurry(const Waiter* waiter) {
  std::shared_ptr<Waiter> woken;
  {
    absl::MutexLock lock(&mu_);
    const auto it = std::find_if(waiting_.begin(), waiting_.end(),
                                 [&](const Waiting& w) { return w.identity == waiter; });
    if (it == waiting_.end()) return;
    woken = it->waiter.lock();
    waiting_.erase(it);
    waiting_count_.fetch_sub(1, std::memory_order_seq_cst);
  }
  if (woken != nullptr) woken->OnRoom();
}

}  // namespace tidemark::rpc
