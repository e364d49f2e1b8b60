#include "server/groups/join_request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "server/base/error.h"

namespace tidemark::groups {
namespace {

void SortUnique(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

std::string Text(const std::vector<std::string>& names) { return absl::StrJoin(names, ","); }

std::string Text(const storage::FilterSpec& filter) {
  if (filter.empty()) return "all events";
  return absl::StrCat("types=", Text(filter.types), " keys=", Text(filter.keys));
}

std::string Text(storage::GroupMode mode) {
  switch (mode) {
    case storage::GroupMode::kPartitionOrdered:
      return "PARTITION_ORDERED";
    case storage::GroupMode::kKeyOrdered:
      return "KEY_ORDERED";
    case storage::GroupMode::kUnordered:
      return "UNORDERED";
  }
  return "unknown";
}

std::string Text(const storage::RetryPolicy& retry) {
  return absl::StrCat(
      "initial_backoff=", absl::FormatDuration(absl::Microseconds(retry.initial_backoff_us)),
      " backoff_factor=", retry.backoff_factor,
      " max_backoff=", absl::FormatDuration(absl::Microseconds(retry.max_backoff_us)),
      " max_attempts=",
      retry.max_attempts.has_value() ? absl::StrCat(*retry.max_attempts) : "unlimited",
      " block_key_after_dead_letter=", retry.block_key_after_dead_letter ? "true" : "false",
      " lease=", absl::FormatDuration(absl::Microseconds(retry.lease_us)),
      " skip_delayed=", retry.skip_delayed ? "true" : "false");
}

// Collects the settings that differ.
class Differences {
 public:
  template <typename Setting>
  void Compare(absl::string_view name, const Setting& group, const Setting& asked) {
    if (group == asked) return;
    names_.emplace_back(name);
    detail_.metadata.emplace_back(absl::StrCat("group_", name), Text(group));
    detail_.metadata.emplace_back(absl::StrCat("asked_", name), Text(asked));
    detail_.preconditions.push_back({.type = "GROUP_SETTING",
                                     .subject = std::string(name),
                                     .description = absl::StrCat("the group has ", Text(group),
                                                                 ", Join asks for ", Text(asked))});
  }

  absl::Status ToStatus(absl::string_view group) && {
    if (names_.empty()) return absl::OkStatus();
    const PreconditionViolation& first = detail_.preconditions.front();
    const std::string message = absl::StrCat(
        "group \"", group, "\" exists with other settings (", Text(names_), "): of ", first.subject,
        " ", first.description, ". Join with the same settings or leave them out");
    detail_.reason = "GROUP_SETTINGS_DIFFER";
    detail_.metadata.insert(detail_.metadata.begin(),
                            {{"group", std::string(group)}, {"differs", Text(names_)}});
    return MakeError(absl::StatusCode::kFailedPrecondition, message, std::move(detail_));
  }

 private:
  std::vector<std::string> names_;
  ErrorDetail detail_;
};

}  // namespace

void Normalize(JoinRequest& request) {
  SortUnique(request.topics);
  if (!request.filter.has_value()) return;
  SortUnique(request.filter->types);
  SortUnique(request.filter->keys);
}

absl::StatusOr<storage::GroupRecord> NewGroup(const JoinRequest& request, uint64_t now_us) {
  if (request.topics.empty()) {
    return InvalidField("join.topics",
                        absl::StrCat("group \"", request.group,
                                     "\" does not exist, and a new group needs topics to read"));
  }
  return storage::GroupRecord{.id = {},
                              .name = request.group,
                              .topics = request.topics,
                              .filter = request.filter.value_or(storage::FilterSpec{}),
                              .mode = request.mode.value_or(storage::GroupMode::kPartitionOrdered),
                              .start = request.start,
                              .retry = request.retry.value_or(storage::RetryPolicy{}),
                              .create_time_us = now_us};
}

absl::Status CheckSettings(const storage::GroupRecord& group, const JoinRequest& request) {
  Differences differences;
  if (!request.topics.empty()) differences.Compare("topics", group.topics, request.topics);
  if (request.filter.has_value()) differences.Compare("filter", group.filter, *request.filter);
  if (request.mode.has_value()) differences.Compare("mode", group.mode, *request.mode);
  if (request.retry.has_value()) differences.Compare("retry_policy", group.retry, *request.retry);
  return std::move(differences).ToStatus(group.name);
}

}  // namespace tidemark::groups
