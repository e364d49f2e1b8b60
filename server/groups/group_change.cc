#include "server/groups/group_change.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/groups/join_request.h"
#include "server/groups/topic_names.h"

namespace tidemark::groups {
namespace {

absl::Status ModeInUse(const storage::GroupRecord& group, size_t members) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("group \"", group.name, "\" has ", members,
                                " live members, and its mode changes only without; nothing was "
                                "changed. Stop them first"),
                   {.reason = "GROUP_HAS_MEMBERS",
                    .metadata = {{"group", group.name}, {"members", absl::StrCat(members)}},
                    .fields = {{"config.mode", "changes only without live members"}}});
}

absl::Status ApplyMode(storage::GroupMode mode, size_t members, storage::GroupRecord& group) {
  if (mode == group.mode) return absl::OkStatus();
  if (members > 0) return ModeInUse(group, members);
  group.mode = mode;
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyChange(const GroupChange& change, const log::Catalog& catalog, size_t members,
                         uint64_t now_us, storage::GroupRecord& group) {
  // In the form that groups are made in.
  JoinRequest settings{.filter = change.filter};
  if (change.topics.has_value()) settings.topics = *change.topics;
  Normalize(settings);
  if (change.topics.has_value()) {
    const std::string missing = MissingTopic(catalog, settings.topics);
    if (!missing.empty()) return NoSuch("topic", missing, ". Create it, or check the name");
    group.topics = std::move(settings.topics);
  }
  if (settings.filter.has_value()) group.filter = *std::move(settings.filter);
  if (change.retry.has_value()) group.retry = *change.retry;
  if (change.mode.has_value()) {
    if (absl::Status status = ApplyMode(*change.mode, members, group); !status.ok()) return status;
  }
  if (change.paused.has_value() && *change.paused != group.paused_time_us.has_value()) {
    group.paused_time_us = *change.paused ? std::make_optional(now_us) : std::nullopt;
  }
  return absl::OkStatus();
}

}  // namespace tidemark::groups
