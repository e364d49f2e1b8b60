#include "server/groups/in_flight.h"

#include <algorithm>

namespace tidemark::groups {

void InFlight::Add(Offset from, Offset end, uint64_t events, absl::Time now) {
  events_ += events;
  const Delivery added{from, end, events, now};
  if (!deliveries_.empty()) {
    Delivery& last = deliveries_.back();
    const bool continues =
        last.end == from && last.dense() && added.dense() && now - last.time < kTimeKept;
    if (continues || deliveries_.size() >= kDeliveriesMax) {
      last.end = end;
      last.events += events;
      return;
    }
  }
  deliveries_.push_back(added);
}

void InFlight::Ack(Offset up_to) {
  while (!deliveries_.empty() && deliveries_.front().end <= up_to) {
    events_ -= deliveries_.front().events;
    deliveries_.pop_front();
  }
  if (deliveries_.empty() || deliveries_.front().from >= up_to) return;
  Delivery& cut = deliveries_.front();
  const uint64_t left = std::min<uint64_t>(cut.events, cut.end - up_to);
  events_ -= cut.events - left;
  cut.events = left;
  cut.from = up_to;
}

}  // namespace tidemark::groups
