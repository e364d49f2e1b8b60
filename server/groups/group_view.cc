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

void KeepOldest(std::optional<absl::Time>& oldest, const std::optional<absl::Time>& other) {
  if (other.has_value()) oldest = std::min(oldest.value_or(*other), *other);
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

uint64_t Group::InFlightEvents() const {
  uint64_t events = 0;
  for (const auto& [log, state] : partitions_) {
    if (state.owner != nullptr) events += state.owner->in_flight.events();
  }
  return events;
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
    seen.oldest_unacked = state.owner->in_flight.since();
    if (state.owner->last_delivery != absl::InfinitePast()) {
      seen.last_delivery = state.owner->last_delivery;
    }
  }
  seen.redelivered_events = state.redelivered_events;
  return seen;
}

std::vector<MemberNumber> Group::MemberNumbers() const {
  std::vector<MemberNumber> numbers;
  for (const auto& [member, info] : members_) numbers.push_back(member);
  return numbers;
}

GroupDescription Group::Describe(std::vector<log::PartitionPtr>& partitions) const {
  GroupDescription group{.record = record_, .redelivered_events = redelivered_events_};
  if (last_progress_ != absl::InfinitePast()) group.last_progress = last_progress_;
  absl::btree_map<MemberNumber, MemberDescription> members;
  for (const auto& [member, info] : members_) {
    members[member] = {.member_id = MemberId(member),
                       .client_name = info.client_name,
                       .address = info.address,
                       .join_time = info.join_time};
    if (info.last_delivery != absl::InfinitePast()) {
      members[member].last_delivery = info.last_delivery;
    }
  }
  for (const auto& [name, topic] : topics_) {
    if (!Reads(record_.topics, name)) continue;
    for (uint32_t i = 0; i < topic->partitions(); ++i) {
      const PartitionState& state = partitions_.at(topic->log(PartitionIndex(i)));
      group.partitions.push_back(DescribeOne(state));
      partitions.push_back(state.partition);
      if (state.owner == nullptr) continue;
      MemberDescription& owner = members.at(state.owner->member);
      const PartitionDescription& seen = group.partitions.back();
      owner.in_flight_events += seen.in_flight_events;
      KeepOldest(owner.oldest_unacked, seen.oldest_unacked);
    }
  }
  for (auto& [member, description] : members) group.members.push_back(std::move(description));
  return group;
}

}  // namespace tidemark::groups
