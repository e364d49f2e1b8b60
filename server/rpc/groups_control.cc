// The calls of ConsumerGroups that change a group while it runs.
#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/rpc/consume_messages.h"
#include "server/rpc/convert.h"
#include "server/rpc/group_settings.h"
#include "server/rpc/groups_service.h"
#include "server/rpc/names.h"
#include "server/rpc/seek_targets.h"

namespace tidemark::rpc {
namespace {

constexpr std::array<absl::string_view, 4> kSettings = {"topics", "filter", "mode", "retry_policy"};

absl::Status CheckMask(const google::protobuf::FieldMask& mask) {
  if (mask.paths().empty()) return InvalidField("update_mask", "is required");
  for (const std::string& path : mask.paths()) {
    if (std::find(kSettings.begin(), kSettings.end(), path) != kSettings.end()) continue;
    return InvalidField("update_mask", absl::StrCat("names \"", path,
                                                    "\"; what can be changed is topics, filter, "
                                                    "mode and retry_policy"));
  }
  return absl::OkStatus();
}

absl::Status AddSetting(const std::string& path, const v1::GroupConfig& config,
                        const RpcLimits& limits, groups::GroupChange& change) {
  if (path == "topics") {
    if (config.topics().empty()) return InvalidField("config.topics", "is empty: at least one");
    auto topics = GroupTopicsFromProto(config.topics(), limits, "config.topics");
    if (!topics.ok()) return topics.status();
    change.topics = *std::move(topics);
  } else if (path == "filter") {
    auto filter = FromProto(config.filter(), limits, "config.filter");
    if (!filter.ok()) return filter.status();
    change.filter = *std::move(filter);
  } else if (path == "mode") {
    auto mode = GroupModeFromProto(config.mode(), "config.mode");
    if (!mode.ok()) return mode.status();
    if (!mode->has_value()) return InvalidField("config.mode", "is required by update_mask");
    change.mode = **mode;
  } else {
    auto retry = RetryFromProto(config.retry_policy(), "config.retry_policy");
    if (!retry.ok()) return retry.status();
    change.retry = *retry;
  }
  return absl::OkStatus();
}

absl::StatusOr<storage::GroupRecord> Change(groups::GroupCoordinator& groups,
                                            const std::string& name, groups::GroupChange change) {
  return log::Await<storage::GroupRecord>(
      [&](auto done) { groups.UpdateGroup(name, std::move(change), std::move(done)); });
}

}  // namespace

absl::Status GroupsService::UpdateGroup(const v1::UpdateGroupRequest& request,
                                        v1::UpdateGroupResponse& response) {
  absl::Status status =
      CheckName(request.config().name(), context_.limits.name_bytes_max, "config.name");
  if (!status.ok()) return status;
  if (status = CheckMask(request.update_mask()); !status.ok()) return status;
  groups::GroupChange change;
  for (const std::string& path : request.update_mask().paths()) {
    status = AddSetting(path, request.config(), context_.limits, change);
    if (!status.ok()) return status;
  }
  absl::StatusOr<storage::GroupRecord> record =
      Change(groups_, request.config().name(), std::move(change));
  if (!record.ok()) return record.status();
  FillGroupConfig(*record, *response.mutable_config());
  return absl::OkStatus();
}

absl::Status GroupsService::PauseGroup(const v1::PauseGroupRequest& request,
                                       v1::PauseGroupResponse&) {
  return SetPaused(request.group(), true);
}

absl::Status GroupsService::ResumeGroup(const v1::ResumeGroupRequest& request,
                                        v1::ResumeGroupResponse&) {
  return SetPaused(request.group(), false);
}

absl::Status GroupsService::SetPaused(const std::string& group, bool paused) {
  if (absl::Status status = CheckGroupName(group); !status.ok()) return status;
  return Change(groups_, group, {.paused = paused}).status();
}

absl::Status GroupsService::SeekGroup(const v1::SeekGroupRequest& request,
                                      v1::SeekGroupResponse& response) {
  if (absl::Status status = CheckGroupName(request.group()); !status.ok()) return status;
  auto targets = SeekTargets(context_, groups_, request);
  if (!targets.ok()) return targets.status();
  absl::StatusOr<storage::GroupRecord> group = groups_.FindRecord(request.group());
  if (!group.ok()) return group.status();
  auto moves = log::Await<std::vector<groups::SeekMove>>([&](auto done) {
    groups_.SeekGroup(request.group(), *std::move(targets), request.dry_run(), std::move(done));
  });
  if (!moves.ok()) return moves.status();
  const log::Filter filter(group->filter);
  for (const groups::SeekMove& move : *moves) {
    if (absl::Status status = FillMove(move, filter, response); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status GroupsService::FillMove(const groups::SeekMove& move, const log::Filter& filter,
                                     v1::SeekGroupResponse& response) const {
  log::CountBudget budget;
  absl::StatusOr<std::optional<uint64_t>> between = context_.log.index().Count(
      *move.partition, filter, std::min(move.from, move.to), std::max(move.from, move.to), budget);
  if (!between.ok()) return between.status();
  const uint64_t events = between->value_or(0);  // It has a value: there is no bound.
  v1::SeekedPartition& out = *response.add_partitions();
  out.set_topic(move.topic->name());
  out.set_partition(move.index.value());
  out.set_from_offset(move.from.value());
  out.set_to_offset(move.to.value());
  if (move.to < move.from) out.set_redelivered_events(events);
  if (move.to > move.from) out.set_skipped_events(events);
  FillOffset({move.topic->name(), move.index, move.to}, *response.add_offsets());
  response.set_redelivered_events(response.redelivered_events() + out.redelivered_events());
  response.set_skipped_events(response.skipped_events() + out.skipped_events());
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
