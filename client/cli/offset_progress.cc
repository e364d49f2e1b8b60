#include "client/cli/offset_progress.h"

#include <algorithm>
#include <variant>

namespace tidemark::cli {
namespace {

struct Range {
  uint64_t from;
  uint64_t until;
};

// What lies between start and stop; w is of the partition, asked with the time if there is one.
uint64_t StartOffset(const Start& start, const Watermarks& w, uint64_t unnamed) {
  if (std::get_if<Start::Latest>(&start.at) != nullptr) return w.end_offset;
  if (const auto* offsets = std::get_if<Start::Offsets>(&start.at)) {
    const auto it = offsets->by_partition.find(w.partition);
    if (it != offsets->by_partition.end()) return it->second;
  }
  if (std::get_if<Start::AtTime>(&start.at) != nullptr) return w.time_offset.value_or(unnamed);
  return unnamed;
}

uint64_t StopOffset(const Stop& stop, const Watermarks& w, uint64_t unnamed) {
  if (const auto* offsets = std::get_if<Stop::Offsets>(&stop.at)) {
    const auto it = offsets->by_partition.find(w.partition);
    if (it != offsets->by_partition.end()) return std::min(it->second, w.end_offset);
  }
  if (std::get_if<Stop::AtTime>(&stop.at) != nullptr) return w.time_offset.value_or(unnamed);
  return unnamed;
}

Range Plan(Direction direction, const Start& start, const Stop& stop, const Watermarks& at_start,
           const Watermarks& at_stop) {
  const bool forward = direction == Direction::kForward;
  const uint64_t oldest = at_start.start_offset;
  const uint64_t newest = at_stop.end_offset;
  const uint64_t first = StartOffset(start, at_start, forward ? oldest : newest);
  const uint64_t last = StopOffset(stop, at_stop, forward ? newest : oldest);
  Range range{.from = forward ? first : last, .until = forward ? last : first};
  if (const auto* last_n = std::get_if<Start::LastN>(&start.at)) {
    const uint64_t back = std::min(last_n->events, newest - std::min(oldest, newest));
    range.from = forward ? newest - back : std::max(range.from, newest - back);
  }
  range.until = std::max(range.from, range.until);
  return range;
}

}  // namespace

OffsetProgress::OffsetProgress(Direction direction, const Start& start, const Stop& stop,
                               const std::vector<uint32_t>& partitions,
                               const std::vector<Watermarks>& at_start,
                               const std::vector<Watermarks>& at_stop)
    : direction_(direction) {
  const auto selected = [&](uint32_t partition) {
    return partitions.empty() ||
           std::find(partitions.begin(), partitions.end(), partition) != partitions.end();
  };
  std::map<uint32_t, Watermarks> stops;
  for (const Watermarks& w : at_stop) stops[w.partition] = w;
  for (const Watermarks& w : at_start) {
    const auto it = stops.find(w.partition);
    if (!selected(w.partition) || it == stops.end()) continue;
    const Range range = Plan(direction, start, stop, w, it->second);
    next_[w.partition] = direction == Direction::kForward ? range.from : range.until;
    total_ += range.until - range.from;
  }
}

void OffsetProgress::Passed(uint32_t partition, uint64_t offset) {
  const auto it = next_.find(partition);
  if (it == next_.end()) return;
  uint64_t& next = it->second;
  if (direction_ == Direction::kForward && offset >= next) {
    done_ += offset + 1 - next;
    next = offset + 1;
  } else if (direction_ == Direction::kBackward && offset < next) {
    done_ += next - offset;
    next = offset;
  }
}

}  // namespace tidemark::cli
