#include "server/rpc/consume_messages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/utf8.h"
#include "server/rpc/convert.h"
#include "server/rpc/group_settings.h"
#include "server/rpc/names.h"

namespace tidemark::rpc {
namespace {

constexpr size_t kClientNameBytesMax = 200;
constexpr uint32_t kDeliveriesMax = 1000;

absl::StatusOr<storage::GroupStart> StartFromProto(const v1::Start& start) {
  absl::StatusOr<delivery::StartSpec> spec = FromProto(start);
  if (!spec.ok()) return spec.status();
  if (std::holds_alternative<delivery::StartEarliest>(*spec)) return storage::GroupStart{};
  if (std::holds_alternative<delivery::StartLatest>(*spec)) {
    return storage::GroupStart{.kind = storage::GroupStart::Kind::kLatest};
  }
  if (const auto* time = std::get_if<delivery::StartTime>(&*spec)) {
    return storage::GroupStart{.kind = storage::GroupStart::Kind::kTime,
                               .time_us = delivery::CeilMicros(time->time)};
  }
  return InvalidField("join.start", "must be earliest, latest or time");
}

absl::Status CheckClientName(const std::string& name) {
  if (name.size() > kClientNameBytesMax) {
    return OverLimit("join.client_name", "client_name_bytes_max", kClientNameBytesMax, name.size(),
                     "bytes");
  }
  if (!base::IsPlainText(name)) {
    return InvalidField("join.client_name", "is not valid UTF-8 without control characters");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<groups::JoinRequest> FromProto(const v1::Join& join, const RpcLimits& limits,
                                              const std::string& peer) {
  absl::Status status = CheckName(join.group(), limits.name_bytes_max, "join.group");
  if (!status.ok()) return status;
  absl::StatusOr<std::vector<std::string>> topics =
      GroupTopicsFromProto(join.topics(), limits, "join.topics");
  if (!topics.ok()) return topics.status();
  if (status = CheckClientName(join.client_name()); !status.ok()) return status;
  if (join.deliveries_max() > kDeliveriesMax) {
    return OverLimit("join.deliveries_max", "deliveries_max", kDeliveriesMax, join.deliveries_max(),
                     "deliveries");
  }
  groups::JoinRequest request{.group = join.group(), .topics = *std::move(topics)};
  if (join.has_filter()) {
    absl::StatusOr<storage::FilterSpec> filter = FromProto(join.filter(), limits, "join.filter");
    if (!filter.ok()) return filter.status();
    request.filter = *std::move(filter);
  }
  absl::StatusOr<storage::GroupStart> start = StartFromProto(join.start());
  if (!start.ok()) return start.status();
  request.start = *start;
  absl::StatusOr<std::optional<storage::GroupMode>> mode =
      GroupModeFromProto(join.mode(), "join.mode");
  if (!mode.ok()) return mode.status();
  request.mode = *mode;
  if (join.has_retry_policy()) {
    absl::StatusOr<storage::RetryPolicy> retry =
        RetryFromProto(join.retry_policy(), "join.retry_policy");
    if (!retry.ok()) return retry.status();
    request.retry = *retry;
  }
  request.client_name = join.client_name().empty() ? peer : join.client_name();
  request.address = peer;
  return request;
}

absl::StatusOr<std::vector<groups::TopicPartitionOffset>> FromProto(const v1::Ack& ack,
                                                                    const RpcLimits& limits) {
  if (ack.up_to().offsets().empty()) return InvalidField("ack.up_to.offsets", "is required");
  std::vector<groups::TopicPartitionOffset> offsets;
  for (int i = 0; i < ack.up_to().offsets_size(); ++i) {
    const v1::TopicPartitionOffset& offset = ack.up_to().offsets(i);
    absl::Status name = CheckName(offset.topic(), limits.name_bytes_max,
                                  absl::StrCat("ack.up_to.offsets[", i, "].topic"));
    if (!name.ok()) return name;
    offsets.push_back({.topic = offset.topic(),
                       .partition = PartitionIndex(offset.partition()),
                       .offset = Offset(offset.offset())});
  }
  return offsets;
}

absl::StatusOr<std::vector<groups::TopicPartition>> FromProto(const v1::Release& release,
                                                              const RpcLimits& limits) {
  if (release.partitions().empty()) return InvalidField("release.partitions", "is required");
  std::vector<groups::TopicPartition> partitions;
  for (int i = 0; i < release.partitions_size(); ++i) {
    const v1::TopicPartition& partition = release.partitions(i);
    absl::Status name = CheckName(partition.topic(), limits.name_bytes_max,
                                  absl::StrCat("release.partitions[", i, "].topic"));
    if (!name.ok()) return name;
    partitions.push_back(
        {.topic = partition.topic(), .partition = PartitionIndex(partition.partition())});
  }
  return partitions;
}

void FillOffset(const groups::TopicPartitionOffset& offset, v1::TopicPartitionOffset& out) {
  out.set_topic(offset.topic);
  out.set_partition(offset.partition.value());
  out.set_offset(offset.offset.value());
}

v1::ConsumeResponse JoinedMessage(const groups::JoinResult& joined) {
  v1::ConsumeResponse response;
  v1::Joined& message = *response.mutable_joined();
  message.set_member_id(joined.member->id());
  message.set_created(joined.created);
  FillGroupConfig(joined.group, *message.mutable_group());
  return response;
}

v1::ConsumeResponse AssignedMessage(const std::vector<groups::AssignedPartition>& partitions) {
  v1::ConsumeResponse response;
  v1::Assigned& message = *response.mutable_assigned();
  if (!partitions.empty()) message.set_assignment(partitions.front().assignment);
  for (const groups::AssignedPartition& partition : partitions) {
    FillOffset({.topic = partition.topic->name(),
                .partition = partition.partition,
                .offset = partition.from},
               *message.add_partitions());
  }
  return response;
}

v1::ConsumeResponse AckConfirmedMessage(const groups::AckResult& result) {
  v1::ConsumeResponse response;
  v1::AckConfirmed& message = *response.mutable_ack_confirmed();
  for (const groups::TopicPartitionOffset& offset : result.committed) {
    FillOffset(offset, *message.add_committed());
  }
  for (const groups::AckResult::Rejected& rejected : result.rejected) {
    v1::AckRejected& out = *message.add_rejected();
    FillOffset(rejected.ack, *out.mutable_ack());
    out.set_reason(rejected.reason == groups::AckRejection::kFenced ? "FENCED" : "OUT_OF_RANGE");
  }
  return response;
}

}  // namespace tidemark::rpc
