#include "client/cpp/src/work_book.h"

#include <algorithm>
#include <utility>

namespace tidemark::internal {

void WorkBook::Receive(const Partition& partition, uint64_t offset, uint64_t delivery,
                       absl::Time now) {
  const absl::Time until = now + lease_;
  held_[partition][offset] = {.until = until, .delivery = delivery};
  turns_.push_back({until, partition, offset});
}

bool WorkBook::Holds(const Partition& partition, uint64_t offset, uint64_t delivery,
                     absl::Time now) const {
  const auto events = held_.find(partition);
  if (events == held_.end()) return false;
  const auto event = events->second.find(offset);
  return event != events->second.end() && event->second.delivery == delivery &&
         now < event->second.until;
}

void WorkBook::Forget(const Partition& partition, uint64_t offset, uint64_t delivery) {
  const auto events = held_.find(partition);
  if (events == held_.end()) return;
  const auto event = events->second.find(offset);
  if (event != events->second.end() && event->second.delivery <= delivery) {
    events->second.erase(event);
  }
}

void WorkBook::Done(const Partition& partition, uint64_t offset, absl::Time now) {
  const auto events = held_.find(partition);
  if (events == held_.end() || events->second.erase(offset) == 0) return;
  done_[partition].push_back(offset);
  if (dirty_events_++ == 0) dirty_since_ = now;
}

WorkBook::Events WorkBook::TakeAcks(size_t max) {
  Events acks;
  while (!done_.empty() && max > 0) {
    auto& [partition, offsets] = *done_.begin();
    const size_t count = std::min(max, offsets.size());
    acks[partition].assign(offsets.end() - static_cast<std::ptrdiff_t>(count), offsets.end());
    offsets.resize(offsets.size() - count);
    if (offsets.empty()) done_.erase(done_.begin());
    max -= count;
    dirty_events_ -= count;
  }
  if (dirty_events_ == 0) dirty_since_ = absl::InfiniteFuture();
  return acks;
}

absl::Time WorkBook::extend_at() const {
  return turns_.empty() ? absl::InfiniteFuture() : turns_.front().until - lease_ / 2;
}

WorkBook::Events WorkBook::TakeExtensions(size_t max, absl::Time now) {
  Events extensions;
  size_t count = 0;
  while (count < max && extend_at() <= now) {
    Turn turn = std::move(turns_.front());
    turns_.pop_front();
    const auto events = held_.find(turn.partition);
    if (events == held_.end()) continue;
    const auto event = events->second.find(turn.offset);
    if (event == events->second.end() || event->second.until != turn.until) continue;
    if (now >= turn.until) {  // Too late: it goes to others.
      events->second.erase(event);
      continue;
    }
    turn.until = now + lease_;
    event->second.until = turn.until;
    extensions[turn.partition].push_back(turn.offset);
    turns_.push_back(std::move(turn));
    ++count;
  }
  return extensions;
}

}  // namespace tidemark::internal
