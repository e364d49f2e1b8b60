// The calls of Client that change a consumer group while it runs, and those about types and keys.
#include <utility>

#include "client/cpp/src/convert.h"
#include "client/cpp/src/unary_call.h"
#include "tidemark/client.h"

namespace tidemark {

using internal::Call;
using internal::Groups;
using internal::Topics;

absl::StatusOr<GroupConfig> Client::UpdateGroup(absl::string_view group,
                                                const GroupChange& change) const {
  v1::UpdateGroupRequest request;
  v1::GroupConfig& config = *request.mutable_config();
  google::protobuf::FieldMask& mask = *request.mutable_update_mask();
  config.set_name(std::string(group));
  if (change.topics) {
    mask.add_paths("topics");
    for (const std::string& topic : *change.topics) config.add_topics(topic);
  }
  if (change.filter) {
    mask.add_paths("filter");
    internal::ToProto(*change.filter, config.mutable_filter());
  }
  if (change.mode) {
    mask.add_paths("mode");
    config.set_mode(static_cast<v1::GroupMode>(*change.mode));
  }
  if (change.retry) {
    mask.add_paths("retry_policy");
    internal::ToProto(*change.retry, config.mutable_retry_policy());
  }
  auto response =
      Call(*connection_, Groups(*connection_), &v1::ConsumerGroups::Stub::UpdateGroup, request);
  if (!response.ok()) return response.status();
  return internal::FromProto(response->config());
}

absl::StatusOr<SeekResult> Client::SeekGroup(absl::string_view group,
                                             const SeekTarget& target) const {
  v1::SeekGroupRequest request;
  request.set_group(std::string(group));
  request.set_topic(target.topic);
  request.set_dry_run(target.dry_run);
  if (target.other_group.empty()) {
    internal::ToProto(target.start, request.mutable_start());
  } else {
    request.set_other_group(target.other_group);
  }
  auto response =
      Call(*connection_, Groups(*connection_), &v1::ConsumerGroups::Stub::SeekGroup, request);
  if (!response.ok()) return response.status();
  SeekResult result;
  result.redelivered_events = response->redelivered_events();
  result.skipped_events = response->skipped_events();
  for (const v1::SeekedPartition& proto : response->partitions()) {
    result.partitions.push_back({.topic = proto.topic(),
                                 .partition = proto.partition(),
                                 .from_offset = proto.from_offset(),
                                 .to_offset = proto.to_offset(),
                                 .redelivered_events = proto.redelivered_events(),
                                 .skipped_events = proto.skipped_events()});
  }
  return result;
}

absl::Status Client::PauseGroup(absl::string_view group) const {
  v1::PauseGroupRequest request;
  request.set_group(std::string(group));
  return Call(*connection_, Groups(*connection_), &v1::ConsumerGroups::Stub::PauseGroup, request)
      .status();
}

absl::Status Client::ResumeGroup(absl::string_view group) const {
  v1::ResumeGroupRequest request;
  request.set_group(std::string(group));
  return Call(*connection_, Groups(*connection_), &v1::ConsumerGroups::Stub::ResumeGroup, request)
      .status();
}

absl::Status Client::DeleteGroup(absl::string_view group, bool force) const {
  v1::DeleteGroupRequest request;
  request.set_group(std::string(group));
  request.set_force(force);
  return Call(*connection_, Groups(*connection_), &v1::ConsumerGroups::Stub::DeleteGroup, request)
      .status();
}

absl::StatusOr<std::vector<EventTypeInfo>> Client::ListEventTypes(absl::string_view topic) const {
  std::vector<EventTypeInfo> types;
  v1::ListEventTypesRequest request;
  request.set_topic(std::string(topic));
  request.set_page_size(1000);
  do {
    auto page =
        Call(*connection_, Topics(*connection_), &v1::Topics::Stub::ListEventTypes, request);
    if (!page.ok()) return page.status();
    for (const v1::EventTypeInfo& proto : page->types()) {
      types.push_back({.type = proto.type(),
                       .count = proto.count(),
                       .first_time = internal::FromProto(proto.first_time()),
                       .last_time = internal::FromProto(proto.last_time())});
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return types;
}

absl::StatusOr<KeyInfo> Client::GetKey(absl::string_view topic, absl::string_view key) const {
  v1::GetKeyRequest request;
  request.set_topic(std::string(topic));
  request.set_key(std::string(key));
  auto response = Call(*connection_, Topics(*connection_), &v1::Topics::Stub::GetKey, request);
  if (!response.ok()) return response.status();
  return KeyInfo{.partition = response->partition(),
                 .revision = response->revision(),
                 .first_offset = response->first_offset(),
                 .last_offset = response->last_offset()};
}

}  // namespace tidemark
