// Erase: from the request to the commit. What follows is in eraser_work.cc.
#include "server/log/eraser.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "server/base/error.h"
#include "server/log/erasure_receipt.h"
#include "spdlog/spdlog.h"

namespace tidemark::log {
namespace {

constexpr size_t kCandidates = 256;
constexpr uint64_t kReadBytes = 1 << 20;

absl::Status TooLarge(absl::string_view limit_name, uint64_t limit, uint64_t value,
                      absl::string_view next_step) {
  return MakeError(absl::StatusCode::kResourceExhausted,
                   absl::StrCat("the erasure would take ", value, ", and ", limit_name, " is ",
                                limit, "; nothing was erased. ", next_step),
                   {.reason = "ERASURE_TOO_LARGE",
                    .metadata = {{"limit_name", std::string(limit_name)},
                                 {"limit", std::to_string(limit)},
                                 {"value", std::to_string(value)}}});
}

absl::Status OutsideRange(const ErasureRequest& request, Partition::Ends ends) {
  const storage::ErasureRecord::Span& span = *request.span;
  return MakeError(
      absl::StatusCode::kOutOfRange,
      absl::StrCat("offsets: [", span.offsets.from, ", ", span.offsets.until,
                   ") is not within [0, ", ends.end, "), what partition ", span.partition,
                   " of topic \"", request.topic->name(), "\" has; nothing was erased"),
      {.reason = "OFFSET_OUT_OF_RANGE",
       .metadata = {{"topic", request.topic->name()},
                    {"partition", std::to_string(span.partition.value())},
                    {"start_offset", std::to_string(ends.start.value())},
                    {"end_offset", std::to_string(ends.end.value())}},
       .fields = {{"offsets", "is outside the partition"}}});
}

}  // namespace

Eraser::Eraser(Parts parts, const std::vector<storage::ErasureRecord>& records)
    : parts_(std::move(parts)), rewrite_(parts_.store, parts_.replacer, parts_.erased) {
  absl::MutexLock erase_lock(&erase_mu_);
  absl::MutexLock lock(&mu_);
  for (const storage::ErasureRecord& record : records) {
    next_id_ = std::max(next_id_, record.id + 1);
    if (record.state == storage::ErasureState::kComplete) continue;
    pending_[record.id].record = record;
  }
  ShowPending();
}

Eraser::~Eraser() { Stop(); }

absl::Status Eraser::Load() {
  absl::MutexLock lock(&mu_);
  for (auto& [id, pending] : pending_) {
    absl::StatusOr<std::vector<std::pair<LogId, OffsetRanges>>> logs =
        parts_.store.ReadErasedRanges(id);
    if (!logs.ok()) return logs.status();
    pending.logs = *std::move(logs);
    for (const auto& [log, ranges] : pending.logs) parts_.erased.Add(id, log, ranges);
    if (parts_.vault != nullptr) parts_.vault->Doom(pending.record.entity_keys);
  }
  return absl::OkStatus();
}

uint64_t Eraser::NowMicros() const {
  return static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMicros(parts_.clock.Now())));
}

