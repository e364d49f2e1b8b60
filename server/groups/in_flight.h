// InFlight: how many events of one partition are delivered and not acked.
//
// Exact when acks fall between deliveries, or within a delivery without holes; else, and beyond
// kDeliveriesMax deliveries, an estimate. For people only: nothing is decided by it.
// Threads. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "server/base/ids.h"

namespace tidemark::groups {

class InFlight {
 public:
  static constexpr size_t kDeliveriesMax = 256;  // Kept apart; 6 KiB.

  // `events` events from [from, end) were delivered; end is above all before.
  void Add(Offset from, Offset end, uint64_t events);
  // Everything before `up_to` is done.
  void Ack(Offset up_to);
  uint64_t events() const { return events_; }

 private:
  struct Delivery {
    Offset from;
    Offset end;
    uint64_t events;
    bool dense() const { return events == end - from; }
  };
  std::deque<Delivery> deliveries_;
  uint64_t events_ = 0;
};

}  // namespace tidemark::groups
