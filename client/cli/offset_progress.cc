#include "client/cli/offset_progress.h"

#include <algorithm>
#include <variant>

namespace tidemark::cli {
namespace {

uint64_t FirstOffset(const Start& start, const Watermarks& w) {
  if (std::get_if<Start::Latest>(&start.at) != nullptr) return w.end_offset;
  if (const auto* offsets = std::get_if<Start::Offsets>(&start.at)) {
    const auto it = offsets->by_partition.find(w.partition);
    if (it != offsets->by_partition.end()) return it->second;
  }
  if (std::get_if<Start::AtTime>(&start.at) != nullptr) {
    return w.time_offset.value_or(w.start_offset);
  }
  if (const auto* last = std::get_if<Start::LastN>(&start.at)) {
    const uint64_t back = std::min(last->events, w.end_offset - w.start_offset);
    return w.end_offset - back;
  }
  return w.start_offset;
}

uint64_t EndOffset(const Stop& stop, const Watermarks& w) {
  if (const auto* offsets = std::get_if<Stop::Offsets>(&stop.at)) {
    const auto it = offsets->by_partition.find(w.partition);
    if (it != offsets->by_partition.end()) return std::min(it->second, w.end_offset);
  }
  if (std::get_if<Stop::AtTime>(&stop.at) != nullptr) return w.time_offset.value_or(w.end_offset);
  return w.end_offset;
}

}  // namespace

OffsetProgress::OffsetProgress(const Start& start, const Stop& stop,
                               const std::vector<uint32_t>& partitions,
                               const std::vector<Watermarks>& at_start,
                               const std::vector<Watermarks>& at_stop) {
  const auto selected = [&](uint32_t partition) {
    return partitions.empty() ||
           std::find(partitions.begin(), partitions.end(), partition) != partitions.end();
  };
  std::map<uint32_t, uint64_t> ends;
  for (const Watermarks& w : at_stop) ends[w.partition] = EndOffset(stop, w);
  for (const Watermarks& w : at_start) {
    if (!selected(w.partition)) continue;
    const uint64_t first = FirstOffset(start, w);
    next_[w.partition] = first;
    total_ += std::max(ends[w.partition], first) - first;
  }
}

void OffsetProgress::Reached(uint32_t partition, uint64_t next_offset) {
  const auto it = next_.find(partition);
  if (it == next_.end() || next_offset <= it->second) return;
  done_ += next_offset - it->second;
  it->second = next_offset;
}

}  // namespace tidemark::cli
