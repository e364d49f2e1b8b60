#include "server/log/commit_group.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"
#include "server/base/error.h"
#include "server/base/seeded_fault.h"
#include "server/base/system_clock.h"
#include "server/log/request_entries.h"

namespace tidemark::log {
namespace {

// `request` is a retry of the one whose outcome was recorded: its fingerprint is the same.
AppendResult FromRecord(storage::ProducerRecord record, const AppendRequest& request) {
  for (size_t i = 0; i < std::min(record.revisions.size(), request.conditions.size()); ++i) {
    record.revisions[i].key = request.conditions[i].key;
  }
  return {.ranges = record.ranges,
          .revisions = record.revisions,
          .position = record.position,
          .append_time = absl::FromUnixMicros(record.append_time_us),
          .duplicate = true,
          .durability = record.durability};
}

uint64_t EventsIn(const AppendRequest& request) {
  uint64_t events = 0;
  for (const PartitionEvents& part : request.parts) events += part.count;
  return events;
}

EventView ViewOf(const RequestEntry& entry) {
  EventView view;
  TM_CHECK(ViewEvent(entry.event, view).ok());  // Checked when it came in.
  return view;
}

}  // namespace

absl::Status DeadlinePassed() {
  return MakeError(absl::StatusCode::kDeadlineExceeded,
                   "the call's deadline passed while the request waited; it was not written",
                   {.reason = "DEADLINE_PASSED"});
}

CommitGroup::CommitGroup(PrepareContext context, std::unique_ptr<storage::WriteSet> set)
    : context_(context), set_(std::move(set)), begin_nanos_(base::MonotonicNanos()) {
  const auto now = static_cast<uint64_t>(absl::ToUnixMicros(context_.clock.Now()));
  append_time_us_ = std::max(now, context_.last_append_time_us);
  context_.last_append_time_us = append_time_us_;
}

void CommitGroup::Add(QueuedAppend append) {
  AppendRequest& request = append.request;
  Answer answer{.result = Prepare(request),
                .done = std::move(append.done),
                .queued_at_nanos = append.queued_at_nanos,
                .producer = std::nullopt};
  if (answer.result.ok() && !answer.result->duplicate) {
    if (request.topic != nullptr) answer.topic = request.topic->id();
    answer.events = EventsIn(request);
    for (const PartitionEvents& part : request.parts) answer.bytes += part.bytes;
    answer.participant = std::move(request.participant);
    if (request.producer.has_value()) {
      answer.producer = request.producer;
      answer.fingerprint = request.fingerprint;
      context_.producers.Add(*answer.producer, RecordOf(answer));
    }
  }
  answers_.push_back(std::move(answer));
}

absl::StatusOr<std::vector<CommitGroup::Target>> CommitGroup::FindTargets(
    const AppendRequest& request) {
  std::vector<Target> targets;
  targets.reserve(request.parts.size());
  for (const PartitionEvents& part : request.parts) {
    const Topic& asked = part.topic != nullptr ? *part.topic : *request.topic;
    TopicPtr topic = !targets.empty() && targets.back().topic->id() == asked.id()
                         ? targets.back().topic
                         : context_.catalog.FindById(asked.id());
    if (topic == nullptr) return NoSuch("topic", asked.name(), ": it was deleted");
    absl::StatusOr<PartitionPtr> partition = context_.partitions.Get(topic->log(part.partition));
    if (!partition.ok()) return partition.status();
    targets.push_back({std::move(topic), *std::move(partition)});
  }
  return targets;
}

void CommitGroup::AddParts(AppendRequest& request, const std::vector<Target>& targets,
                           AppendResult& result) {
  bool all_memory = !request.parts.empty();
  for (size_t i = 0; i < request.parts.size(); ++i) {
    PartitionEvents& part = request.parts[i];
    const storage::TopicConfig& config = targets[i].topic->record.config;
    const PartitionPtr& partition = targets[i].partition;
    LogBatches& log = logs_[partition->log()];
    log.partition = partition;
    log.compression = config.compression;
    log.index_keys = config.index_keys;
    if (config.encrypt_by_key) log.encrypts = targets[i].topic->id();
    result.ranges.push_back({.partition = part.partition,
                             .first = partition->next_offset(),
                             .count = part.count,
                             .topic = part.topic != nullptr ? part.topic->id() : TopicId()});
    AddEvents(log, part);
    if (config.durability == storage::Durability::kMemory) {
      result.durability = storage::Durability::kMemory;
    } else {
      all_memory = false;
    }
  }
  needs_sync_ = needs_sync_ || !all_memory;
}

absl::StatusOr<AppendResult> CommitGroup::Prepare(AppendRequest& request) {
  if (request.deadline_nanos <= begin_nanos_) return DeadlinePassed();
  // A topic that is gone is told before anything is said about the producer.
  if (request.topic != nullptr && context_.catalog.FindById(request.topic->id()) == nullptr) {
    return NoSuch("topic", request.topic->name(), ": it was deleted");
  }
  if (request.producer.has_value()) {
    absl::StatusOr<std::optional<storage::ProducerRecord>> known =
        context_.producers.Check(*request.producer, request.fingerprint);
    if (!known.ok()) return known.status();
    if (known->has_value()) {
      // The first answer may be in this group or the one before: it is durable when this group is.
      needs_sync_ = true;
      return FromRecord(**std::move(known), request);
    }
  }
  // What can fail comes before any offset is given out.
  absl::StatusOr<std::vector<Target>> targets = FindTargets(request);
  if (!targets.ok()) return targets.status();
  std::vector<KeyCount> counts;
  if (!request.conditions.empty()) {
    if (absl::Status status = CheckConditions(request, counts); !status.ok()) return status;
  }
  std::vector<OffsetWrite> offsets;
  if (request.participant != nullptr) {
    if (absl::Status status = request.participant->Prepare(offsets); !status.ok()) return status;
  }
  for (const OffsetWrite& write : offsets) set_->PutOffset(write.group, write.log, write.committed);
  offset_writes_ += offsets.size();
  AppendResult result{.append_time = absl::FromUnixMicros(append_time_us_)};
  AddParts(request, *targets, result);
  if (!request.conditions.empty()) result.revisions = RevisionsAfter(request, counts);
  // A remembered producer sequence must survive with its events.
  needs_sync_ = needs_sync_ || request.producer.has_value() || !offsets.empty();
  return result;
}

void CommitGroup::AddTerms(LogBatches& log, PartitionEvents& events) {
  BatchTerms& terms = log.open.back().terms;
  if (events.terms.events == events.count) return terms.Add(std::move(events.terms));
  ForEachEntry(events,
               [&](const RequestEntry& entry) { terms.Add(ViewOf(entry), log.index_keys); });
}

void CommitGroup::AddEvents(LogBatches& log, PartitionEvents& events) {
  Offset& next = log.partition->next_offset();
  const auto begin_batch = [&](uint64_t bytes) {
    LogBatches::Open& open = log.open.emplace_back();
    open.base = next;
    open.events.reserve(std::min(bytes, context_.batch_bytes_max));
  };
  if (log.open.empty() || log.open.back().buffer != nullptr) begin_batch(events.bytes);
  if (events.buffers.empty() &&
      log.open.back().events.size() + events.bytes <= context_.batch_bytes_max) {
    for (const absl::string_view run : events.runs) {
      log.open.back().events.append(run.data(), run.size());
    }
    log.open.back().count += events.count;
    AddTerms(log, events);
    next = next + events.count;
    return;
  }
  // Large events, or too much for one batch: walk the events and begin new batches between them.
  uint64_t left = events.bytes;
  uint32_t added = 0;
  auto buffer = events.buffers.begin();
  ForEachEntry(events, [&](const RequestEntry& entry) {
    const bool whole_batch =
        buffer != events.buffers.end() && (*buffer)->data() == entry.pieces.front().data();
    const LogBatches::Open& last = log.open.back();
    const bool full = whole_batch || last.buffer != nullptr ||
                      last.events.size() + entry.bytes > context_.batch_bytes_max;
    if (full && last.count > 0) begin_batch(whole_batch ? 0 : left);
    LogBatches::Open& open = log.open.back();
    if (whole_batch) {
      open.events = std::string();
      open.buffer = *buffer++;
    } else {
      for (const absl::string_view piece : entry.pieces) {
        open.events.append(piece.data(), piece.size());
      }
    }
    open.terms.Add(ViewOf(entry), log.index_keys);
    ++open.count;
    ++next;
    ++added;
    left -= entry.bytes;
  });
  TM_CHECK_EQ(added, events.count);
  TM_CHECK(buffer == events.buffers.end());
}

void CommitGroup::Add(QueuedOffsets offsets) {
  if (offsets.revise != nullptr) offsets.revise(offsets.writes);
  for (const OffsetWrite& write : offsets.writes) {
    if (TM_SEEDED_FAULT("ack_not_stored")) continue;
    set_->PutOffset(write.group, write.log, write.committed);
  }
  for (const GroupRowChange& row : offsets.rows) set_->Change(row);
  offset_writes_ += offsets.writes.size() + offsets.rows.size();
  other_answers_.push_back(std::move(offsets.done));
  needs_sync_ = true;
}

void CommitGroup::Add(QueuedTrims trims) {
  for (LogTrim& trim : trims.trims) {
    // Another rule may keep more; a deleted log has no start.
    if (context_.catalog.FindById(trim.topic->id()) != trim.topic) continue;
    Offset& start = trim.partition->next_start();
    if (trim.start <= start) continue;
    set_->DeleteIndexRows(trim.partition->log(), start, trim.start);
    start = trim.start;
    trims_.push_back(std::move(trim));
    needs_sync_ = true;
  }
  other_answers_.push_back(std::move(trims.done));
}

storage::ProducerRecord CommitGroup::RecordOf(const Answer& answer) {
  // Without the keys: what is recorded for ever must not name what may have to be erased.
  std::vector<KeyRevision> revisions = answer.result->revisions;
  for (KeyRevision& revision : revisions) revision.key.clear();
  return {.topic = answer.topic,
          .fingerprint = answer.fingerprint,
          .append_time_us = static_cast<uint64_t>(absl::ToUnixMicros(answer.result->append_time)),
          .position = answer.result->position,
          .durability = answer.result->durability,
          .ranges = answer.result->ranges,
          .revisions = std::move(revisions)};
}

absl::StatusOr<std::vector<EventCipher::Job>> CommitGroup::SealOpen() const {
  std::vector<EventCipher::Job> jobs;
  for (const auto& [log_id, log] : logs_) {
    if (!log.encrypts.has_value()) continue;
    for (const LogBatches::Open& open : log.open) {
      jobs.push_back({.topic = *log.encrypts,
                      .log = log_id,
                      .base = open.base,
                      .events = open.buffer != nullptr ? *open.buffer : open.events,
                      .sealed = {}});
    }
  }
  if (jobs.empty()) return jobs;
  if (absl::Status sealed = context_.cipher.Seal(jobs); !sealed.ok()) return sealed;
  return jobs;
}

void CommitGroup::FinishLog(LogId log_id, LogBatches& log,
                            std::vector<EventCipher::Job>::iterator& sealed) {
  std::vector<BatchTerms> terms;
  for (LogBatches::Open& open : log.open) {
    ++context_.last_position;
    const std::shared_ptr<const std::string> bytes =
        open.buffer != nullptr ? std::move(open.buffer)
                               : std::make_shared<const std::string>(std::move(open.events));
    auto batch = std::make_shared<storage::StoredBatch>();
    batch->header = {.log = log_id,
                     .base_offset = open.base,
                     .count = open.count,
                     .append_time_us = append_time_us_,
                     .position = context_.last_position,
                     .events_bytes = static_cast<uint32_t>(bytes->size()),
                     .events_crc32c = base::Crc32c(*bytes)};
    batch->events = *bytes;
    batch->owner = bytes;
    // What is stored; readers of the tail get the batch as it came.
    storage::BatchHeader header = batch->header;
    absl::string_view events = batch->events;
    if (log.encrypts.has_value()) {
      events = sealed->sealed;
      header.events_bytes = static_cast<uint32_t>(events.size());
      header.events_crc32c = base::Crc32c(events);
      header.encrypted = true;
      batch->encrypted_bytes = header.events_bytes;
    }
    set_->PutBatch(header, events, log.partition->next_bytes(), log.compression);
    log.partition->next_bytes() += events.size();
    bytes_ += events.size();
    if (log.encrypts.has_value()) ++sealed;
    log.finished.push_back(std::move(batch));
    terms.push_back(std::move(open.terms));
  }
  log.open.clear();
  log.partition->Stage(log.finished, std::move(terms));
}

absl::Status CommitGroup::Finish() {
  absl::StatusOr<std::vector<EventCipher::Job>> jobs = SealOpen();
  finished_ = jobs.status();
  if (!jobs.ok()) return finished_;
  auto sealed = jobs->begin();
  for (auto& [log_id, log] : logs_) FinishLog(log_id, log, sealed);
  last_position_ = context_.last_position;
  for (Answer& answer : answers_) {
    if (!answer.result.ok()) continue;
    // Also of a duplicate whose first request is in this group.
    if (answer.result->position == Position(0) && !answer.result->ranges.empty()) {
      answer.result->position = context_.last_position;
    }
    if (!answer.producer.has_value()) continue;
    stores_producers_ = true;
    const storage::ProducerRecord record = RecordOf(answer);
    set_->PutProducer(answer.producer->id, answer.producer->sequence, record);
    context_.producers.Add(*answer.producer, record);
  }
  for (const LogTrim& trim : trims_) {
    // The end as of this commit: the batches above are in it.
    set_->PutLogStart(trim.partition->log(), {.start = trim.start,
                                              .end = trim.partition->next_offset(),
                                              .end_bytes = trim.partition->next_bytes()});
  }
  if (!logs_.empty()) {
    set_->PutCommitMark({.position = context_.last_position, .append_time_us = append_time_us_});
  }
  context_.producers.EndGroup();
  return absl::OkStatus();
}

absl::Status CommitGroup::refusal() const {
  for (const Answer& answer : answers_) {
    if (!answer.result.ok()) return answer.result.status();
  }
  return absl::OkStatus();
}

bool CommitGroup::has_writes() const {
  return !logs_.empty() || offset_writes_ > 0 || !trims_.empty() || stores_producers_;
}

void CommitGroup::Publish(TailBudget& tail, metrics::Metrics& metrics) {
  for (auto& [log_id, log] : logs_) {
    log.partition->PublishStaged(log.finished.size());
    for (const storage::BatchPtr& batch : log.finished) tail.Add(log.partition, *batch);
    metrics.append_batches_total.Increment(static_cast<double>(log.finished.size()));
  }
  for (const LogTrim& trim : trims_) {
    const Partition::Kept before = trim.partition->kept();
    trim.partition->TrimTo(trim.start, trim.start_bytes, trim.oldest_time_us);
    metrics.retention_starts_moved_total.Increment();
    metrics.retention_events_total.Increment(static_cast<double>(trim.start - before.ends.start));
    metrics.retention_bytes_total.Increment(
        static_cast<double>(trim.start_bytes - before.start_bytes));
  }
}

void CommitGroup::Complete(const absl::Status& commit, int64_t now_nanos,
                           metrics::Metrics& metrics) {
  uint64_t events = 0;
  uint64_t bytes = 0;
  const bool alone = answers_.size() + other_answers_.size() == 1;
  for (Answer& answer : answers_) {
    if (answer.participant != nullptr) answer.participant->Finish(commit);
    // Also what was refused: it was checked against a state that is not going to be.
    if (!commit.ok()) {
      std::move(answer.done)(commit);
      continue;
    }
    if (answer.result.ok()) {
      answer.result->alone = alone;
      events += answer.events;
      bytes += answer.bytes;
      (answer.result->duplicate ? metrics.duplicate_appends_total : metrics.append_requests_total)
          .Increment();
      metrics.append_seconds.Observe(static_cast<double>(now_nanos - answer.queued_at_nanos) / 1e9);
    } else if (const auto detail = DetailOf(answer.result.status()); detail.has_value()) {
      metrics.RefusedAppends(detail->reason).Increment();
    }
    std::move(answer.done)(std::move(answer.result));
  }
  metrics.append_events_total.Increment(static_cast<double>(events));
  metrics.append_bytes_total.Increment(static_cast<double>(bytes));
  for (DoneCallback& done : other_answers_) std::move(done)(commit);
}

}  // namespace tidemark::log
