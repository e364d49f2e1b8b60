#include "server/rpc/operations_service.h"

#include <array>

#include "server/base/error.h"
#include "server/config/version.h"
#include "server/rpc/convert.h"

namespace tidemark::rpc {
namespace {

// Sorted. A client asks for a feature by these names; what is not here answers UNIMPLEMENTED.
constexpr std::array kFeatures = {
    "append",
    "append.conditions",
    "append.offset_commits",
    "append.producer",
    "append.stream",
    "backup",
    "consume.delayed",
    "consume.key_ordered",
    "consume.partition_ordered",
    "consume.unordered",
    "group.commit",
    "group.dead_letters",
    "group.delete",
    "group.pause",
    "group.seek",
    "group.topic_patterns",
    "group.update",
    "health.watch",
    "read",
    "read.backward",
    "read.filter",
    "read.order_commit",
    "read.start.cursor",
    "read.start.last_n",
    "read.start.revision",
    "read.start.time",
    "read.without_data",
    "reflection",
    "subscribe",
    "topic.compact",
    "topic.compression",
    "topic.durability_memory",
    "topic.erase",
    "topic.event_types",
    "topic.key_index",
    "topic.retention",
    "transact",
    "verify",
};

v1::ConfigSource SourceToProto(config::Source source) {
  switch (source) {
    case config::Source::kFlag:
      return v1::CONFIG_SOURCE_FLAG;
    case config::Source::kEnvironment:
      return v1::CONFIG_SOURCE_ENVIRONMENT;
    case config::Source::kFile:
      return v1::CONFIG_SOURCE_FILE;
    case config::Source::kDefault:
      return v1::CONFIG_SOURCE_DEFAULT;
  }
  return v1::CONFIG_SOURCE_UNSPECIFIED;
}

void FillLimits(const RpcLimits& limits, v1::Limits& out) {
  out.set_event_bytes_max(limits.event.event_bytes_max);
  out.set_request_bytes_max(limits.request_bytes_max);
  out.set_request_events_max(limits.request_events_max);
  out.set_name_bytes_max(limits.name_bytes_max);
  out.set_type_bytes_max(limits.event.type_bytes_max);
  out.set_key_bytes_max(limits.event.key_bytes_max);
  out.set_topic_partitions_max(limits.topic_partitions_max);
  out.set_partitions_max(limits.partitions_max);
  out.set_filter_entries_max(limits.filter_entries_max);
  out.set_group_members_max(limits.group_members_max);
  out.set_groups_max(limits.groups_max);
  out.set_queue_bytes_max(limits.queue_bytes_max);
  out.set_streams_max(limits.streams_max);
  out.set_request_conditions_max(limits.request_conditions_max);
  out.set_request_offset_commits_max(limits.request_offset_commits_max);
  out.set_transact_appends_max(limits.transact_appends_max);
}

}  // namespace

absl::Status OperationsService::GetServerInfo(const v1::GetServerInfoRequest&,
                                              v1::GetServerInfoResponse& response) {
  response.set_version(std::string(config::Version()));
  response.set_store_id(context_.log.store_id());
  FillTime(start_time_, *response.mutable_start_time());
  FillLimits(context_.limits, *response.mutable_limits());
  for (const char* feature : kFeatures) response.add_features(feature);
  if (context_.limits.encryption) response.add_features("topic.encrypt_by_key");
  FillTime(context_.clock.Now(), *response.mutable_time());
  return absl::OkStatus();
}

absl::Status OperationsService::GetConfig(const v1::GetConfigRequest&,
                                          v1::GetConfigResponse& response) {
  for (const config::SettingValue& setting : settings_) {
    v1::Setting& out = *response.add_settings();
    out.set_name(setting.name);
    out.set_value(setting.value);
    out.set_source(SourceToProto(setting.source));
    out.set_description(setting.description);
  }
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
