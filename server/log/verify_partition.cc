#include "server/log/verify_partition.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/log/batch_walk.h"
#include "server/log/term_digest.h"
#include "server/log/verify_erased.h"
#include "server/log/verify_totals.h"

namespace tidemark::log {
namespace {

using storage::BatchInfo;
using storage::BatchPtr;
using storage::Posting;
using storage::TermKind;

constexpr uint64_t kVerifyPageBytes = 512 << 10;
// Rows read with one cursor, which keeps files from being removed.
constexpr int kRowsOfCursor = 20'000;

std::string NameOf(TermKind kind, absl::string_view term) {
  switch (kind) {
    case TermKind::kType:
      return absl::StrCat("type \"", term, "\"");
    case TermKind::kKey:
      return absl::StrCat("key \"", term, "\"");
    case TermKind::kErased:
      return "erased events";
    case TermKind::kUnread:
      return "unread batches";
  }
  return "";
}

// What the index says of one segment.
struct Segment {
  TermDigest rows;
  bool has_unread = false;  // It has batches that nobody could read.
};
// By their ends.
using Segments = std::map<Offset, Segment>;

class PartitionCheck {
 public:
  PartitionCheck(EventLog& log, TopicPtr topic, PartitionIndex index, VerifyProgress& progress)
      : log_(log),
        store_(log.store()),
        topic_(std::move(topic)),
        index_(index),
        id_(topic_->log(index)),
        progress_(progress),
        totals_(log, topic_, index, progress),
        erased_totals_(log, topic_, index, progress) {}

  absl::Status Run() {
    absl::StatusOr<PartitionPtr> partition = log_.OpenPartition(*topic_, index_);
    if (absl::IsNotFound(partition.status())) return absl::OkStatus();  // Deleted.
    if (absl::IsDataLoss(partition.status())) {
      Found(Finding::Kind::kEvents, Offset(0), Offset(0),
            std::string(partition.status().message()));
      return progress_.Checked(0);
    }
    if (!partition.ok()) return partition.status();
    partition_ = *std::move(partition);
    if (absl::Status status = ReadSegments(); !status.ok()) return status;
    if (absl::Status status = ReadBatches(); !status.ok()) return status;
    return whole_ && HasKeys() ? CompareTotals() : absl::OkStatus();
  }

 private:
  bool Gone() const { return partition_->deleted(); }
  bool HasKeys() const { return topic_->record.config.index_keys; }
  void Found(Finding::Kind kind, Offset from, Offset until, std::string what) {
    whole_ = false;
    progress_.Found({.kind = kind,
                     .topic = topic_->name(),
                     .partition = index_,
                     .from = from,
                     .until = until,
                     .description = std::move(what)});
  }

  absl::Status ReadSegments();
  // False: one is damaged.
  absl::StatusOr<bool> ReadTotals(storage::TermCursor& cursor);
  absl::Status CompareTotals();
  absl::Status ReadRows(TermKind kind);
  // Adds the row under `cursor` to `segment`.
  void AddRow(const storage::TermCursor& cursor, TermKind kind, Segment& segment);

  absl::Status ReadBatches();
  // What is behind a batch that cannot be read, at `next_`; why is in `error`.
  absl::Status StepOver(const absl::Status& error, Offset end);
  // Goes on at `offset`, without having seen what is in front of it.
  void SkipTo(Offset offset);
  void Look(const storage::StoredBatch& batch);
  // Can it be? What is erased meanwhile can.
  void Decrypt(const BatchPtr& batch);
  void AddToSegment(const storage::StoredBatch& batch);
  // A segment seems to differ: is it so by what readers get? What changes beside us, or is on its
  // way to the disk, is not wrong.
  void LookAgain(Offset from, Offset until);
  // Compares the segments that end at or before `offset`.
  void CompareUntil(Offset offset);

  EventLog& log_;
  const storage::Store& store_;
  const TopicPtr topic_;
  const PartitionIndex index_;
  const LogId id_;
  VerifyProgress& progress_;
  PartitionPtr partition_;

  Offset sealed_until_;
  Segments segments_;
  // Of the segment that is being read.
  std::optional<Offset> segment_from_;  // Unset: its beginning was not seen.
  TermDigest found_;
  bool comparable_ = true;

  KeyTotalsCheck totals_;
  ErasedTotalsCheck erased_totals_;
  bool whole_ = true;  // Nothing is missing or wrong so far, neither events nor the index.

