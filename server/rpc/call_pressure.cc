#include "server/rpc/call_pressure.h"

#include <algorithm>

namespace tidemark::rpc {
namespace {

constexpr int64_t kLookNanos = 50'000'000;
constexpr double kNewest = 0.3;  // What the last 50 ms count in the speed.

}  // namespace

void CallPressure::Change(int64_t shorts, int64_t busy_connections, int64_t ended,
                          int64_t now_nanos) {
  if (shorts != 0) shorts_.fetch_add(shorts, std::memory_order_relaxed);
  if (busy_connections != 0) busy_.fetch_add(busy_connections, std::memory_order_relaxed);
  if (ended != 0) ended_.fetch_add(ended, std::memory_order_relaxed);
  int64_t due = next_look_nanos_.load(std::memory_order_relaxed);
  if (now_nanos < due) return;
  if (!next_look_nanos_.compare_exchange_strong(due, now_nanos + kLookNanos)) return;
  Look(now_nanos);
}

void CallPressure::Look(int64_t now_nanos) {
  const int64_t passed_nanos = now_nanos - looked_nanos_.exchange(now_nanos);
  const int64_t ended = ended_.load(std::memory_order_relaxed);
  const auto newly_ended = static_cast<double>(ended - ended_before_.exchange(ended));
  // After a pause, of which nothing is known, the speed is what it was before.
  double per_second = per_second_.load();
  if (passed_nanos < 4 * kLookNanos) {
    const double now_per_second = newly_ended * 1e9 / static_cast<double>(passed_nanos);
    per_second += kNewest * (now_per_second - per_second);
    per_second_.store(per_second);
  }
  const Backlog backlog = look_at_backlog_ == nullptr ? Backlog{} : look_at_backlog_();
  const int64_t shorts = shorts_.load(std::memory_order_relaxed) + backlog.calls;
  const auto bound =
      std::max(kShortMin, static_cast<int64_t>(per_second * absl::ToDoubleSeconds(kSoon)));
  const bool pressed = share() > 0;
  if (shorts > bound || (pressed && shorts > bound / 4)) {
    const int64_t busy =
        std::max<int64_t>({busy_.load(std::memory_order_relaxed), backlog.connections, 1});
    share_.store(std::max(kShareMin, static_cast<uint64_t>(bound / busy)));
  } else {
    share_.store(0);
  }
}

}  // namespace tidemark::rpc
