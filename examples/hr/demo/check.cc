#include "examples/hr/demo/check.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace hr_example {
namespace {

// Counts in `finding` an event that is expected or not; `seen` holds the ids that came before.
void Count(const std::string& id, bool is_expected, absl::flat_hash_set<std::string>* seen,
           Finding* finding) {
  if (!is_expected) {
    ++finding->unknown;
  } else if (!seen->insert(id).second) {
    ++finding->duplicates;
  } else {
    ++finding->found;
  }
}

// Notes `value` as the newest of `series`; false if it is not later than the one before.
template <typename Series, typename Value>
bool Rises(absl::flat_hash_map<Series, Value>* newest, const Series& series, Value value) {
  const auto [it, is_first] = newest->try_emplace(series, value);
  if (is_first) return true;
  if (value <= it->second) return false;
  it->second = value;
  return true;
}

}  // namespace

Check::Check(const std::vector<tidemark::Event>& events, const std::vector<Acknowledged>& acks)
    : events_(events), acks_(acks) {
  for (size_t i = 0; i < events.size(); ++i) expected_[events[i].id].index = i;
  for (const Acknowledged& ack : acks) {
    const auto it = expected_.find(ack.event.id);
    if (it != expected_.end()) it->second.place = ack.event;
  }
}

const Check::Expected* Check::Find(const PlacedEvent& event) const {
  const auto it = expected_.find(event.id);
  if (it == expected_.end() || !it->second.place.has_value()) return nullptr;
  const PlacedEvent& place = *it->second.place;
  const bool is_there = place.partition == event.partition && place.offset == event.offset;
  return is_there ? &it->second : nullptr;
}

size_t Check::CountOrderViolations(const std::vector<PlacedEvent>& events) const {
  absl::flat_hash_map<uint32_t, uint64_t> newest_of_partition;
  absl::flat_hash_map<std::string, size_t> newest_of_key;
  size_t order_violations = 0;
  for (const PlacedEvent& event : events) {
    bool is_later = Rises(&newest_of_partition, event.partition, event.offset);
    const auto it = expected_.find(event.id);
    if (it != expected_.end() && !events_[it->second.index].key.empty()) {
      is_later &= Rises(&newest_of_key, events_[it->second.index].key, it->second.index);
    }
    if (!is_later) ++order_violations;
  }
  return order_violations;
}

Finding Check::OfHr() const {
  Finding finding{.what = "HR: produced, acknowledged", .expected = events_.size()};
  absl::flat_hash_set<std::string> seen;
  absl::flat_hash_map<std::string, uint32_t> partition_of_key;
  absl::flat_hash_map<std::string, uint64_t> newest_of_key;
  for (const Acknowledged& ack : acks_) {
    const bool is_ours = ack.index < events_.size() && events_[ack.index].id == ack.event.id;
    Count(ack.event.id, is_ours, &seen, &finding);
    const std::string& key = is_ours ? events_[ack.index].key : "";
    if (key.empty()) continue;
    const uint32_t partition = partition_of_key.try_emplace(key, ack.event.partition).first->second;
    const bool is_later = Rises(&newest_of_key, key, ack.event.offset);
    if (partition != ack.event.partition || !is_later) ++finding.order_violations;
  }
  finding.missing = finding.expected - finding.found;
  return finding;
}

Finding Check::OfTopic(const std::vector<Stored>& stored) const {
  Finding finding{.what = "the server: stored, read back", .expected = events_.size()};
  absl::flat_hash_set<std::string> seen;
  std::vector<PlacedEvent> places;
  for (const Stored& item : stored) {
    const Expected* expected = Find(item.place);
    const bool is_unaltered = expected != nullptr && events_[expected->index] == item.event;
    Count(item.place.id, is_unaltered, &seen, &finding);
    places.push_back(item.place);
  }
  finding.missing = finding.expected - finding.found;
  finding.order_violations = CountOrderViolations(places);
  return finding;
}

Finding Check::OfService(absl::string_view what, absl::string_view type,
                         const ServiceRecord& record) const {
  Finding finding{.what = std::string(what)};
  finding.expected = static_cast<size_t>(std::count_if(
      events_.begin(), events_.end(), [&](const auto& event) { return event.type == type; }));
  absl::flat_hash_set<std::string> seen;
  for (const PlacedEvent& event : record.done) {
    const Expected* expected = Find(event);
    const bool is_wanted = expected != nullptr && events_[expected->index].type == type;
    Count(event.id, is_wanted, &seen, &finding);
  }
  finding.missing = finding.expected - finding.found;
  // The work over all runs of the service, and within each run what came, also the repeated.
  finding.order_violations = CountOrderViolations(record.done);
  for (const auto& run : record.deliveries) finding.order_violations += CountOrderViolations(run);
  return finding;
}

}  // namespace hr_example
