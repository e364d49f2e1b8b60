#include "server/log/batch_walk.h"

#include "absl/strings/str_cat.h"

namespace tidemark::log {
namespace {

constexpr uint64_t kPageBytes = 1 << 20;

// A page of which something is damaged: its first batch alone, so that only the damaged one is
// lost. Null if it is that one.
absl::StatusOr<storage::BatchPtr> ReadAlone(const PartitionReader& reader,
                                            const storage::Store& store, const Partition& partition,
                                            Offset base, storage::BatchHeader& header) {
  absl::StatusOr<std::optional<storage::BatchInfo>> info = store.BatchAt(partition.log(), base);
  if (!info.ok()) return info.status();
  if (!info->has_value()) {
    return absl::DataLossError(
        absl::StrCat("no batch of log ", partition.log().value(), " holds offset ", base.value()));
  }
  header = {.log = partition.log(),
            .base_offset = (*info)->base_offset,
            .count = (*info)->row.count,
            .append_time_us = (*info)->row.append_time_us,
            .position = (*info)->row.position};
  absl::StatusOr<PartitionRead> read =
      reader.Read(partition, base, header.end_offset(), 1, MayWait::kYes, Encrypted::kAsStored);
  if (absl::IsDataLoss(read.status())) return storage::BatchPtr();
  if (!read.ok()) return read.status();
  if (read->state != PartitionRead::State::kBatches) return storage::BatchPtr();
  return read->batches.front();
}

}  // namespace

absl::StatusOr<Offset> WalkBatches(const PartitionReader& reader, const storage::Store& store,
                                   const Partition& partition, Offset from, Offset until,
                                   BatchVisitor visit) {
  Offset next = from;
  while (next < until) {
    absl::StatusOr<PartitionRead> read =
        reader.Read(partition, next, until, kPageBytes, MayWait::kYes, Encrypted::kAsStored);
    if (absl::IsDataLoss(read.status())) {
      storage::BatchHeader header;
      absl::StatusOr<storage::BatchPtr> batch = ReadAlone(reader, store, partition, next, header);
      if (!batch.ok()) return batch.status();
      next = header.end_offset();
      if (!visit(header, batch->get())) return next;
      continue;
    }
    if (!read.ok()) return read.status();
    if (read->state != PartitionRead::State::kBatches) return next;
    for (const storage::BatchPtr& batch : read->batches) {
      next = batch->header.end_offset();
      if (!visit(batch->header, batch.get())) return next;
    }
  }
  return next;
}

}  // namespace tidemark::log
