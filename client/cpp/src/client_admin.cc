// The administrative calls of Client: topics and consumer groups.
#include <utility>

#include "client/cpp/src/convert.h"
#include "client/cpp/src/unary_call.h"
#include "tidemark/client.h"

namespace tidemark {

using internal::Call;
using internal::Groups;
using internal::Topics;

namespace {

constexpr uint32_t kPageSize = 1000;

// The paths of the settings that `config` has. Retention is one path: its halves are merged before.
void AddPaths(const TopicConfig& config, google::protobuf::FieldMask* mask) {
  if (config.partitions) mask->add_paths("partitions");
  if (config.durability) mask->add_paths("durability");
  if (config.max_age || config.max_bytes) mask->add_paths("retention");
  if (config.compression) mask->add_paths("compression");
  if (config.index_keys) mask->add_paths("index_keys");
  if (config.compact) mask->add_paths("compact");
  if (config.encrypt_by_key) mask->add_paths("encrypt_by_key");
  if (config.description) mask->add_paths("description");
}

}  // namespace

absl::StatusOr<TopicInfo> Client::CreateTopic(absl::string_view name,
                                              const TopicConfig& config) const {
  v1::CreateTopicRequest request;
  request.set_name(std::string(name));
  internal::ToProto(config, request.mutable_config());
  auto response = Call(*connection_, Topics(*connection_), &v1::Topics::Stub::CreateTopic, request);
  if (!response.ok()) return response.status();
  return internal::FromProto(response->topic());
}

absl::StatusOr<TopicInfo> Client::GetTopic(absl::string_view name) const {
  v1::GetTopicRequest request;
  request.set_name(std::string(name));
  auto response = Call(*connection_, Topics(*connection_), &v1::Topics::Stub::GetTopic, request);
  if (!response.ok()) return response.status();
  return internal::FromProto(response->topic());
}

absl::StatusOr<std::vector<TopicInfo>> Client::ListTopics(absl::string_view prefix) const {
  std::vector<TopicInfo> topics;
  v1::ListTopicsRequest request;
  request.set_prefix(std::string(prefix));
  request.set_page_size(kPageSize);
  do {
    auto page = Call(*connection_, Topics(*connection_), &v1::Topics::Stub::ListTopics, request);
    if (!page.ok()) return page.status();
    for (const v1::Topic& topic : page->topics()) topics.push_back(internal::FromProto(topic));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return topics;
}

absl::StatusOr<TopicInfo> Client::UpdateTopic(absl::string_view name,
                                              const TopicConfig& changes) const {
  TopicConfig config = changes;
  if (config.max_age.has_value() != config.max_bytes.has_value()) {
    absl::StatusOr<TopicInfo> now = GetTopic(name);
    if (!now.ok()) return now.status();
    if (!config.max_age) config.max_age = now->config.max_age;
    if (!config.max_bytes) config.max_bytes = now->config.max_bytes;
  }
  v1::UpdateTopicRequest request;
  request.set_name(std::string(name));
  internal::ToProto(config, request.mutable_config());
  AddPaths(config, request.mutable_update_mask());
  auto response = Call(*connection_, Topics(*connection_), &v1::Topics::Stub::UpdateTopic, request);
  if (!response.ok()) return response.status();
  return internal::FromProto(response->topic());
}

absl::Status Client::DeleteTopic(absl::string_view name) const {
  v1::DeleteTopicRequest request;
  request.set_name(std::string(name));
  return Call(*connection_, Topics(*connection_), &v1::Topics::Stub::DeleteTopic, request).status();
}

absl::StatusOr<std::vector<Watermarks>> Client::GetWatermarks(
    absl::string_view topic, const std::vector<uint32_t>& partitions,
    std::optional<absl::Time> time) const {
  v1::GetWatermarksRequest request;
  request.set_topic(std::string(topic));
  for (uint32_t partition : partitions) request.add_partitions(partition);
  if (time) internal::ToProto(*time, request.mutable_time());
  auto response =
      Call(*connection_, Topics(*connection_), &v1::Topics::Stub::GetWatermarks, request);
  if (!response.ok()) return response.status();
  std::vector<Watermarks> watermarks;
  for (const v1::Watermarks& proto : response->partitions()) {
    Watermarks& one = watermarks.emplace_back();
    one.partition = proto.partition();
    one.start_offset = proto.start_offset();
    one.end_offset = proto.end_offset();
    if (proto.has_time_offset()) one.time_offset = proto.time_offset();
  }
  return watermarks;
}

absl::StatusOr<std::vector<GroupSummary>> Client::ListGroups(absl::string_view prefix) const {
  std::vector<GroupSummary> groups;
  v1::ListGroupsRequest request;
  request.set_prefix(std::string(prefix));
  request.set_page_size(kPageSize);
  do {
    auto page =
        Call(*connection_, Groups(*connection_), &v1::ConsumerGroups::Stub::ListGroups, request);
    if (!page.ok()) return page.status();
    for (const v1::GroupSummary& group : page->groups()) {
      groups.push_back({internal::FromProto(group.config()), group.members(), group.lag_offsets()});
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return groups;
}

absl::StatusOr<GroupInfo> Client::GetGroup(absl::string_view group) const {
  v1::GetGroupRequest request;
  request.set_group(std::string(group));
  auto response =
      Call(*connection_, Groups(*connection_), &v1::ConsumerGroups::Stub::GetGroup, request);
  if (!response.ok()) return response.status();
  return internal::FromProto(*response);
}

absl::StatusOr<std::vector<TopicPartitionOffset>> Client::GetOffsets(
    absl::string_view group, const std::vector<std::string>& topics) const {
  v1::GetOffsetsRequest request;
  request.set_group(std::string(group));
  for (const std::string& topic : topics) request.add_topics(topic);
  auto response =
      Call(*connection_, Groups(*connection_), &v1::ConsumerGroups::Stub::GetOffsets, request);
  if (!response.ok()) return response.status();
  std::vector<TopicPartitionOffset> offsets;
  for (const auto& offset : response->offsets()) offsets.push_back(internal::FromProto(offset));
  return offsets;
}

absl::Status Client::CommitOffsets(absl::string_view group, const std::vector<GroupOffset>& offsets,
                                   bool allow_rewind) const {
  v1::CommitOffsetsRequest request;
  request.set_group(std::string(group));
  request.set_allow_rewind(allow_rewind);
  for (const GroupOffset& offset : offsets) {
    v1::OffsetToCommit* proto = request.add_offsets();
    proto->set_topic(offset.topic);
    proto->set_partition(offset.partition);
    proto->set_offset(offset.offset);
    if (offset.expected_offset) proto->set_expected_offset(*offset.expected_offset);
  }
  return Call(*connection_, Groups(*connection_), &v1::ConsumerGroups::Stub::CommitOffsets, request)
      .status();
}

}  // namespace tidemark
