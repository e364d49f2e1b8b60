#include "server/rpc/send_budget.h"

#include <algorithm>
#include <utility>

namespace tidemark::rpc {

void SendBudget::Change(uint64_t from_bytes, uint64_t to_bytes) {
  bytes_.fetch_add(to_bytes - from_bytes, std::memory_order_seq_cst);  // Modulo 2^64.
  if (to_bytes < from_bytes) WakeIfRoom();
}

bool SendBudget::Enter(std::weak_ptr<Waiter> waiter, bool have_taken) {
  const std::shared_ptr<Waiter> alive = waiter.lock();
  absl::MutexLock lock(&mu_);
  // Counted before the bytes are looked at: who lets go of them meanwhile sees one of the two.
  waiting_count_.fetch_add(1, std::memory_order_seq_cst);
  if (bytes_.load(std::memory_order_seq_cst) < bytes_max_) {
    waiting_count_.fetch_sub(1, std::memory_order_seq_cst);
    return true;
  }
  waiting_[have_taken ? 1 : 0].push_back({std::move(waiter), alive.get()});
  return false;
}

std::shared_ptr<SendBudget::Waiter> SendBudget::PopLocked() {
  turn_ = 1 - turn_;
  if (waiting_[turn_].empty()) turn_ = 1 - turn_;
  std::shared_ptr<Waiter> waiter = waiting_[turn_].front().waiter.lock();
  waiting_[turn_].pop_front();
  waiting_count_.fetch_sub(1, std::memory_order_seq_cst);
  return waiter;
}

void SendBudget::WakeIfRoom() {
  if (waiting_count_.load(std::memory_order_seq_cst) == 0) return;
  std::shared_ptr<Waiter> woken;
  {
    absl::MutexLock lock(&mu_);
    // Those that are gone have no use for the room.
    while (woken == nullptr && !(waiting_[0].empty() && waiting_[1].empty()) &&
           bytes_.load(std::memory_order_seq_cst) < bytes_max_) {
      woken = PopLocked();
    }
  }
  if (woken != nullptr) woken->OnRoom();
}

void SendBudget::Hurry(const Waiter* waiter) {
  std::shared_ptr<Waiter> woken;
  {
    absl::MutexLock lock(&mu_);
    for (std::deque<Waiting>& waiting : waiting_) {
      const auto it = std::find_if(waiting.begin(), waiting.end(),
                                   [&](const Waiting& w) { return w.identity == waiter; });
      if (it == waiting.end()) continue;
      woken = it->waiter.lock();
      waiting.erase(it);
      waiting_count_.fetch_sub(1, std::memory_order_seq_cst);
      break;
    }
  }
  if (woken != nullptr) woken->OnRoom();
}

}  // namespace tidemark::rpc
