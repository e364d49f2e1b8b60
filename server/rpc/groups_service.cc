#include "server/rpc/groups_service.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/rpc/consume_messages.h"
#include "server/rpc/convert.h"
#include "server/rpc/group_settings.h"
#include "server/rpc/names.h"
#include "server/rpc/paging.h"
#include "server/rpc/work_messages.h"

namespace tidemark::rpc {
namespace {

constexpr uint64_t kOffsetsMax = 10'000;

void FillPartition(const groups::PartitionDescription& partition, v1::GroupPartition& out) {
  out.set_topic(partition.topic);
  out.set_partition(partition.partition.value());
  if (partition.committed.has_value()) out.set_committed_offset(partition.committed->value());
  out.set_start_offset(partition.start.value());
  out.set_end_offset(partition.end.value());
  out.set_lag_offsets(partition.lag_offsets);
  if (partition.lag_events.has_value()) out.set_lag_events(*partition.lag_events);
  if (partition.lag_time.has_value()) FillDuration(*partition.lag_time, *out.mutable_lag_time());
  out.set_owner(partition.owner);
  out.set_in_flight_events(partition.in_flight_events);
  out.set_redelivered_events(partition.redelivered_events);
  if (partition.last_delivery)
    FillTime(*partition.last_delivery, *out.mutable_last_delivery_time());
  if (partition.oldest_unacked) {
    FillTime(*partition.oldest_unacked, *out.mutable_oldest_unacked_time());
  }
  if (partition.work.has_value()) FillWork(*partition.work, *out.mutable_work());
}

void FillMember(const groups::MemberDescription& member, v1::GroupMember& out) {
  out.set_member_id(member.member_id);
  out.set_client_name(member.client_name);
  out.set_address(member.address);
  FillTime(member.join_time, *out.mutable_join_time());
  out.set_in_flight_events(member.in_flight_events);
  if (member.last_delivery) FillTime(*member.last_delivery, *out.mutable_last_delivery_time());
  if (member.oldest_unacked) FillTime(*member.oldest_unacked, *out.mutable_oldest_unacked_time());
}

// What is true of the group because of its members.
void FillProgress(const groups::GroupDescription& group, v1::GetGroupResponse& out) {
  std::optional<absl::Time> oldest;
  uint64_t in_flight = 0;
  for (const groups::MemberDescription& member : group.members) {
    in_flight += member.in_flight_events;
    if (!member.oldest_unacked) continue;
    oldest = std::min(oldest.value_or(*member.oldest_unacked), *member.oldest_unacked);
  }
  if (group.work.has_value() && group.work->oldest_unacked_us.has_value()) {
    oldest = absl::FromUnixMicros(static_cast<int64_t>(*group.work->oldest_unacked_us));
  }
  out.set_in_flight_events(in_flight);
  out.set_redelivered_events(group.work.has_value() ? group.work->redeliveries
                                                    : group.redelivered_events);
  if (group.last_progress) FillTime(*group.last_progress, *out.mutable_last_progress_time());
  if (oldest) FillTime(*oldest, *out.mutable_oldest_unacked_time());
  out.set_stalled(group.stalled);
}

void FillGroup(const groups::GroupDescription& group, v1::GetGroupResponse& out) {
  FillGroupConfig(group.record, *out.mutable_config());
  FillTime(absl::FromUnixMicros(group.record.create_time_us), *out.mutable_create_time());
  for (const groups::MemberDescription& member : group.members) {
    FillMember(member, *out.add_members());
  }
  for (const groups::PartitionDescription& partition : group.partitions) {
    FillPartition(partition, *out.add_partitions());
  }
  out.set_lag_offsets(group.lag_offsets);
  if (group.lag_events.has_value()) out.set_lag_events(*group.lag_events);
  if (group.lag_time.has_value()) FillDuration(*group.lag_time, *out.mutable_lag_time());
  FillProgress(group, out);
  out.set_paused(group.record.paused_time_us.has_value());
  if (group.record.paused_time_us.has_value()) {
    FillTime(absl::FromUnixMicros(static_cast<int64_t>(*group.record.paused_time_us)),
             *out.mutable_pause_time());
  }
  if (group.work.has_value()) FillWork(*group.work, *out.mutable_work());
}

absl::StatusOr<std::vector<groups::OffsetEntry>> EntriesFromProto(
    const v1::CommitOffsetsRequest& request, const RpcLimits& limits) {
  if (request.offsets().empty()) return InvalidField("offsets", "is required: at least one");
  if (request.offsets_size() > static_cast<int>(kOffsetsMax)) {
    return OverLimit("offsets", "commit_offsets_max", kOffsetsMax, request.offsets_size(),
                     "entries");
  }
  std::vector<groups::OffsetEntry> entries;
  std::set<std::pair<std::string, uint32_t>> seen;
  for (int i = 0; i < request.offsets_size(); ++i) {
    const v1::OffsetToCommit& offset = request.offsets(i);
    const std::string field = absl::StrCat("offsets[", i, "]");
    absl::Status name =
        CheckName(offset.topic(), limits.name_bytes_max, absl::StrCat(field, ".topic"));
    if (!name.ok()) return name;
    if (!seen.emplace(offset.topic(), offset.partition()).second) {
      return InvalidField(field, absl::StrCat("names partition ", offset.partition(),
                                              " of topic \"", offset.topic(), "\" a second time"));
    }
    groups::OffsetEntry& entry = entries.emplace_back();
    entry.topic = offset.topic();
    entry.partition = PartitionIndex(offset.partition());
    entry.offset = Offset(offset.offset());
    if (offset.has_expected_offset()) entry.expected = Offset(offset.expected_offset());
    if (offset.has_expected_nothing()) entry.expected = groups::NothingCommitted{};
  }
  return entries;
}

}  // namespace

absl::Status GroupsService::CheckGroupName(absl::string_view name) const {
  return CheckName(name, context_.limits.name_bytes_max, "group");
}

absl::Status GroupsService::CommitOffsets(const v1::CommitOffsetsRequest& request,
                                          v1::CommitOffsetsResponse&) {
  if (absl::Status status = CheckGroupName(request.group()); !status.ok()) return status;
  absl::StatusOr<std::vector<groups::OffsetEntry>> entries =
      EntriesFromProto(request, context_.limits);
  if (!entries.ok()) return entries.status();
  return log::AwaitDone([&](log::DoneCallback done) {
    groups_.CommitOffsets(request.group(), *std::move(entries), request.allow_rewind(),
                          std::move(done));
  });
}

absl::Status GroupsService::GetOffsets(const v1::GetOffsetsRequest& request,
                                       v1::GetOffsetsResponse& response) {
  if (absl::Status status = CheckGroupName(request.group()); !status.ok()) return status;
  absl::StatusOr<std::vector<groups::TopicPartitionOffset>> offsets =
      groups_.GetOffsets(request.group(), {request.topics().begin(), request.topics().end()});
  if (!offsets.ok()) return offsets.status();
  for (const groups::TopicPartitionOffset& offset : *offsets) {
    FillOffset(offset, *response.add_offsets());
  }
  return absl::OkStatus();
}

absl::Status GroupsService::ListGroups(const v1::ListGroupsRequest& request,
                                       v1::ListGroupsResponse& response) {
  absl::StatusOr<size_t> size = PageSize(request.page_size(), context_.limits);
  if (!size.ok()) return size.status();
  absl::StatusOr<std::string> after = NameFromPageToken(request.page_token());
  if (!after.ok()) return after.status();
  absl::StatusOr<groups::GroupPage> page = groups_.ListGroups(*after, request.prefix(), *size);
  if (!page.ok()) return page.status();
  for (const groups::GroupSummary& group : page->groups) {
    v1::GroupSummary& out = *response.add_groups();
    FillGroupConfig(group.record, *out.mutable_config());
    out.set_members(group.members);
    out.set_lag_offsets(group.lag_offsets);
  }
  if (page->more) response.set_next_page_token(PageToken(page->groups.back().record.name));
  return absl::OkStatus();
}

absl::Status GroupsService::GetGroup(const v1::GetGroupRequest& request,
                                     v1::GetGroupResponse& response) {
  if (absl::Status status = CheckGroupName(request.group()); !status.ok()) return status;
  absl::StatusOr<groups::GroupDescription> group = groups_.GetGroup(request.group());
  if (!group.ok()) return group.status();
  FillGroup(*group, response);
  return absl::OkStatus();
}

absl::Status GroupsService::DeleteGroup(const v1::DeleteGroupRequest& request,
                                        v1::DeleteGroupResponse&) {
  if (absl::Status status = CheckGroupName(request.group()); !status.ok()) return status;
  return log::AwaitDone([&](log::DoneCallback done) {
    groups_.DeleteGroup(request.group(), request.force(), std::move(done));
  });
}

}  // namespace tidemark::rpc
