#include "server/base/history_pace.h"

#include <algorithm>

namespace tidemark::base {
namespace {

// 178 waits that are not late double the share again.
constexpr double kGrowth = 1 + 1.0 / 256;
// Waits that are late together have one cause.
constexpr absl::Duration kHalvedAgainAfter = absl::Milliseconds(10);

}  // namespace

void HistoryPace::LiveWorkBegins(absl::Duration waited, int64_t now_nanos) {
  absl::MutexLock lock(&mu_);
  ++figures_.waits;
  if (waited <= kLate) {
    figures_.share = std::min(1.0, figures_.share * kGrowth);
    return;
  }
  ++figures_.late_waits;
  if (now_nanos - last_halved_nanos_ < absl::ToInt64Nanoseconds(kHalvedAgainAfter)) return;
  last_halved_nanos_ = now_nanos;
  figures_.share = std::max(kShareMin, figures_.share / 2);
}

void HistoryPace::LiveDelivered(uint64_t bytes, int64_t now_nanos) {
  last_live_nanos_.store(now_nanos, std::memory_order_relaxed);
  if (owed_bytes_.load(std::memory_order_relaxed) < kOwedBytesMax) {
    owed_bytes_.fetch_add(std::min(kHistoryForLive * bytes, kOwedBytesMax),
                          std::memory_order_relaxed);
  }
}

bool HistoryPace::TakeOwedTurn() {
  uint64_t owed = owed_bytes_.load(std::memory_order_relaxed);
  while (owed >= kShortTurnBytes) {
    if (owed_bytes_.compare_exchange_weak(owed, owed - kShortTurnBytes,
                                          std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

absl::Duration HistoryPace::RestAfter(absl::Duration worked, int64_t now_nanos) {
  if (!holds_back(now_nanos) || TakeOwedTurn()) return absl::ZeroDuration();
  absl::MutexLock lock(&mu_);
  return worked * (1 / figures_.share - 1);
}

HistoryPace::Figures HistoryPace::figures() const {
  absl::MutexLock lock(&mu_);
  return figures_;
}

}  // namespace tidemark::base
