#include "server/log/partition_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"

namespace tidemark::log {
namespace {

// What is read from the store at once: it fits into a core's cache together with the page before,
// which is being sent meanwhile.
constexpr uint64_t kStorePageBytes = 256ull << 10;

}  // namespace

absl::StatusOr<PartitionRead> PartitionReader::Read(const Partition& partition, Offset from,
                                                    Offset until, uint64_t bytes_max,
                                                    MayWait may_wait, Encrypted encrypted) const {
  // Before anything is read: see ErasedEvents.
  const ErasedEvents::RangesPtr erased =
      erased_ == nullptr ? nullptr : erased_->Of(partition.log());
  absl::StatusOr<PartitionRead> read = ReadAsStored(partition, from, until, bytes_max, may_wait);
  if (!read.ok()) return read;
  for (storage::BatchPtr& batch : read->batches) {
    if (erased != nullptr) {
      absl::StatusOr<storage::BatchPtr> blanked = Blank(batch, *erased);
      if (!blanked.ok()) return blanked.status();
      batch = *std::move(blanked);
    }
    if (!batch->header.encrypted || encrypted == Encrypted::kAsStored) continue;
    absl::StatusOr<storage::BatchPtr> opened = Open(batch);
    if (!opened.ok()) return opened.status();
    batch = *std::move(opened);
  }
  return read;
}

absl::StatusOr<storage::BatchPtr> PartitionReader::Open(const storage::BatchPtr& batch) const {
  absl::StatusOr<storage::BatchPtr> opened =
      cipher_ == nullptr ? absl::DataLossError("there is no vault of keys") : cipher_->Open(batch);
  if (opened.ok()) return opened;
  metrics_.corrupt_batches_total.Increment();
  return absl::DataLossError(absl::StrCat("the batch at offset ", batch->header.base_offset,
                                          " of log ", batch->header.log,
                                          " cannot be decrypted: ", opened.status().message()));
}

absl::StatusOr<PartitionRead> PartitionReader::ReadAsStored(const Partition& partition, Offset from,
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
      store_.ReadBatches(partition.log(), from, bound, std::min(bytes_max, kStorePageBytes));
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

absl::StatusOr<SpanRead> PartitionReader::Spans(const Partition& partition, Offset from,
                                                Offset until, Direction direction, size_t spans_max,
                                                MayWait may_wait) const {
  using State = PartitionRead::State;
  Partition::TailSpans tail = partition.SpansInTail(from, until, direction, spans_max);
  switch (tail.state) {
    case Partition::TailState::kAtEnd:
      return SpanRead{.state = State::kAtEnd, .spans = {}};
    case Partition::TailState::kTooOld:
      return SpanRead{.state = State::kTooOld, .spans = {}};
    case Partition::TailState::kDeleted:
      return SpanRead{.state = State::kDeleted, .spans = {}};
    case Partition::TailState::kBatches:
      return SpanRead{.state = State::kBatches, .from_tail = true, .spans = std::move(tail.spans)};
    case Partition::TailState::kInStore:
      break;
  }
  if (may_wait == MayWait::kNo) return SpanRead{.state = State::kNeedsStore, .spans = {}};
  const bool forward = direction == Direction::kForward;
  const Offset bound = std::min(until, partition.ends().end);
  absl::StatusOr<std::vector<storage::BatchInfo>> rows =
      store_.ReadIndex(partition.log(), from, bound, !forward, spans_max);
  // As in Read.
  if (partition.deleted()) return SpanRead{.state = State::kDeleted, .spans = {}};
  if (partition.ends().start > from) return SpanRead{.state = State::kTooOld, .spans = {}};
  if (!rows.ok()) return rows.status();
  SpanRead read{.state = State::kBatches, .spans = {}};
  read.spans.reserve(rows->size());
  Offset expected = forward ? from : bound;  // Where the next batch touches the one before.
  for (const storage::BatchInfo& info : *rows) {
    const bool first = read.spans.empty();
    const bool touches = first ? info.base_offset <= expected && info.end_offset() >= expected
                               : (forward ? info.base_offset : info.end_offset()) == expected;
    if (!touches) break;
    expected = forward ? info.end_offset() : info.base_offset;
    read.spans.push_back({.base_offset = info.base_offset,
                          .count = info.row.count,
                          .bytes = info.row.events_bytes,
                          .position = info.row.position});
  }
  if (!read.spans.empty()) return read;
  metrics_.corrupt_batches_total.Increment();
  const Offset missing = forward ? from : Offset(bound.value() - 1);
  return absl::DataLossError(
      absl::StrCat("offset ", missing.value(), " of log ", partition.log().value(), " is missing"));
}

absl::StatusOr<Offset> PartitionReader::EndAt(const Partition& partition, Position position) const {
  const Partition::Ends ends = partition.ends();
  // What was published before it was loaded, or by then, is at most `position`.
  if (partition.newest() <= position) return ends.end;
  Offset end = ends.end;
  while (end > ends.start) {
    absl::StatusOr<SpanRead> read =
        Spans(partition, ends.start, end, Direction::kBackward, 1, MayWait::kYes);
    if (!read.ok()) return read.status();
    if (read->state != PartitionRead::State::kBatches) break;  // Deleted or trimmed meanwhile.
    if (read->spans.front().position <= position) break;
    end = read->spans.front().base_offset;
  }
  return end;
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
