#include "server/log/partition_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"

namespace tidemark::log {

absl::StatusOr<PartitionRead> PartitionReader::Read(const Partition& partition, Offset from,
                                                    Offset until, uint64_t bytes_max,
                                                    MayWait may_wait) const {
  if (from >= until) return PartitionRead{.state = PartitionRead::State::kAtEnd, .batches = {}};
  Partition::TailRead tail = partition.ReadTail(from, bytes_max);
  switch (tail.state) {
    case Partition::TailState::kAtEnd:
      return PartitionRead{.state = PartitionRead::State::kAtEnd, .batches = {}};
    case Partition::TailState::kTooOld:
      return PartitionRead{.state = PartitionRead::State::kTooOld, .batches = {}};
    case Partition::TailState::kDeleted:
      return PartitionRead{.state = PartitionRead::State::kDeleted, .batches = {}};
    case Partition::TailState::kBatches:
      while (tail.batches.back()->header.base_offset >= until) tail.batches.pop_back();
      metrics_.read_tail_hits_total.Increment(static_cast<double>(tail.batches.size()));
      return PartitionRead{.state = PartitionRead::State::kBatches,
                           .from_tail = true,
                           .batches = std::move(tail.batches)};
    case Partition::TailState::kInStore:
      break;
  }
  if (may_wait == MayWait::kNo) {
    return PartitionRead{.state = PartitionRead::State::kNeedsStore, .batches = {}};
  }
  // The store may hold more than is published: the durable end bounds every read.
  const Offset bound = std::min(until, partition.ends().end);
  absl::StatusOr<std::vector<storage::BatchPtr>> batches =
      store_.ReadBatches(partition.log(), from, bound, bytes_max);
  // Of a deleted topic batches disappear while they are read, so this comes first.
  if (partition.deleted()) {
    return PartitionRead{.state = PartitionRead::State::kDeleted, .batches = {}};
  }
  // So does what retention passes.
  if (from < partition.ends().start) {
    return PartitionRead{.state = PartitionRead::State::kTooOld, .batches = {}};
  }
  if (!batches.ok()) {
    if (absl::IsDataLoss(batches.status())) metrics_.corrupt_batches_total.Increment();
    return batches.status();
  }
  if (batches->empty() || batches->front()->header.base_offset > from) {
    metrics_.corrupt_batches_total.Increment();
    return absl::DataLossError(
        absl::StrCat("offset ", from.value(), " of log ", partition.log().value(), " is missing"));
  }
  metrics_.read_store_hits_total.Increment(static_cast<double>(batches->size()));
  return PartitionRead{.state = PartitionRead::State::kBatches, .batches = *std::move(batches)};
}

absl::StatusOr<Offset> PartitionReader::OffsetAtTime(const Partition& partition,
                                                     uint64_t time_us) const {
  const Partition::Ends ends = partition.ends();
  return store_.FirstOffsetAtTime(partition.log(), time_us, ends.start, ends.end);
}

absl::StatusOr<uint64_t> PartitionReader::AppendTimeAt(const Partition& partition,
                                                       Offset offset) const {
  const Partition::TailRead tail = partition.ReadTail(offset, 0);
  if (tail.state == Partition::TailState::kBatches) {
    return tail.batches.front()->header.append_time_us;
  }
  absl::StatusOr<std::optional<storage::BatchInfo>> info = store_.BatchAt(partition.log(), offset);
  if (!info.ok()) return info.status();
  if (!info->has_value()) {
    return absl::NotFoundError(absl::StrCat("no batch holds offset ", offset.value()));
  }
  return (*info)->row.append_time_us;
}

}  // namespace tidemark::log
