#include "server/rpc/seek_targets.h"

#include <algorithm>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/error.h"
#include "server/delivery/cursor.h"
#include "server/delivery/start_resolver.h"
#include "server/groups/topic_names.h"
#include "server/rpc/convert.h"
#include "server/rpc/names.h"

namespace tidemark::rpc {
namespace {

using Targets = std::vector<groups::TopicPartitionOffset>;

// The topics that the seek is about: the named one, else all that the group reads.
absl::StatusOr<std::vector<log::TopicPtr>> TopicsToSeek(const RpcContext& context,
                                                        const v1::SeekGroupRequest& request,
                                                        const storage::GroupRecord& group) {
  if (request.topic().empty()) {
    return groups::TopicsOf(context.log.catalog(), group.topics);
  }
  absl::Status name = CheckName(request.topic(), context.limits.name_bytes_max, "topic");
  if (!name.ok()) return name;
  absl::StatusOr<log::TopicPtr> topic = context.log.FindTopic(request.topic());
  if (!topic.ok()) return topic.status();
  return std::vector<log::TopicPtr>{*std::move(topic)};
}

// The partitions that offsets and cursors name: the others stay where they are. Empty: all.
absl::StatusOr<std::vector<uint32_t>> NamedPartitions(const delivery::StartSpec& start) {
  std::vector<uint32_t> named;
  if (const auto* offsets = std::get_if<delivery::StartOffsets>(&start)) {
    if (offsets->offsets.empty()) return InvalidField("start.offsets", "names no partition");
    for (const auto& [partition, offset] : offsets->offsets) named.push_back(partition);
  }
  if (const auto* after = std::get_if<delivery::StartAfterCursor>(&start)) {
    absl::StatusOr<delivery::Cursor> cursor = delivery::DecodeCursor(after->cursor);
    if (!cursor.ok()) return cursor.status();
    for (const delivery::Cursor::Place& place : cursor->places) {
      named.push_back(place.partition.value());
    }
  }
  return named;
}

absl::Status NeedsTopic(absl::string_view target) {
  return InvalidField("topic",
                      absl::StrCat("is required with ", target, ", which belongs to one topic"));
}

absl::StatusOr<Targets> FromStart(const RpcContext& context, const v1::SeekGroupRequest& request,
                                  const storage::GroupRecord& group,
                                  const std::vector<log::TopicPtr>& topics) {
  absl::StatusOr<delivery::StartSpec> start = FromProto(request.start());
  if (!start.ok()) return start.status();
  if (request.topic().empty() && request.start().has_offsets()) return NeedsTopic("start.offsets");
  if (request.topic().empty() && request.start().has_after_cursor()) {
    return NeedsTopic("start.after_cursor");
  }
  absl::StatusOr<std::vector<uint32_t>> named = NamedPartitions(*start);
  if (!named.ok()) return named.status();
  const log::Filter filter(group.filter);
  Targets targets;
  for (const log::TopicPtr& topic : topics) {
    const delivery::RangeSpec range{
        .topic = topic, .partitions = *named, .start = *start, .stop = delivery::StopAtOpen{}};
    absl::StatusOr<std::vector<delivery::FeedPartition>> opened =
        delivery::ResolveRange(context.log, range, filter);
    if (!opened.ok()) return opened.status();
    for (const delivery::FeedPartition& partition : *opened) {
      targets.push_back({topic->name(), partition.index, partition.next});
    }
  }
  return targets;
}

absl::Status NothingInCommon(const storage::GroupRecord& group, const std::string& other,
                             const std::vector<std::string>& other_topics) {
  const std::string mine = absl::StrJoin(group.topics, ",");
  const std::string theirs = absl::StrJoin(other_topics, ",");
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("group \"", other, "\" reads ", theirs,
                                ", of which nothing is to be moved in group \"", group.name,
                                "\", which reads ", mine, "; nothing was changed"),
                   {.reason = "GROUP_SETTINGS_DIFFER",
                    .metadata = {{"group", group.name},
                                 {"differs", "topics"},
                                 {"group_topics", mine},
                                 {"other_group", other},
                                 {"other_topics", theirs}},
                    .fields = {{"other_group", "reads other topics"}}});
}

// Where the other group is; where it has committed nothing it is at the start of the partition.
absl::StatusOr<Targets> FromOtherGroup(const RpcContext& context, groups::GroupCoordinator& groups,
                                       const v1::SeekGroupRequest& request,
                                       const storage::GroupRecord& group,
                                       const std::vector<log::TopicPtr>& topics) {
  absl::Status name =
      CheckName(request.other_group(), context.limits.name_bytes_max, "other_group");
  if (!name.ok()) return name;
  absl::StatusOr<storage::GroupRecord> other = groups.FindRecord(request.other_group());
  if (!other.ok()) return other.status();
  absl::StatusOr<Targets> offsets = groups.GetOffsets(request.other_group(), {});
  if (!offsets.ok()) return offsets.status();
  absl::btree_map<std::pair<std::string, uint32_t>, Offset> committed;
  for (const groups::TopicPartitionOffset& at : *offsets) {
    committed[{at.topic, at.partition.value()}] = at.offset;
  }
  Targets targets;
  for (const log::TopicPtr& topic : topics) {
    if (!groups::Reads(other->topics, topic->name())) continue;
    for (PartitionIndex i; i.value() < topic->partitions(); ++i) {
      const auto it = committed.find({topic->name(), i.value()});
      if (it != committed.end()) {
        targets.push_back({topic->name(), i, it->second});
        continue;
      }
      absl::StatusOr<log::PartitionPtr> partition = context.log.OpenPartition(*topic, i);
      if (!partition.ok()) return partition.status();
      targets.push_back({topic->name(), i, (*partition)->ends().start});
    }
  }
  if (targets.empty()) return NothingInCommon(group, request.other_group(), other->topics);
  return targets;
}

}  // namespace

absl::StatusOr<Targets> SeekTargets(const RpcContext& context, groups::GroupCoordinator& groups,
                                    const v1::SeekGroupRequest& request) {
  absl::StatusOr<storage::GroupRecord> group = groups.FindRecord(request.group());
  if (!group.ok()) return group.status();
  absl::StatusOr<std::vector<log::TopicPtr>> topics = TopicsToSeek(context, request, *group);
  if (!topics.ok()) return topics.status();
  switch (request.target_case()) {
    case v1::SeekGroupRequest::kStart:
      return FromStart(context, request, *group, *topics);
    case v1::SeekGroupRequest::kOtherGroup:
      return FromOtherGroup(context, groups, request, *group, *topics);
    case v1::SeekGroupRequest::TARGET_NOT_SET:
      break;
  }
  return InvalidField("target", "is required: start or other_group");
}

}  // namespace tidemark::rpc
