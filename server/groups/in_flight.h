// InFlight: how many events of one partition are delivered and not acked.
//
// And since when the oldest of them are.
// Exact when acks fall between deliveries, or within a delivery without holes; else, and beyond
// kDeliveriesMax deliveries, an estimate. For people only: nothing is decided by it.
// Threads. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "absl/time/time.h"
#include "server/base/ids.h"

namespace tidemark::groups {

class InFlight {
 public:
  static constexpr size_t kDeliveriesMax = 256;  // Kept apart; 10 KiB.

  // Deliveries that are nearer to each other in time count as one.
  static constexpr absl::Duration kTimeKept = absl::Seconds(1);

  // `events` events from [from, end) were delivered; end is above all before.
  void Add(Offset from, Offset end, uint64_t events, absl::Time now);
  // Everything before `up_to` is done.
  void Ack(Offset up_to);
  uint64_t events() const { return events_; }
  // When the oldest one was delivered; empty: there is none.
  std::optional<absl::Time> since() const {
    return events_ == 0 ? std::nullopt : std::make_optional(deliveries_.front().time);
  }

 private:
  struct Delivery {
    Offset from;
    Offset end;
    uint64_t events;
    absl::Time time;
    bool dense() const { return events == end - from; }
  };
  std::deque<Delivery> deliveries_;
  uint64_t events_ = 0;
};

}  // namespace tidemark::groups
