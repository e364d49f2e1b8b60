// Changing a group's settings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "server/log/catalog.h"
#include "server/storage/records.h"

namespace tidemark::groups {

// The settings to change; unset ones stay.
struct GroupChange {
  std::optional<std::vector<std::string>> topics;  // At least one; in any order.
  std::optional<storage::FilterSpec> filter;       // Valid (log::CheckFilter).
  std::optional<storage::GroupMode> mode;
  std::optional<storage::RetryPolicy> retry;
  std::optional<bool> paused;
};
using ChangeCallback = absl::AnyInvocable<void(absl::StatusOr<storage::GroupRecord>) &&>;

// Makes the change in `group`, whose live members are `members`. Pausing what is paused changes
// nothing.
// NOT_FOUND            a topic that is named does not exist.
// FAILED_PRECONDITION  GROUP_HAS_MEMBERS: another mode, and it has live members.
// UNIMPLEMENTED        a mode for a later version.
absl::Status ApplyChange(const GroupChange& change, const log::Catalog& catalog, size_t members,
                         uint64_t now_us, storage::GroupRecord& group);

}  // namespace tidemark::groups
