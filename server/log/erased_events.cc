#include "server/log/erased_events.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"
#include "server/log/event_scan.h"
#include "server/log/wire.h"

namespace tidemark::log {

void AppendRange(OffsetRanges& ranges, storage::OffsetRange range) {
  TM_CHECK_LT(range.from.value(), range.until.value());
  if (ranges.empty() || ranges.back().until < range.from) {
    ranges.push_back(range);
    return;
  }
  TM_CHECK_LE(ranges.back().from.value(), range.from.value());
  ranges.back().until = std::max(ranges.back().until, range.until);
}

OffsetRanges Union(const OffsetRanges& a, const OffsetRanges& b) {
  OffsetRanges merged;
  merged.reserve(a.size() + b.size());
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(merged),
             [](const auto& x, const auto& y) { return x.from < y.from; });
  OffsetRanges all;
  for (const storage::OffsetRange& range : merged) AppendRange(all, range);
  return all;
}

OffsetRanges::const_iterator FirstBehind(const OffsetRanges& ranges, Offset offset) {
  return std::upper_bound(
      ranges.begin(), ranges.end(), offset,
      [](Offset at, const storage::OffsetRange& range) { return at < range.until; });
}

bool Overlaps(const OffsetRanges& ranges, Offset from, Offset until) {
  const auto it = FirstBehind(ranges, from);
  return it != ranges.end() && it->from < until;
}

absl::StatusOr<storage::BatchPtr> Blank(const storage::BatchPtr& batch, const OffsetRanges& ranges,
                                        absl::string_view blank) {
  const storage::BatchHeader& header = batch->header;
  auto range = FirstBehind(ranges, header.base_offset);
  if (range == ranges.end() || range->from >= header.end_offset()) return batch;
  auto bytes = std::make_shared<std::string>();
  bytes->reserve(batch->events.size());
  bool changed = false;
  WireReader reader(batch->events);
  WireField entry;
  Offset offset = header.base_offset;
  for (; reader.Next(entry); ++offset) {
    while (range != ranges.end() && range->until <= offset) ++range;
    const bool erased = range != ranges.end() && range->from <= offset;
    if (erased && !IsBlank(entry.bytes)) {
      changed = true;
      AppendBytesHeader(*bytes, kEventsField, blank.size());
      bytes->append(blank.data(), blank.size());
    } else {
      bytes->append(entry.whole.data(), entry.whole.size());
    }
  }
  if (!reader.ok() || offset != header.end_offset()) {
    return absl::DataLossError(absl::StrCat("the batch at offset ", header.base_offset, " of log ",
                                            header.log, " is malformed"));
  }
  if (!changed) return batch;
  auto blanked = std::make_shared<storage::StoredBatch>();
  blanked->header = header;
  blanked->header.has_erased = true;
  blanked->header.events_bytes = static_cast<uint32_t>(bytes->size());
  blanked->header.events_crc32c = base::Crc32c(*bytes);
  blanked->events = *bytes;
  blanked->owner = std::move(bytes);
  return storage::BatchPtr(std::move(blanked));
}

ErasedEvents::RangesPtr ErasedEvents::Find(LogId log) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = by_log_.find(log);
  return it == by_log_.end() ? nullptr : it->second.all;
}

ErasedEvents::RangesPtr ErasedEvents::UnionOf(const Log& log) {
  OffsetRanges all;
  for (const auto& [erasure, ranges] : log.by_erasure) all = Union(all, ranges);
  return std::make_shared<const OffsetRanges>(std::move(all));
}

void ErasedEvents::Add(uint64_t erasure, LogId log, OffsetRanges ranges) {
  absl::MutexLock lock(&mu_);
  Log& entry = by_log_[log];
  entry.by_erasure[erasure] = std::move(ranges);
  entry.all = UnionOf(entry);
  logs_.store(by_log_.size(), std::memory_order_release);
}

void ErasedEvents::Remove(uint64_t erasure) {
  absl::MutexLock lock(&mu_);
  for (auto it = by_log_.begin(); it != by_log_.end();) {
    if (it->second.by_erasure.erase(erasure) == 0) {
      ++it;
    } else if (it->second.by_erasure.empty()) {
      it = by_log_.erase(it);
    } else {
      it->second.all = UnionOf(it->second);
      ++it;
    }
  }
  logs_.store(by_log_.size(), std::memory_order_release);
}

uint64_t ErasedEvents::ranges() const {
  absl::ReaderMutexLock lock(&mu_);
  uint64_t ranges = 0;
  for (const auto& [log, entry] : by_log_) {
    for (const auto& [erasure, of_log] : entry.by_erasure) ranges += of_log.size();
  }
  return ranges;
}

}  // namespace tidemark::log