absl::Status Eraser::CheckSpan(const ErasureRequest& request) const {
  if (!request.span.has_value()) return absl::OkStatus();
  const storage::ErasureRecord::Span& span = *request.span;
  if (span.partition.value() >= request.topic->partitions()) {
    return MakeError(absl::StatusCode::kOutOfRange,
                     absl::StrCat("offsets.partition: partition ", span.partition, " is not below ",
                                  request.topic->partitions(), ", the partition count of topic \"",
                                  request.topic->name(), "\""),
                     {.reason = "PARTITION_OUT_OF_RANGE",
                      .metadata = {{"topic", request.topic->name()},
                                   {"value", std::to_string(span.partition.value())},
                                   {"partitions", std::to_string(request.topic->partitions())}},
                      .fields = {{"offsets.partition", "is not below the partition count"}}});
  }
  absl::StatusOr<PartitionPtr> partition = parts_.open(*request.topic, span.partition);
  if (!partition.ok()) return partition.status();
  const Partition::Ends ends = (*partition)->ends();
  if (span.offsets.until > ends.end) return OutsideRange(request, ends);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Eraser::Part>> Eraser::MakeParts(const ErasureRequest& request) {
  const Topic& topic = *request.topic;
  const bool whole_key = !request.key.empty() && request.types.empty();
  std::vector<Part> made;
  for (uint32_t p = 0; p < topic.partitions(); ++p) {
    const PartitionIndex index(p);
    if (request.span.has_value() && request.span->partition != index) continue;
    absl::StatusOr<PartitionPtr> partition = parts_.open(topic, index);
    if (!partition.ok()) return partition.status();
    const Partition::Ends ends = (*partition)->ends();
    Part part{.partition = *partition,
              .scanned = ends.start,
              .plan = ErasurePlan((*partition)->log(), {request.key, request.types},
                                  topic.record.config.index_keys, whole_key)};
    absl::Status status = Scan(request, part, ends.end);
    if (!status.ok()) return status;
    made.push_back(std::move(part));
  }
  return made;
}

absl::Status Eraser::Scan(const ErasureRequest& request, Part& part, Offset until) {
  Offset from = part.scanned;
  if (request.span.has_value()) {
    from = std::max(from, request.span->offsets.from);
    until = std::min(until, request.span->offsets.until);
    return from < until ? ScanCandidate(part, from, until, until) : absl::OkStatus();
  }
  const Filter filter({.types = request.types, .keys = {request.key}});
  while (part.scanned < until) {
    absl::StatusOr<IndexWindow> window = parts_.index.Find(*part.partition, filter, part.scanned,
                                                           until, Direction::kForward, kCandidates);
    if (!window.ok()) return window.status();
    for (const IndexWindow::Candidate& candidate : window->candidates) {
      const Offset begin = std::max(candidate.from, part.scanned);
      if (begin >= candidate.until) continue;
      absl::Status status = ScanCandidate(part, begin, candidate.until, until);
      if (!status.ok()) return status;
    }
    part.scanned = std::max(part.scanned, window->reached);
  }
  return absl::OkStatus();
}

absl::Status Eraser::ScanCandidate(Part& part, Offset from, Offset until, Offset scan_until) {
  while (from < until) {
    absl::StatusOr<PartitionRead> read = parts_.reader.Read(
        *part.partition, from, until, kReadBytes, MayWait::kYes, Encrypted::kAsStored);
    if (!read.ok()) return read.status();
    if (read->state == PartitionRead::State::kDeleted) {
      return absl::NotFoundError("the topic was deleted");
    }
    if (read->state != PartitionRead::State::kBatches) {  // Retention has passed it.
      from = std::max(from + 1, part.partition->ends().start);
      continue;
    }
    for (const storage::BatchPtr& batch : read->batches) {
      absl::Status status = part.plan.Add(*batch, from, scan_until);
      if (!status.ok()) return status;
      from = std::min(batch->header.end_offset(), scan_until);
    }
    if (part.plan.events() > kEventsMax) {
      return TooLarge("erasure_events_max", kEventsMax, part.plan.events(),
                      "Erase by offsets, in several steps");
    }
  }
  part.scanned = std::max(part.scanned, from);
  return absl::OkStatus();
}

absl::Status Eraser::CheckBounds(const std::vector<Part>& parts) const {
  uint64_t events = 0;
  uint64_t keys = 0;
  uint64_t ranges = parts_.erased.ranges();
  for (const Part& part : parts) {
    events += part.plan.events();
    keys += part.plan.keys();
    ranges += part.plan.ranges().size();
  }
  if (events > kEventsMax) {
    return TooLarge("erasure_events_max", kEventsMax, events, "Erase by offsets, in several steps");
  }
  if (keys > kKeysMax) {
    return TooLarge("erasure_keys_max", kKeysMax, keys, "Erase fewer offsets at a time");
  }
  if (ranges > kRangesMax) {
    return TooLarge("erasure_ranges_max", kRangesMax, ranges,
                    "Repeat when the erasures before it are complete");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Eraser::KeysOf(const ErasureRequest& request) const {
  const bool whole_key = !request.key.empty() && request.types.empty();
  if (parts_.vault == nullptr || !whole_key) return std::vector<std::string>();
  return parts_.vault->IdsOf({request.topic->id(), request.key});
}

absl::Status Eraser::Prepare(const ErasureRequest& request, std::vector<Part>& parts,
                             storage::ErasureRecord& record, storage::WriteSet& set) {
  if (parts_.catalog.FindById(request.topic->id()) == nullptr) {
    return NoSuch("topic", request.topic->name(), ": it was deleted");
  }
  for (Part& part : parts) {
    // What was committed since the scan.
    const Partition::Ends ends = part.partition->ends();
    if (!request.span.has_value()) {
      absl::Status status = Scan(request, part, ends.end);
      if (!status.ok()) return status;
    }
    if (part.plan.events() == 0) continue;
    // Then all that is erased is in the sealed index, and nobody changes that now.
    absl::Status sealed = parts_.sealer.SealBefore(part.partition, ends.end);
    // Of a damaged log nobody can say what it holds; what was found goes all the same.
    if (!sealed.ok() && !absl::IsDataLoss(sealed)) return sealed;
  }
  absl::Status status = CheckBounds(parts);
  if (!status.ok()) return status;
  // Nobody makes another one before they are doomed: mutations are alone.
  absl::StatusOr<std::vector<std::string>> keys = KeysOf(request);
  if (!keys.ok()) return keys.status();
  record.entity_keys = *std::move(keys);
  for (const Part& part : parts) {
    record.events += part.plan.events();
    status =
        part.plan.WriteIndex(parts_.store, part.partition->ends().start,
                             [&](const std::string& row, const std::optional<std::string>& value) {
                               set.ChangeTerm(row, value);
                             });
    if (!status.ok()) return status;
    if (!part.plan.ranges().empty()) {
      set.PutErasedRanges(record.id, part.plan.log(), part.plan.ranges());
    }
  }
  set.PutErasure(record);
  return absl::OkStatus();
}

void Eraser::Publish(const storage::ErasureRecord& record, std::vector<Part>& parts) {
  parts_.store.MarkReordered(record.first_log, record.partitions);
  Pending pending{.record = record, .logs = {}, .problem = {}};
  for (Part& part : parts) {
    const OffsetRanges& ranges = part.plan.ranges();
    if (ranges.empty()) continue;
    pending.logs.emplace_back(part.plan.log(), ranges);
    // In this order: who reads afterwards gets them from neither.
    parts_.erased.Add(record.id, part.plan.log(), ranges);
    part.partition->Erase(ranges);
  }
  if (parts_.vault != nullptr) parts_.vault->Doom(record.entity_keys);
  parts_.metrics.erasure.events_total.Increment(static_cast<double>(record.events));
  absl::MutexLock lock(&mu_);
  pending_[record.id] = std::move(pending);
  woken_ = true;
  ShowPending();
}

absl::StatusOr<ErasureAnswer> Eraser::Erase(const ErasureRequest& request) {
  absl::MutexLock lock(&erase_mu_);
  absl::MutexLock replacing(&parts_.replacer.mutex());
  if (absl::Status status = CheckSpan(request); !status.ok()) return status;
  absl::StatusOr<std::vector<Part>> parts = MakeParts(request);
  if (!parts.ok()) return parts.status();
  uint64_t events = 0;
  bool has_work = false;
  for (const Part& part : *parts) {
    events += part.plan.events();
    absl::StatusOr<bool> work = part.plan.HasWork(parts_.store);
    if (!work.ok()) return work.status();
    has_work = has_work || *work;
  }
  const absl::StatusOr<std::vector<std::string>> keys = KeysOf(request);
  if (!keys.ok()) return keys.status();
  has_work = has_work || !keys->empty();
  if (absl::Status status = CheckBounds(*parts); !status.ok()) return status;
  if (request.dry_run || !has_work) return ErasureAnswer{.events = events, .id = {}};
  for (const Part& part : *parts) {  // Most of it before anybody waits for it.
    if (part.plan.events() == 0) continue;
    absl::Status sealed = parts_.sealer.SealBefore(part.partition, part.partition->ends().end);
    if (!sealed.ok() && !absl::IsDataLoss(sealed)) return sealed;
  }
  absl::StatusOr<TopicPtr> receipts = parts_.receipts();
  if (!receipts.ok()) return receipts.status();
  storage::ErasureRecord record{
      .id = next_id_,
      .topic = request.topic->id(),
      .topic_name = request.topic->name(),
      .first_log = request.topic->record.first_log,
      .partitions = request.topic->partitions(),
      .key_digest = request.key.empty() ? "" : parts_.store.DigestOf(request.key),
      .types = request.types,
      .span = request.span,
      .reason = request.reason,
      .actor = request.actor,
      .request_time_us = NowMicros()};
  absl::Status status = Commit(
      {.prepare = [&](storage::WriteSet& set) { return Prepare(request, *parts, record, set); },
       .publish = [&] { Publish(record, *parts); },
       .done = {},
       .append =
           [&] {
             return MakeReceipt(*receipts, kErasureRequested, record, record.request_time_us);
           }});
  if (!status.ok()) return status;
  ++next_id_;
  std::vector<std::pair<LogId, OffsetRanges>> logs;
  for (const Part& part : *parts) logs.emplace_back(part.plan.log(), part.plan.ranges());
  // What is left of it the background work does.
  if (absl::Status forgotten = ForgetIn(logs); !forgotten.ok()) {
    spdlog::warn("erasure {}: groups: {}; tried again", record.id, forgotten.ToString());
  }
  return ErasureAnswer{.events = record.events, .id = record.id};
}

absl::Status Eraser::Commit(Mutation mutation) {
  absl::Notification committed;
  absl::Status result;
  mutation.done = [&](absl::Status status) {
    result = std::move(status);
    committed.Notify();
  };
  parts_.pipeline.Mutate(std::move(mutation));
  committed.WaitForNotification();
  return result;
}

absl::StatusOr<std::vector<ErasureView>> Eraser::List(uint64_t after, size_t count) const {
  absl::StatusOr<std::vector<storage::ErasureRecord>> records = parts_.store.ReadErasures();
  if (!records.ok()) return records.status();
  std::vector<ErasureView> views;
  absl::MutexLock lock(&mu_);
  for (storage::ErasureRecord& record : *records) {
    if (record.id <= after || views.size() >= count) continue;
    const auto pending = pending_.find(record.id);
    views.push_back({.record = std::move(record),
                     .problem = pending == pending_.end() ? "" : pending->second.problem});
  }
  return views;
}

}  // namespace tidemark::log
