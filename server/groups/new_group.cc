#include "server/groups/new_group.h"

#include "server/base/error.h"
#include "server/groups/topic_names.h"

namespace tidemark::groups {
namespace {

absl::StatusOr<Offset> StartIn(const log::EventLog& log, const storage::GroupStart& start,
                               const log::Partition& partition) {
  if (start.kind == storage::GroupStart::Kind::kTime) {
    return log.reader().OffsetAtTime(partition, start.time_us);
  }
  const bool earliest = start.kind == storage::GroupStart::Kind::kEarliest;
  return earliest ? partition.ends().start : partition.ends().end;
}

}  // namespace

absl::Status NoSuchGroup(absl::string_view name) {
  return NoSuch("group", name, ". Check the name; a group is made by its first Consume or commit");
}

absl::Status CheckPlaces(const log::Catalog& catalog, const std::vector<OffsetEntry>& entries) {
  for (const OffsetEntry& entry : entries) {
    const log::TopicPtr topic = catalog.Find(entry.topic);
    if (topic == nullptr) return NoSuch("topic", entry.topic, ". Create it, or check the name");
    if (entry.partition.value() >= topic->partitions()) {
      return NoSuchPartition(entry, topic->partitions());
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTopicsAreThere(const log::Catalog& catalog, const NewOffsets& first) {
  for (const log::TopicPtr& topic : first.topics) {
    if (catalog.FindById(topic->id()) != nullptr) continue;
    return NoSuch("topic", topic->name(), ": it was deleted. Create it, or check the name");
  }
  return absl::OkStatus();
}

absl::StatusOr<NewOffsets> OffsetsAtStart(log::EventLog& log, const storage::GroupRecord& group) {
  NewOffsets first;
  const std::string missing = MissingTopic(log.catalog(), group.topics);
  if (!missing.empty()) return log.FindTopic(missing).status();
  first.topics = TopicsOf(log.catalog(), group.topics);
  for (const log::TopicPtr& topic : first.topics) {
    for (PartitionIndex i; i.value() < topic->partitions(); ++i) {
      absl::StatusOr<log::PartitionPtr> partition = log.OpenPartition(*topic, i);
      if (!partition.ok()) return partition.status();
      absl::StatusOr<Offset> start = StartIn(log, group.start, **partition);
      if (!start.ok()) return start.status();
      // Where nothing is committed a group begins at the first event there ever was.
      const bool said =
          group.start.kind == storage::GroupStart::Kind::kEarliest && *start == Offset();
      if (!said) first.offsets.emplace_back((*partition)->log(), *start);
    }
  }
  return first;
}

absl::StatusOr<NewOffsets> OffsetsOfEntries(log::EventLog& log,
                                            const std::vector<OffsetEntry>& entries) {
  if (absl::Status status = CheckPlaces(log.catalog(), entries); !status.ok()) return status;
  std::vector<EntryState> states;
  NewOffsets first;
  for (const OffsetEntry& entry : entries) {
    absl::StatusOr<log::TopicPtr> topic = log.FindTopic(entry.topic);
    if (!topic.ok()) return topic.status();
    absl::StatusOr<log::PartitionPtr> partition = log.OpenPartition(**topic, entry.partition);
    if (!partition.ok()) return partition.status();
    states.push_back({.entry = &entry, .end = (*partition)->ends().end});
    first.topics.push_back(*topic);
    first.offsets.emplace_back((*partition)->log(), entry.offset);
  }
  if (absl::Status status = CheckEntries(states, false); !status.ok()) return status;
  return first;
}

}  // namespace tidemark::groups
