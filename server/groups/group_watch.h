// GroupWatch: whether a group goes on, as of the last look at it.
//
// Terms.   Stalled: there are events for the group, it is not paused, and for `stall_time` nothing
// was
//          delivered to its members, acked or committed; with members that hang, or without any.
// Threads. One at a time (its group's mutex).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "server/groups/description.h"

namespace tidemark::groups {

class GroupWatch {
 public:
  explicit GroupWatch(absl::Duration stall_time) : stall_time_(stall_time) {}

  enum class Change { kNone, kStalled, kGoesOn };
  // A look at a group that has nothing to read.
  Change SawNothing(absl::Time now) { return See(0, std::nullopt, false, now); }
  // A look at `group`, whose lag is filled in. A clock that stepped back begins a new wait.
  Change Saw(const GroupDescription& group, absl::Time now);

  bool stalled() const { return stalled_; }
  // Since when nothing happened although something was to do.
  absl::Time quiet_since() const { return quiet_since_; }
  std::optional<uint64_t> lag_events() const { return lag_events_; }
  std::optional<absl::Duration> lag_time() const { return lag_time_; }

 private:
  Change See(std::optional<uint64_t> lag_events, std::optional<absl::Duration> lag_time, bool waits,
             absl::Time now);

  // What a group whose members ack event by event looks like; any change of it is progress.
  static std::vector<uint64_t> LooksOf(const GroupDescription& group);

  const absl::Duration stall_time_;
  std::vector<uint64_t> looks_;  // As of the last look.
  bool stalled_ = false;
  absl::Time quiet_since_ = absl::InfiniteFuture();  // Before the first look.
  std::optional<uint64_t> lag_events_;
  std::optional<absl::Duration> lag_time_;
};

}  // namespace tidemark::groups
