// Effects: what a Group wants done outside of it.
#pragma once

#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/groups/assignment.h"
#include "server/groups/member.h"
#include "server/log/append_request.h"

namespace tidemark::groups {

// Tell a member (MemberListener).
struct AssignedEffect {
  MemberNumber member;
  std::vector<AssignedPartition> partitions;
};
struct RevokedEffect {
  MemberNumber member;
  std::vector<LogId> logs;
  absl::Time deadline;
  uint64_t number;  // Rises from one to the next.
};
struct TakenEffect {
  MemberNumber member;
  std::vector<LogId> logs;
};
struct PausedEffect {
  MemberNumber member;
  bool paused;
};
struct ClosedEffect {
  MemberNumber member;
  absl::Status status;
};
// Call this.
struct AnswerEffect {
  absl::AnyInvocable<void() &&> answer;
};
// Write offsets, then call Group::WriteEnded. One at a time.
struct WriteEffect {
  std::vector<log::OffsetWrite> writes;
  log::Haste haste = log::Haste::kNow;
};
// Delete the group, then call Group::DeleteEnded.
struct DeleteEffect {};

using Effect = std::variant<AssignedEffect, RevokedEffect, TakenEffect, PausedEffect, ClosedEffect,
                            AnswerEffect, WriteEffect, DeleteEffect>;

}  // namespace tidemark::groups