  Offset next_;  // Of the walk.
  std::optional<storage::BatchHeader> previous_;
};

absl::Status PartitionCheck::ReadSegments() {
  const std::unique_ptr<storage::TermCursor> cursor = store_.Terms(id_);
  absl::StatusOr<Offset> sealed = cursor->SealedUntil();
  if (absl::IsDataLoss(sealed.status())) {
    Found(Finding::Kind::kIndex, Offset(0), Offset(0), std::string(sealed.status().message()));
    return absl::OkStatus();
  }
  if (!sealed.ok()) return sealed.status();
  sealed_until_ = *sealed;
  if (HasKeys()) {
    const absl::StatusOr<bool> intact = ReadTotals(*cursor);
    if (!intact.ok()) return intact.status();
    whole_ = *intact;
  }
  for (const TermKind kind :
       {TermKind::kType, TermKind::kKey, TermKind::kErased, TermKind::kUnread}) {
    absl::Status status = ReadRows(kind);
    if (absl::IsDataLoss(status)) {
      Found(Finding::Kind::kIndex, Offset(0), Offset(0), std::string(status.message()));
      comparable_ = false;
      sealed_until_ = Offset(0);
      segments_.clear();
      return absl::OkStatus();
    }
    if (!status.ok()) return status;
  }
  // The index is complete up to here, if nothing speaks of it: then no event may have a term.
  if (sealed_until_ > Offset(0)) segments_.try_emplace(sealed_until_);
  return absl::OkStatus();
}

absl::StatusOr<bool> PartitionCheck::ReadTotals(storage::TermCursor& cursor) {
  const absl::StatusOr<bool> erased = erased_totals_.ReadTotals(cursor);
  if (!erased.ok()) return erased;
  const absl::StatusOr<bool> totals = totals_.ReadTotals(cursor, *partition_);
  if (!totals.ok()) return totals;
  return *erased && *totals;
}

absl::Status PartitionCheck::CompareTotals() {
  absl::Status status = totals_.Compare(*partition_);
  if (!status.ok()) return status;
  return erased_totals_.Compare(*partition_, totals_.events().blanks());
}

absl::Status PartitionCheck::ReadRows(TermKind kind) {
  std::string term;
  Offset until(0);
  while (true) {
    const std::unique_ptr<storage::TermCursor> cursor = store_.Terms(id_);
    cursor->Seek(kind, term, until);
    int rows = 0;
    for (; cursor->Valid() && rows < kRowsOfCursor; cursor->Next(), ++rows) {
      term = std::string(cursor->term());
      until = cursor->until() + 1;
      // What was sealed meanwhile is not looked at.
      if (cursor->until() <= sealed_until_) AddRow(*cursor, kind, segments_[cursor->until()]);
    }
    if (!cursor->status().ok()) return cursor->status();
    if (absl::Status status = progress_.Checked(0); !status.ok()) return status;
    if (rows < kRowsOfCursor) return absl::OkStatus();
  }
}

void PartitionCheck::AddRow(const storage::TermCursor& cursor, TermKind kind, Segment& segment) {
  absl::string_view row = cursor.row();
  storage::TypeSummary summary;
  bool intact = kind != TermKind::kType || storage::TakeTypeSummary(row, summary);
  storage::PostingReader reader(row, cursor.until(), kind == TermKind::kType ? &summary : nullptr);
  Posting posting;
  while (intact && reader.Next(posting)) {
    if (kind == TermKind::kUnread) {
      segment.has_unread = true;
      whole_ = false;
    } else {
      segment.rows.Add(kind, cursor.term(), posting);
    }
  }
  if (!intact || !reader.ok()) {
    Found(Finding::Kind::kIndex, Offset(0), cursor.until(),
          absl::StrCat("the row of ", NameOf(kind, cursor.term()), " in the index is damaged"));
  }
}

absl::Status PartitionCheck::ReadBatches() {
  const Partition::Ends ends = partition_->ends();
  next_ = ends.start;
  if (ends.start == Offset(0)) segment_from_ = Offset(0);
  while (next_ < ends.end && !Gone()) {
    absl::StatusOr<std::vector<BatchPtr>> page =
        store_.ReadBatches(id_, next_, ends.end, kVerifyPageBytes);
    uint64_t bytes = 0;
    if (page.ok() && !page->empty()) {
      for (const BatchPtr& batch : *page) {
        bytes += batch->events.size();
        Look(*batch);
        Decrypt(batch);
      }
    } else if (page.ok() || absl::IsDataLoss(page.status())) {
      const absl::Status error =
          page.ok() ? absl::DataLossError("the batches are missing") : page.status();
      if (absl::Status status = StepOver(error, ends.end); !status.ok()) return status;
    } else {
      return page.status();
    }
    if (absl::Status status = progress_.Checked(bytes); !status.ok()) return status;
  }
  CompareUntil(next_);
  if (sealed_until_ > ends.end) {
    Found(Finding::Kind::kIndex, ends.end, sealed_until_, "the index goes further than the events");
  }
  ++progress_.counts().partitions;
  return progress_.Checked(0);
}

absl::Status PartitionCheck::StepOver(const absl::Status& error, Offset end) {
  previous_.reset();
  const Offset start = partition_->ends().start;
  if (start > next_) {  // Retention passed it meanwhile.
    SkipTo(start);
    return absl::OkStatus();
  }
  if (Gone()) return absl::OkStatus();
  absl::StatusOr<std::vector<BatchInfo>> rows =
      store_.ReadIndex(id_, next_, end, /*newest_first=*/false, 1);
  if (!rows.ok() && !absl::IsDataLoss(rows.status())) return rows.status();
  Offset behind = end;  // Where the walk goes on; if nobody knows, at the end.
  if (rows.ok() && !rows->empty()) {
    const BatchInfo& info = rows->front();
    behind = info.base_offset > next_ ? info.base_offset : info.end_offset();
  }
  progress_.counts().events += behind - next_;
  Found(Finding::Kind::kEvents, next_, behind, std::string(error.message()));
  SkipTo(behind);
  return absl::OkStatus();
}

void PartitionCheck::SkipTo(Offset offset) {
  next_ = offset;
  whole_ = false;
  found_ = {};
  while (!segments_.empty() && segments_.begin()->first <= offset) {
    segment_from_ = segments_.begin()->first;
    segments_.erase(segments_.begin());
  }
  // Nothing is compared with half a segment.
  comparable_ = segment_from_ == offset;
}

void PartitionCheck::Look(const storage::StoredBatch& batch) {
  const storage::BatchHeader& header = batch.header;
  if (header.base_offset > next_) {
    Found(Finding::Kind::kOrder, next_, header.base_offset, "no batch holds these offsets");
    SkipTo(header.base_offset);
  }
  if (previous_.has_value() && header.position <= previous_->position) {
    Found(Finding::Kind::kOrder, header.base_offset, header.end_offset(),
          absl::StrCat("position ", header.position.value(), " does not follow ",
                       previous_->position.value()));
  }
  if (previous_.has_value() && header.append_time_us < previous_->append_time_us) {
    Found(Finding::Kind::kOrder, header.base_offset, header.end_offset(),
          "was appended before the batch in front of it");
  }
  CompareUntil(header.base_offset);
  AddToSegment(batch);
  previous_ = header;
  next_ = header.end_offset();
  progress_.counts().events += header.count;
  progress_.counts().bytes += batch.events.size();
}

void PartitionCheck::Decrypt(const BatchPtr& batch) {
  const absl::StatusOr<BatchPtr> opened = log_.cipher().Open(batch);
  if (opened.ok()) return;
  Found(Finding::Kind::kEvents, batch->header.base_offset, batch->header.end_offset(),
        absl::StrCat("cannot be decrypted: ", opened.status().message()));
}

void PartitionCheck::AddToSegment(const storage::StoredBatch& batch) {
  if (batch.header.base_offset >= sealed_until_) return;
  if (!found_.AddBatch(batch, HasKeys(), &totals_.events())) {
    comparable_ = false;
    Found(Finding::Kind::kEvents, batch.header.base_offset, batch.header.end_offset(),
          "the events match their checksum, but cannot be taken apart");
  }
}

void PartitionCheck::CompareUntil(Offset offset) {
  while (!segments_.empty() && segments_.begin()->first <= offset) {
    const auto& [until, segment] = *segments_.begin();
    // Of a segment whose beginning retention has passed nobody knows any more what it was.
    const bool whole = comparable_ && segment_from_.has_value() && !segment.has_unread &&
                       partition_->ends().start <= *segment_from_ && !Gone();
    if (whole && segment.rows != found_) LookAgain(*segment_from_, until);
    segment_from_ = until;
    comparable_ = true;
    found_ = {};
    segments_.erase(segments_.begin());
  }
}

void PartitionCheck::LookAgain(Offset from, Offset until) {
  // Rows and events of one moment: no erasure, and no compaction, lies between.
  absl::MutexLock still(&log_.replacer().mutex());
  Segment rows;
  for (const TermKind kind : {TermKind::kType, TermKind::kKey, TermKind::kErased}) {
    const std::unique_ptr<storage::TermCursor> cursor = store_.Terms(id_);
    for (cursor->Seek(kind, "", Offset(0)); cursor->Valid(); cursor->Next()) {
      if (cursor->until() == until) AddRow(*cursor, kind, rows);
    }
    if (!cursor->status().ok()) return;  // Was found before.
  }
  TermDigest events;
  bool intact = true;
  const absl::StatusOr<Offset> end =
      WalkBatches(log_.reader(), store_, *partition_, from, until,
                  [&](const storage::BatchHeader&, const storage::StoredBatch* batch) {
                    intact = batch != nullptr && events.AddBatch(*batch, HasKeys());
                    return intact;
                  });
  if (!end.ok() || *end != until || !intact || Gone()) return;
  if (rows.rows.types() != events.types()) {
    Found(Finding::Kind::kIndex, from, until,
          "the index of types says something else than the events");
  }
  if (rows.rows.keys() != events.keys()) {
    Found(Finding::Kind::kIndex, from, until,
          "the index of keys says something else than the events");
  }
  if (rows.rows.erased() != events.erased()) {
    Found(Finding::Kind::kIndex, from, until,
          "the index of erased events says something else than the events");
  }
}

}  // namespace

absl::Status VerifyPartition(EventLog& log, const TopicPtr& topic, PartitionIndex partition,
                             VerifyProgress& progress) {
  return PartitionCheck(log, topic, partition, progress).Run();
}

}  // namespace tidemark::log
