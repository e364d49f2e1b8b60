#include "client/cpp/src/ack_location.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "client/cpp/src/wire.h"
#include "tidemark/partitioner.h"

namespace tidemark::internal {
namespace {

constexpr uint32_t kKeyTag = MakeTag(4, kLengthDelimited);  // Event.key

absl::string_view KeyOf(absl::string_view event) {
  WireReader reader(event);
  absl::string_view key;
  uint32_t tag;
  while (!reader.done() && reader.Tag(&tag)) {
    if (tag == kKeyTag) {
      reader.Bytes(&key);
    } else if (!reader.Skip(tag)) {
      break;
    }
  }
  return key;
}

absl::Status Mismatch() {
  return absl::InternalError(
      "the events are stored, but the answer's ranges do not tell where: they do not fit the keys "
      "and the partition count of the topic");
}

struct Range {
  uint64_t next_offset;
  uint64_t left;
  uint64_t keyed = 0;  // Events whose key leads here.
};

}  // namespace

absl::StatusOr<std::vector<EventLocation>> LocateEvents(absl::string_view events,
                                                        std::optional<uint32_t> fixed_partition,
                                                        uint32_t partitions,
                                                        const std::vector<OffsetRange>& ranges) {
  absl::flat_hash_map<uint32_t, Range> by_partition;
  for (const OffsetRange& range : ranges) {
    by_partition[range.partition] = {range.first_offset, range.count};
  }
  if (partitions == 0) return Mismatch();

  std::vector<EventLocation> locations;
  std::vector<size_t> keyless;
  WireReader reader(events);
  while (!reader.done()) {
    uint32_t tag;
    absl::string_view event;
    if (!reader.Tag(&tag) || !reader.Bytes(&event)) return Mismatch();
    EventLocation& location = locations.emplace_back();
    const absl::string_view key = fixed_partition ? absl::string_view() : KeyOf(event);
    if (key.empty()) {
      keyless.push_back(locations.size() - 1);
    } else {
      location.partition = PartitionOf(key, partitions);
      ++by_partition[location.partition].keyed;
    }
  }
  // The range that holds more than its keys explain holds the events without key, all of them.
  for (const auto& [partition, range] : by_partition) {
    if (range.left == range.keyed) continue;
    if (range.left != range.keyed + keyless.size()) return Mismatch();
    for (size_t index : keyless) locations[index].partition = partition;
    keyless.clear();
  }
  if (!keyless.empty()) return Mismatch();
  for (EventLocation& location : locations) {
    location.offset = by_partition[location.partition].next_offset++;
  }
  return locations;
}

}  // namespace tidemark::internal
