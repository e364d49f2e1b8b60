#include "client/cpp/src/convert.h"

#include <optional>
#include <variant>

namespace tidemark::internal {
namespace {

// Calls the one function of `functions` that takes the alternative held.
template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

std::vector<std::string> ToVector(const google::protobuf::RepeatedPtrField<std::string>& strings) {
  return {strings.begin(), strings.end()};
}

void SetIf(bool is_set, const google::protobuf::Timestamp& proto, std::optional<absl::Time>* out) {
  if (is_set) *out = internal::FromProto(proto);
}

GroupMember FromProto(const v1::GroupMember& proto) {
  GroupMember member;
  member.member_id = proto.member_id();
  member.client_name = proto.client_name();
  member.address = proto.address();
  member.join_time = internal::FromProto(proto.join_time());
  member.in_flight_events = proto.in_flight_events();
  SetIf(proto.has_last_delivery_time(), proto.last_delivery_time(), &member.last_delivery_time);
  SetIf(proto.has_oldest_unacked_time(), proto.oldest_unacked_time(), &member.oldest_unacked_time);
  return member;
}

GroupPartition FromProto(const v1::GroupPartition& proto) {
  GroupPartition partition;
  partition.topic = proto.topic();
  partition.partition = proto.partition();
  if (proto.has_committed_offset()) partition.committed_offset = proto.committed_offset();
  partition.start_offset = proto.start_offset();
  partition.end_offset = proto.end_offset();
  partition.lag_offsets = proto.lag_offsets();
  if (proto.has_lag_events()) partition.lag_events = proto.lag_events();
  if (proto.has_lag_time()) partition.lag_time = internal::FromProto(proto.lag_time());
  partition.owner = proto.owner();
  partition.in_flight_events = proto.in_flight_events();
  partition.redelivered_events = proto.redelivered_events();
  SetIf(proto.has_last_delivery_time(), proto.last_delivery_time(), &partition.last_delivery_time);
  SetIf(proto.has_oldest_unacked_time(), proto.oldest_unacked_time(),
        &partition.oldest_unacked_time);
  return partition;
}

ServerLimits FromProto(const v1::Limits& proto) {
  ServerLimits limits;
  limits.event_bytes_max = proto.event_bytes_max();
  limits.request_bytes_max = proto.request_bytes_max();
  limits.request_events_max = proto.request_events_max();
  limits.name_bytes_max = proto.name_bytes_max();
  limits.type_bytes_max = proto.type_bytes_max();
  limits.key_bytes_max = proto.key_bytes_max();
  limits.topic_partitions_max = proto.topic_partitions_max();
  limits.partitions_max = proto.partitions_max();
  limits.filter_entries_max = proto.filter_entries_max();
  limits.group_members_max = proto.group_members_max();
  limits.groups_max = proto.groups_max();
  limits.queue_bytes_max = proto.queue_bytes_max();
  limits.streams_max = proto.streams_max();
  limits.request_conditions_max = proto.request_conditions_max();
  limits.request_offset_commits_max = proto.request_offset_commits_max();
  limits.transact_appends_max = proto.transact_appends_max();
  return limits;
}

}  // namespace

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

TopicInfo FromProto(const v1::Topic& topic) {
  TopicInfo info;
  info.name = topic.name();
  info.partitions = topic.config().partitions();
  info.create_time = FromProto(topic.create_time());
  info.update_time = FromProto(topic.update_time());
  info.id = topic.id();
  const v1::TopicConfig& config = topic.config();
  info.config.partitions = config.partitions();
  info.config.durability = static_cast<Durability>(config.durability());
  if (config.retention().has_max_age()) {
    info.config.max_age = FromProto(config.retention().max_age());
  }
  if (config.retention().has_max_bytes()) info.config.max_bytes = config.retention().max_bytes();
  info.config.compression = static_cast<Compression>(config.compression());
  info.config.index_keys = !config.has_index_keys() || config.index_keys();
  info.config.compact = config.compact();
  info.config.encrypt_by_key = config.encrypt_by_key();
  info.config.description = config.description();
  return info;
}

namespace {

// AppendResponse and TransactResponse say the same.
template <typename Response>
AppendResult ResultFrom(const Response& response) {
  AppendResult result;
  result.ranges.reserve(static_cast<size_t>(response.ranges_size()));
  for (const v1::OffsetRange& range : response.ranges()) {
    result.ranges.push_back(
        {range.partition(), range.first_offset(), range.count(), range.topic()});
  }
  for (const v1::KeyRevisionResult& proto : response.key_revisions()) {
    KeyRevision& key = result.key_revisions.emplace_back();
    key.topic = proto.topic();
    key.key = proto.key();
    if (proto.has_revision()) key.revision = proto.revision();
  }
  result.position = response.position();
  result.append_time = internal::FromProto(response.append_time());
  result.duplicate = response.duplicate();
  result.durability = static_cast<Durability>(response.durability());
  return result;
}

}  // namespace

AppendResult FromProto(const v1::AppendResponse& response) { return ResultFrom(response); }
AppendResult FromProto(const v1::TransactResponse& response) { return ResultFrom(response); }

GroupConfig FromProto(const v1::GroupConfig& proto) {
  GroupConfig config;
  config.name = proto.name();
  config.topics = ToVector(proto.topics());
  config.filter.types = ToVector(proto.filter().types());
  config.filter.keys = ToVector(proto.filter().keys());
  config.mode = static_cast<GroupMode>(proto.mode());
  const v1::RetryPolicy& retry = proto.retry_policy();
  if (retry.has_initial_backoff())
    config.retry.initial_backoff = FromProto(retry.initial_backoff());
  if (retry.has_backoff_factor()) config.retry.backoff_factor = retry.backoff_factor();
  if (retry.has_max_backoff()) config.retry.max_backoff = FromProto(retry.max_backoff());
  if (retry.has_max_attempts()) config.retry.max_attempts = retry.max_attempts();
  config.retry.block_key_after_dead_letter = retry.block_key_after_dead_letter();
  if (retry.has_lease()) config.retry.lease = FromProto(retry.lease());
  config.retry.skip_delayed = retry.skip_delayed();
  return config;
}

GroupInfo FromProto(const v1::GetGroupResponse& proto) {
  GroupInfo group;
  group.config = FromProto(proto.config());
  group.create_time = FromProto(proto.create_time());
  for (const v1::GroupMember& member : proto.members()) group.members.push_back(FromProto(member));
  for (const v1::GroupPartition& partition : proto.partitions()) {
    group.partitions.push_back(FromProto(partition));
  }
  group.lag_offsets = proto.lag_offsets();
  if (proto.has_lag_events()) group.lag_events = proto.lag_events();
  if (proto.has_lag_time()) group.lag_time = FromProto(proto.lag_time());
  group.paused = proto.paused();
  SetIf(proto.has_pause_time(), proto.pause_time(), &group.pause_time);
  group.in_flight_events = proto.in_flight_events();
  group.redelivered_events = proto.redelivered_events();
  SetIf(proto.has_last_progress_time(), proto.last_progress_time(), &group.last_progress_time);
  SetIf(proto.has_oldest_unacked_time(), proto.oldest_unacked_time(), &group.oldest_unacked_time);
  group.stalled = proto.stalled();
  return group;
}

ServerInfo FromProto(const v1::GetServerInfoResponse& proto) {
  ServerInfo info;
  info.version = proto.version();
  info.store_id = proto.store_id();
  info.start_time = FromProto(proto.start_time());
  info.time = FromProto(proto.time());
  info.limits = FromProto(proto.limits());
  info.features = ToVector(proto.features());
  return info;
}

Gap FromProto(const v1::Gap& proto) {
  Gap gap;
  gap.topic = proto.topic();
  gap.partition = proto.partition();
  gap.from_offset = proto.from_offset();
  gap.until_offset = proto.until_offset();
  if (v1::GapReason_IsValid(proto.reason())) gap.reason = static_cast<GapReason>(proto.reason());
  return gap;
}

TopicPartitionOffset FromProto(const v1::TopicPartitionOffset& proto) {
  return {proto.topic(), proto.partition(), proto.offset()};
}

void ToProto(absl::Time time, google::protobuf::Timestamp* proto) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  proto->set_seconds(seconds);
  proto->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

void ToProto(absl::Duration duration, google::protobuf::Duration* proto) {
  proto->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

void ToProto(const Event& event, v1::Event* proto) {
  proto->set_id(event.id);
  proto->set_type(event.type);
  proto->set_source(event.source);
  proto->set_key(event.key);
  if (event.time) ToProto(*event.time, proto->mutable_time());
  proto->set_content_type(event.content_type);
  proto->set_data(event.data);
  for (const auto& [name, value] : event.attributes) (*proto->mutable_attributes())[name] = value;
}

void ToProto(const Filter& filter, v1::Filter* proto) {
  for (const std::string& type : filter.types) proto->add_types(type);
  for (const std::string& key : filter.keys) proto->add_keys(key);
}

void ToProto(const RetryPolicy& retry, v1::RetryPolicy* proto) {
  if (retry.initial_backoff) ToProto(*retry.initial_backoff, proto->mutable_initial_backoff());
  if (retry.backoff_factor) proto->set_backoff_factor(*retry.backoff_factor);
  if (retry.max_backoff) ToProto(*retry.max_backoff, proto->mutable_max_backoff());
  if (retry.max_attempts) proto->set_max_attempts(*retry.max_attempts);
  proto->set_block_key_after_dead_letter(retry.block_key_after_dead_letter);
  if (retry.lease) ToProto(*retry.lease, proto->mutable_lease());
  proto->set_skip_delayed(retry.skip_delayed);
}

void ToProto(const Start& start, v1::Start* proto) {
  std::visit(Overloaded{
                 [&](const Start::Earliest&) { proto->mutable_earliest(); },
                 [&](const Start::Latest&) { proto->mutable_latest(); },
                 [&](const Start::Offsets& offsets) {
                   proto->mutable_offsets()->mutable_offsets()->insert(offsets.by_partition.begin(),
                                                                       offsets.by_partition.end());
                 },
                 [&](const Start::AtTime& at) { ToProto(at.time, proto->mutable_time()); },
                 [&](const Start::LastN& last) { proto->set_last_n(last.events); },
                 [&](const Start::Revision& from) { proto->set_revision(from.revision); },
                 [&](const Start::AfterCursor& after) { proto->set_after_cursor(after.cursor); },
             },
             start.at);
}

void ToProto(const Stop& stop, v1::Stop* proto) {
  std::visit(Overloaded{
                 [&](const Stop::EndAtOpen&) { proto->mutable_end_at_open(); },
                 [&](const Stop::Offsets& offsets) {
                   proto->mutable_offsets()->mutable_offsets()->insert(offsets.by_partition.begin(),
                                                                       offsets.by_partition.end());
                 },
                 [&](const Stop::AtTime& at) { ToProto(at.time, proto->mutable_time()); },
             },
             stop.at);
}

void ToProto(const Condition& condition, v1::Condition* proto) {
  proto->set_key(condition.key);
  proto->set_topic(condition.topic);
  if (condition.partition) proto->set_partition(*condition.partition);
  switch (condition.expect) {
    case Condition::Expect::kAbsent:
      proto->mutable_absent();
      break;
    case Condition::Expect::kExists:
      proto->mutable_exists();
      break;
    case Condition::Expect::kRevision:
      proto->mutable_revision()->set_revision(condition.revision);
      break;
  }
}

void ToProto(const OffsetCommit& commit, v1::OffsetCommit* proto) {
  proto->set_group(commit.group);
  proto->set_topic(commit.topic);
  proto->set_partition(commit.partition);
  proto->set_offset(commit.offset);
  proto->set_member_id(commit.member_id);
  proto->set_assignment(commit.assignment);
  if (commit.expected_offset) proto->set_expected_offset(*commit.expected_offset);
}

void ToProto(const TopicConfig& config, v1::TopicConfig* proto) {
  if (config.partitions) proto->set_partitions(*config.partitions);
  if (config.durability) proto->set_durability(static_cast<v1::Durability>(*config.durability));
  if (config.max_age && *config.max_age < absl::InfiniteDuration()) {
    ToProto(*config.max_age, proto->mutable_retention()->mutable_max_age());
  }
  if (config.max_bytes) proto->mutable_retention()->set_max_bytes(*config.max_bytes);
  if (config.compression) proto->set_compression(static_cast<v1::Compression>(*config.compression));
  if (config.index_keys) proto->set_index_keys(*config.index_keys);
  if (config.compact) proto->set_compact(*config.compact);
  if (config.encrypt_by_key) proto->set_encrypt_by_key(*config.encrypt_by_key);
  if (config.description) proto->set_description(*config.description);
}

}  // namespace tidemark::internal
