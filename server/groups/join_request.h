// Joining: what a member asks for and what it gets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "server/groups/member.h"
#include "server/storage/records.h"

namespace tidemark::groups {

struct JoinRequest {
  std::string group;
  std::vector<std::string> topics;            // In any order; empty for an existing group.
  std::optional<storage::FilterSpec> filter;  // Valid (log::CheckFilter).
  storage::GroupStart start;                  // Only for a new group.
  std::optional<storage::GroupMode> mode;
  std::optional<storage::RetryPolicy> retry;
  std::string client_name;
  std::string address;
};

class WorkMember;

struct JoinResult {
  std::shared_ptr<Member> member;
  std::shared_ptr<WorkMember> work;  // Of a group whose members ack event by event; else null.
  storage::GroupRecord group;
  bool created = false;
};
using JoinCallback = absl::AnyInvocable<void(absl::StatusOr<JoinResult>) &&>;

// Sorts what has no order, and drops repetitions.
void Normalize(JoinRequest& request);

// The settings of a group that `request` (normalized) creates; without its id.
// INVALID_ARGUMENT  no topics.
absl::StatusOr<storage::GroupRecord> NewGroup(const JoinRequest& request, uint64_t now_us);

// FAILED_PRECONDITION  GROUP_SETTINGS_DIFFER: `request` (normalized) asks for something else than
//                      `group` has; lists every difference.
absl::Status CheckSettings(const storage::GroupRecord& group, const JoinRequest& request);

}  // namespace tidemark::groups
