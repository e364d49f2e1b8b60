// Conditions of requests, checked against what the group's earlier requests leave behind.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/log/commit_group.h"

namespace tidemark::log {

uint64_t CommitGroup::CountInGroup(LogId log, absl::string_view key, Offset from) const {
  const auto it = logs_.find(log);
  if (it == logs_.end()) return 0;
  const uint64_t hash = HashOfKey(key);
  uint64_t count = 0;
  for (const LogBatches::Open& open : it->second.open) {
    if (open.base + open.count <= from) continue;
    const uint64_t skip = from > open.base ? from - open.base : 0;
    if (!MayHoldKey(open.terms.key_hashes, open.count, hash, skip)) continue;
    const absl::string_view events = open.buffer != nullptr ? *open.buffer : open.events;
    count += CountKeyIn(events, open.base, key, from);
  }
  return count;
}

absl::Status CommitGroup::CheckConditions(const AppendRequest& request,
                                          std::vector<KeyCount>& counts) {
  std::vector<FailedCondition> failed;
  for (const KeyCondition& condition : request.conditions) {
    if (context_.catalog.FindById(condition.topic->id()) == nullptr) {
      return NoSuch("topic", condition.topic->name(), ": it was deleted");
    }
    absl::StatusOr<KeyCount> count = context_.keys.CountStaged(condition);
    if (!count.ok()) return count.status();
    const LogId log = condition.opened->log();
    count->events += CountInGroup(log, condition.key, count->until);
    count->until = std::max(count->until, condition.opened->next_offset());
    if (!condition.Holds(count->events)) failed.push_back({&condition, count->events});
    counts.push_back(*count);
  }
  if (failed.empty()) return absl::OkStatus();
  // So that who tries again soon finds it at hand.
  for (size_t i = 0; i < counts.size(); ++i) {
    const KeyCondition& condition = request.conditions[i];
    context_.keys.Remember(condition.opened->log(), condition.key, counts[i]);
  }
  return ConditionsFailed(failed);
}

std::vector<KeyRevision> CommitGroup::RevisionsAfter(const AppendRequest& request,
                                                     const std::vector<KeyCount>& before) {
  std::vector<KeyRevision> revisions;
  revisions.reserve(request.conditions.size());
  for (size_t i = 0; i < request.conditions.size(); ++i) {
    const KeyCondition& condition = request.conditions[i];
    const LogId log = condition.opened->log();
    const uint64_t events = before[i].events + CountInGroup(log, condition.key, before[i].until);
    context_.keys.Remember(log, condition.key,
                           {.events = events, .until = condition.opened->next_offset()});
    revisions.push_back({.topic = condition.topic->id(),
                         .key = condition.key,
                         .revision = events == 0 ? std::nullopt : std::make_optional(events - 1)});
  }
  return revisions;
}

}  // namespace tidemark::log
