#include "server/log/erasure_rewrite.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tidemark::log {

absl::Status ErasureRewrite::Run(LogId log, const OffsetRanges& ranges,
                                 absl::FunctionRef<bool()> stopped) {
  for (Offset at(0); FirstBehind(ranges, at) != ranges.end();) {
    if (stopped()) return absl::CancelledError("stopped");
    const absl::StatusOr<Offset> next = Step(log, ranges, at);
    if (absl::IsAborted(next.status())) continue;  // In a new epoch.
    if (!next.ok()) return next.status();
    at = *next;
  }
  return absl::OkStatus();
}

absl::StatusOr<Offset> ErasureRewrite::Step(LogId log, const OffsetRanges& ranges, Offset from) {
  std::vector<BatchReplacer::Replacement> batches;
  uint64_t bytes = 0;
  Offset at = from;
  absl::MutexLock lock(&replacer_.mutex());
  while (bytes < BatchReplacer::kCommitBytes && batches.size() < BatchReplacer::kCommitBatches) {
    const auto range = FirstBehind(ranges, at);
    if (range == ranges.end()) break;
    at = std::max(at, range->from);
    absl::StatusOr<std::vector<storage::BatchInfo>> info =
        store_.ReadIndex(log, at, range->until, /*newest_first=*/false, 1);
    if (!info.ok()) return info.status();
    if (info->empty()) {  // Retention took it, or the topic is gone.
      at = range->until;
      continue;
    }
    const storage::BatchInfo& batch = info->front();
    absl::StatusOr<std::vector<storage::BatchPtr>> read =
        store_.ReadBatches(log, batch.base_offset, batch.end_offset(), 1);
    if (!read.ok()) return read.status();
    if (!read->empty() && read->front()->header.base_offset == batch.base_offset) {
      // Of all erasures that are not complete, so that it is done for these, too.
      const ErasedEvents::RangesPtr all = erased_.Of(log);
      absl::StatusOr<storage::BatchPtr> blanked =
          Blank(read->front(), all == nullptr ? ranges : *all);
      if (!blanked.ok()) return blanked.status();
      // Else it was rewritten before.
      if (*blanked != read->front()) {
        bytes += (*blanked)->events.size();
        batches.push_back({*std::move(blanked), batch.row});
      }
    }
    at = batch.end_offset();
  }
  if (batches.empty()) return at;
  absl::Status status = replacer_.Commit(
      log, batches, [](storage::WriteSet&) {}, [](Partition&) {});
  if (!status.ok()) return status;
  return at;
}

}  // namespace tidemark::log
