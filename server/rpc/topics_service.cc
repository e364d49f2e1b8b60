#include "server/rpc/topics_service.h"

#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/murmur2.h"
#include "server/delivery/start_resolver.h"
#include "server/rpc/conditions.h"
#include "server/rpc/convert.h"
#include "server/rpc/names.h"
#include "server/rpc/paging.h"

namespace tidemark::rpc {
namespace {

// Topics the server writes itself.
constexpr absl::string_view kReservedPrefix = "tidemark.";

absl::Status CheckTopicName(absl::string_view name, const RpcLimits& limits) {
  absl::Status status = CheckName(name, limits.name_bytes_max, "name");
  if (!status.ok()) return status;
  if (absl::StartsWith(name, kReservedPrefix)) {
    return InvalidField("name", "begins with \"tidemark.\", which is reserved", "RESERVED_NAME");
  }
  return absl::OkStatus();
}

absl::Status CannotChange(absl::string_view path) {
  return InvalidField(
      "update_mask",
      absl::StrCat("names \"", path, "\", which cannot change: ",
                   path == "partitions"   ? "keys would move between partitions. Create a topic "
                                            "with more partitions and copy"
                   : path == "index_keys" ? "older events would be missing in the index. Create "
                                            "another topic and copy"
                                          : "it is no setting of a topic"));
}

absl::Status CheckCompact(const storage::TopicConfig& config) {
  if (!config.compact || config.index_keys) return absl::OkStatus();
  return InvalidField("config.compact",
                      "needs the topic's index_keys, which are false: the index knows the newest "
                      "event of a key");
}

// Copies one setting; `path` is as in the update mask.
absl::Status CopySetting(absl::string_view path, const storage::TopicConfig& from,
                         storage::TopicConfig& to) {
  if (path == "durability") {
    to.durability = from.durability;
  } else if (path == "description") {
    to.description = from.description;
  } else if (path == "retention") {
    to.retention_max_age_us = from.retention_max_age_us;
    to.retention_max_bytes = from.retention_max_bytes;
  } else if (path == "compression") {
    to.compression = from.compression;
  } else if (path == "compact") {
    to.compact = from.compact;
    return CheckCompact(to);
  } else if (path == "encrypt_by_key") {
    to.encrypt_by_key = from.encrypt_by_key;
  } else {
    return CannotChange(path);
  }
  return absl::OkStatus();
}

absl::Status NoSuchKey(const v1::GetKeyRequest& request, absl::string_view why) {
  return MakeError(absl::StatusCode::kNotFound,
                   absl::StrCat("no event of topic \"", request.topic(), "\" has key \"",
                                request.key(), "\": ", why),
                   {.reason = "KEY_NOT_FOUND",
                    .metadata = {{"topic", request.topic()}, {"key", request.key()}}});
}

}  // namespace

absl::Status TopicsService::CreateTopic(const v1::CreateTopicRequest& request,
                                        v1::CreateTopicResponse& response) {
  if (absl::Status status = CheckTopicName(request.name(), context_.limits); !status.ok()) {
    return status;
  }
  absl::StatusOr<storage::TopicConfig> config =
      FromProto(request.config(), context_.limits, "config");
  if (!config.ok()) return config.status();
  if (absl::Status status = CheckCompact(*config); !status.ok()) return status;
  absl::StatusOr<log::TopicPtr> topic = log::Await<log::TopicPtr>([&](auto done) {
    context_.log.CreateTopic(request.name(), *std::move(config), std::move(done));
  });
  if (!topic.ok()) return topic.status();
  FillTopic(**topic, *response.mutable_topic());
  return absl::OkStatus();
}

absl::Status TopicsService::GetTopic(const v1::GetTopicRequest& request,
                                     v1::GetTopicResponse& response) {
  absl::Status status = CheckName(request.name(), context_.limits.name_bytes_max, "name");
  if (!status.ok()) return status;
  absl::StatusOr<log::TopicPtr> topic = context_.log.FindTopic(request.name());
  if (!topic.ok()) return topic.status();
  FillTopic(**topic, *response.mutable_topic());
  return absl::OkStatus();
}

absl::Status TopicsService::ListTopics(const v1::ListTopicsRequest& request,
                                       v1::ListTopicsResponse& response) {
  absl::StatusOr<size_t> size = PageSize(request.page_size(), context_.limits);
  if (!size.ok()) return size.status();
  absl::StatusOr<std::string> after = NameFromPageToken(request.page_token());
  if (!after.ok()) return after.status();
  std::vector<log::TopicPtr> topics =
      context_.log.catalog().List(*after, request.prefix(), *size + 1);
  const bool more = topics.size() > *size;
  if (more) topics.pop_back();
  for (const log::TopicPtr& topic : topics) FillTopic(*topic, *response.add_topics());
  if (more) response.set_next_page_token(PageToken(topics.back()->name()));
  return absl::OkStatus();
}

absl::Status TopicsService::UpdateTopic(const v1::UpdateTopicRequest& request,
                                        v1::UpdateTopicResponse& response) {
  absl::Status status = CheckName(request.name(), context_.limits.name_bytes_max, "name");
  if (!status.ok()) return status;
  if (request.update_mask().paths().empty()) return InvalidField("update_mask", "is required");
  absl::StatusOr<storage::TopicConfig> config =
      FromProto(request.config(), context_.limits, "config");
  if (!config.ok()) return config.status();
  const std::vector<std::string> paths(request.update_mask().paths().begin(),
                                       request.update_mask().paths().end());
  storage::TopicConfig probe;
  for (const std::string& path : paths) {
    if (status = CopySetting(path, *config, probe); !status.ok()) return status;
  }
  absl::StatusOr<log::TopicPtr> topic = log::Await<log::TopicPtr>([&](auto done) {
    context_.log.UpdateTopic(
        request.name(),
        [&config, &paths](storage::TopicConfig& current) {
          for (const std::string& path : paths) {
            absl::Status copied = CopySetting(path, *config, current);
            if (!copied.ok()) return copied;
          }
          return absl::OkStatus();
        },
        std::move(done));
  });
  if (!topic.ok()) return topic.status();
  FillTopic(**topic, *response.mutable_topic());
  return absl::OkStatus();
}

absl::Status TopicsService::DeleteTopic(const v1::DeleteTopicRequest& request,
                                        v1::DeleteTopicResponse&) {
  absl::Status status = CheckName(request.name(), context_.limits.name_bytes_max, "name");
  if (!status.ok()) return status;
  return log::AwaitDone(
      [&](log::DoneCallback done) { context_.log.DeleteTopic(request.name(), std::move(done)); });
}

absl::Status TopicsService::ListEventTypes(const v1::ListEventTypesRequest& request,
                                           v1::ListEventTypesResponse& response) {
  absl::Status status = CheckName(request.topic(), context_.limits.name_bytes_max, "topic");
  if (!status.ok()) return status;
  absl::StatusOr<size_t> size = PageSize(request.page_size(), context_.limits);
  if (!size.ok()) return size.status();
  absl::StatusOr<std::string> after = NameFromPageToken(request.page_token());
  if (!after.ok()) return after.status();
  absl::StatusOr<log::TopicPtr> topic = context_.log.FindTopic(request.topic());
  if (!topic.ok()) return topic.status();
  absl::StatusOr<log::TypeTable> types = context_.log.ListTypes(**topic, *after, *size + 1);
  if (!types.ok()) return types.status();
  const bool more = types->size() > *size;
  if (more) types->erase(std::prev(types->end()));
  for (const auto& [type, figures] : *types) {
    v1::EventTypeInfo& info = *response.add_types();
    info.set_type(type);
    info.set_count(figures.count);
    FillTime(absl::FromUnixMicros(figures.first_time_us), *info.mutable_first_time());
    FillTime(absl::FromUnixMicros(figures.last_time_us), *info.mutable_last_time());
  }
  if (more) response.set_next_page_token(PageToken(types->rbegin()->first));
  return absl::OkStatus();
}

absl::Status TopicsService::GetKey(const v1::GetKeyRequest& request, v1::GetKeyResponse& response) {
  absl::Status status = CheckName(request.topic(), context_.limits.name_bytes_max, "topic");
  if (!status.ok()) return status;
  if (request.key().empty()) return InvalidField("key", "is required");
  const uint64_t key_bytes_max = context_.limits.event.key_bytes_max;
  if (request.key().size() > key_bytes_max) {
    return OverLimit("key", "key_bytes_max", key_bytes_max, request.key().size(), "bytes");
  }
  absl::StatusOr<log::TopicPtr> topic = context_.log.FindTopic(request.topic());
  if (!topic.ok()) return topic.status();
  if (!(*topic)->record.config.index_keys) return KeysNotIndexed(**topic);
  const PartitionIndex index(base::PartitionOfKey(request.key(), (*topic)->partitions()));
  absl::StatusOr<log::PartitionPtr> partition = context_.log.OpenPartition(**topic, index);
  if (!partition.ok()) return partition.status();
  absl::StatusOr<std::optional<log::KeyFigures>> figures =
      context_.log.index().FindKey(**partition, request.key());
  if (absl::IsNotFound(figures.status())) {
    return NoSuch("topic", request.topic(), ": it was deleted");
  }
  if (!figures.ok()) return figures.status();
  if (!figures->has_value()) return NoSuchKey(request, "it never had an event");
  if (!(*figures)->first.has_value()) {
    return NoSuchKey(request, absl::StrCat("they were erased, or retention has passed them; the "
                                           "last was revision ",
                                           (*figures)->events - 1));
  }
  response.set_partition(index.value());
  response.set_revision((*figures)->events - 1);
  response.set_first_offset((*figures)->first->value());
  response.set_last_offset((*figures)->last.value());
  return absl::OkStatus();
}

absl::Status TopicsService::GetWatermarks(const v1::GetWatermarksRequest& request,
                                          v1::GetWatermarksResponse& response) {
  absl::Status status = CheckName(request.topic(), context_.limits.name_bytes_max, "topic");
  if (!status.ok()) return status;
  absl::StatusOr<log::TopicPtr> topic = context_.log.FindTopic(request.topic());
  if (!topic.ok()) return topic.status();
  const std::vector<uint32_t> partitions(request.partitions().begin(), request.partitions().end());
  delivery::RangeSpec range{.topic = *std::move(topic),
                            .partitions = partitions,
                            .start = delivery::StartEarliest{},
                            .stop = delivery::StopAtOpen{}};
  if (request.has_time()) {
    absl::StatusOr<absl::Time> time = FromProto(request.time(), "time");
    if (!time.ok()) return time.status();
    range.start = delivery::StartTime{*time};
  }
  absl::StatusOr<std::vector<delivery::FeedPartition>> opened =
      delivery::ResolveRange(context_.log, range, log::Filter());
  if (!opened.ok()) return opened.status();
  for (const delivery::FeedPartition& partition : *opened) {
    v1::Watermarks& out = *response.add_partitions();
    out.set_partition(partition.index.value());
    out.set_start_offset(partition.oldest.value());
    out.set_end_offset(partition.until.value());
    if (request.has_time()) out.set_time_offset(partition.next.value());
  }
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
