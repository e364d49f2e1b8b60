#include "server/log/open_budget.h"

namespace tidemark::log {

void OpenBudget::Add(int64_t bytes) {
  const int64_t before = bytes_.fetch_add(bytes);
  if (before <= soft_ && before + bytes > soft_) RequestPass();
}

void OpenBudget::Remove(int64_t bytes) {
  const int64_t before = bytes_.fetch_sub(bytes);
  // Conditions are looked at again when the lock is let go.
  if (before >= hard_ && before - bytes < hard_) absl::MutexLock wake(&mu_);
}

void OpenBudget::WaitForRoom() {
  if (bytes() < hard_) return;
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &OpenBudget::HasRoomLocked));
}

void OpenBudget::RequestPass() {
  absl::MutexLock lock(&mu_);
  wanted_ = true;
}

bool OpenBudget::WaitForWork() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &OpenBudget::HasWorkLocked));
  wanted_ = false;
  return !stopping_;
}

bool OpenBudget::Pause(absl::Duration pause) {
  absl::MutexLock lock(&mu_);
  return !mu_.AwaitWithTimeout(absl::Condition(&stopping_), pause);
}

bool OpenBudget::stopping() const {
  absl::MutexLock lock(&mu_);
  return stopping_;
}

void OpenBudget::Stop() {
  absl::MutexLock lock(&mu_);
  stopping_ = true;
}

}  // namespace tidemark::log
