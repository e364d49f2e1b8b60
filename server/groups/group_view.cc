// What can be seen of a group from outside.
#include <algorithm>

#include "server/groups/group.h"
#include "server/groups/topic_names.h"

namespace tidemark::groups {
namespace {

uint64_t LagOf(std::optional<Offset> committed, const log::Partition::Ends& ends) {
  const Offset next = std::max(committed.value_or(ends.start), ends.start);
  return next < ends.end ? ends.end - next : 0;
}

}  // namespace

std::vector<TopicPartitionOffset> Group::DurableOffsets(
    const std::vector<std::string>& topics) const {
  std::vector<TopicPartitionOffset> offsets;
  for (const auto& [name, topic] : topics_) {
    if (!topics.empty() && std::find(topics.begin(), topics.end(), name) == topics.end()) continue;
    if (!Reads(record_.topics, name)) continue;
    for (uint32_t i = 0; i < topic->partitions(); ++i) {
      const std::optional<Offset> durable = commits_.Durable(topic->log(PartitionIndex(i)));
      if (durable.has_value()) offsets.push_back({name, PartitionIndex(i), *durable});
    }
  }
  return offsets;
}

uint64_t Group::LagOffsets() const {
  uint64_t lag = 0;
  for (const auto& [log, state] : partitions_) {
    if (state.retired) continue;
    lag += LagOf(commits_.Durable(log), state.partition->ends());
  }
  return lag;
}

PartitionDescription Group::DescribeOne(const PartitionState& state) const {
  const log::Partition::Ends ends = state.partition->ends();
  PartitionDescription seen{.topic = state.topic->name(),
                            .partition = state.index,
                            .committed = commits_.Durable(state.partition->log()),
                            .start = ends.start,
                            .end = ends.end};
  seen.lag_offsets = LagOf(seen.committed, ends);
  if (seen.lag_offsets == 0 || record_.filter.empty()) seen.lag_events = seen.lag_offsets;
  if (state.owner != nullptr) {
    seen.owner = MemberId(state.owner->member);
    seen.in_flight_events = state.owner->in_flight.events();
  }
  return seen;
}

GroupDescription Group::Describe(std::vector<log::PartitionPtr>& partitions) const {
  GroupDescription group{.record = record_};
  absl::btree_map<MemberNumber, uint64_t> in_flight;
  for (const auto& [name, topic] : topics_) {
    if (!Reads(record_.topics, name)) continue;
    for (uint32_t i = 0; i < topic->partitions(); ++i) {
      const PartitionState& state = partitions_.at(topic->log(PartitionIndex(i)));
      group.partitions.push_back(DescribeOne(state));
      partitions.push_back(state.partition);
      if (state.owner != nullptr) {
        in_flight[state.owner->member] += group.partitions.back().in_flight_events;
      }
    }
  }
  for (const auto& [member, info] : members_) {
    group.members.push_back({.member_id = MemberId(member),
                             .client_name = info.client_name,
                             .address = info.address,
                             .join_time = info.join_time,
                             .in_flight_events = in_flight[member]});
  }
  return group;
}

}  // namespace tidemark::groups
