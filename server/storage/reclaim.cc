// Giving the bytes of garbage back to the file system: the part of Store that drops and rewrites
// data files.
#include <rocksdb/convenience.h>

#include <algorithm>

#include "absl/container/btree_set.h"
#include "server/base/check.h"
#include "server/storage/data_files.h"
#include "server/storage/log_runs.h"
#include "server/storage/store_rep.h"

namespace tidemark::storage {
namespace {

// Where a window moves through the files, the file at its edge is half garbage for a while and all
// garbage soon: to rewrite it is waste. (Measured by `tidemark-bench sustain`: 2.7 bytes written
// for each byte stored instead of 2.0.) So files are rewritten only while garbage takes more than a
// quarter of all data files, and more than four epochs; of these, files that are half garbage: then
// at most one byte is rewritten for each byte that goes.
constexpr uint64_t kGarbageShare = 4;
constexpr uint64_t kGarbageEpochs = 4;
constexpr uint64_t kRewriteShare = 2;
// Where somebody deleted a topic, a person waits for the space: an eighth is enough, at once.
constexpr uint64_t kRewriteShareOfDeleted = 8;

struct Contents {
  uint64_t bytes = 0;
  uint64_t garbage_bytes = 0;  // An estimate where a start lies within a run.
  bool all_garbage = true;
  bool has_deleted = false;
};

Contents Weigh(const std::vector<LogRun>& runs, const LogStarts& starts) {
  Contents contents;
  for (const LogRun& run : runs) {
    contents.bytes += run.bytes;
    const Offset start = starts.StartOf(run.log);
    if (run.last_base < start) {
      contents.garbage_bytes += run.bytes;
      contents.has_deleted = contents.has_deleted || start == LogStarts::kAll;
      continue;
    }
    contents.all_garbage = false;
    if (start <= run.first_base) continue;
    const double share = static_cast<double>(start - run.first_base) /
                         static_cast<double>(run.last_base - run.first_base);
    contents.garbage_bytes += static_cast<uint64_t>(share * static_cast<double>(run.bytes));
  }
  return contents;
}

bool HoldsGarbage(const Contents& contents, uint64_t share) {
  return contents.garbage_bytes > 0 && contents.garbage_bytes * share >= contents.bytes;
}

bool AnyOf(const std::vector<LogRun>& runs, LogId first, uint32_t count) {
  return std::any_of(runs.begin(), runs.end(), [&](const LogRun& run) {
    return run.log >= first && run.log < first + count;
  });
}

void AddTo(absl::btree_set<Epoch>& epochs, EpochSpan span) {
  for (Epoch epoch = span.first; epoch <= span.last; ++epoch) epochs.insert(epoch);
}

uint64_t BytesOf(const std::vector<DataFile>& files) {
  uint64_t bytes = 0;
  for (const DataFile& file : files) bytes += file.bytes;
  return bytes;
}

absl::btree_set<uint64_t> NumbersOf(const std::vector<DataFile>& files) {
  absl::btree_set<uint64_t> numbers;
  for (const DataFile& file : files) numbers.insert(file.number);
  return numbers;
}

// Files in the lowest level lie side by side, so the range of one holds no other.
absl::Status Drop(rocksdb::DB& db, const DataFile& file) {
  const rocksdb::Slice smallest(file.smallest);
  const rocksdb::Slice largest(file.largest);
  return FromRocks(rocksdb::DeleteFilesInRange(&db, file.family, &smallest, &largest),
                   "dropping a data file");
}

}  // namespace

// Looks at files, one after the other, and clears those that are worth it.
class Store::FileReclaim {
 public:
  FileReclaim(Rep& rep, uint64_t file_bytes, ReclaimReport& report)
      : rep_(rep), file_bytes_(file_bytes), report_(report), deleted_(rep.garbage.Deleted()) {}

  bool IsTooMuchLeft() const {
    const uint64_t bytes = file_bytes_ - std::min(file_bytes_, report_.bytes_freed);
    return rep_.garbage.left_bytes() >
           std::max(bytes / kGarbageShare, kGarbageEpochs * rep_.options.epoch_bytes);
  }

  absl::Status Look(const DataFile& file) {
    absl::StatusOr<std::vector<LogRun>> runs = RunsOf(*rep_.db, file);
    if (!runs.ok()) return runs.status();
    Contents contents = Weigh(*runs, *rep_.starts);
    // Before the filter of a rewrite is made: it leaves these out.
    Superseded::Part superseded =
        rep_.superseded->Within(file.compression, file.smallest, file.largest);
    contents.garbage_bytes = std::min(contents.bytes, contents.garbage_bytes + superseded.bytes);
    const bool worth_rewriting = HoldsGarbage(contents, kRewriteShare);
    const bool clear = (contents.all_garbage && contents.garbage_bytes > 0) ||
                       (contents.has_deleted && HoldsGarbage(contents, kRewriteShareOfDeleted)) ||
                       (worth_rewriting && IsTooMuchLeft());
    if (clear) {
      absl::StatusOr<bool> cleared = Clear(file, contents);
      if (!cleared.ok()) return cleared.status();
      if (!*cleared) {
        rep_.garbage.Mark(file.epochs);  // Somebody has it in hand: next time.
        report_.more = true;
        LeaveAlone(file);
        return absl::OkStatus();
      }
      for (std::string& key : superseded.data_keys) report_.superseded.push_back(std::move(key));
    }
    rep_.garbage.SetLeft(file.number, {.bytes = clear ? 0 : contents.garbage_bytes,
                                       .epochs = file.epochs,
                                       .worth_rewriting = worth_rewriting});
    looked_at_.push_back({.epochs = file.epochs, .holds = {}});
    if (clear) return absl::OkStatus();
    for (const auto& [first, count] : deleted_) {
      if (AnyOf(*runs, first, count)) looked_at_.back().holds.insert(first);
    }
    return absl::OkStatus();
  }
  void LeaveAlone(const DataFile& file) { AddTo(other_, file.epochs); }

  // Once for all files: what was found out about deleted topics. `without_files` are epochs that
  // were flushed and have no file any more.
  void Conclude(const std::vector<Epoch>& without_files) {
    for (const auto& [first, count] : deleted_) {
      // Of each compression an epoch has a file, and after a crash it may have two.
      absl::btree_set<Epoch> held = other_;
      for (const Looked& file : looked_at_) {
        if (!file.holds.contains(first)) continue;
        for (Epoch e = file.epochs.first; e <= file.epochs.last; ++e) held.insert(e);
      }
      for (const Looked& file : looked_at_) {
        for (Epoch e = file.epochs.first; e <= file.epochs.last; ++e) {
          if (!held.contains(e)) rep_.garbage.Gone(first, {e, e});
        }
      }
      for (const Epoch e : without_files) rep_.garbage.Gone(first, {e, e});
    }
    for (const Epoch e : without_files) {
      rep_.garbage.Unmark({e, e});
      // A crash came between clearing the file and forgetting them.
      for (size_t family = 0; family < kCompressions; ++family) {
        Superseded::Part left = rep_.superseded->Within(static_cast<Compression>(family),
                                                        DataKey(e, LogId(0), Offset(0)),
                                                        DataKey(e + 1, LogId(0), Offset(0)));
        for (std::string& key : left.data_keys) report_.superseded.push_back(std::move(key));
      }
    }
  }

 private:
  struct Looked {
    EpochSpan epochs;
    absl::btree_set<LogId> holds;  // The deleted topics, by first log, that it holds bytes of.
  };

  // False: the file is still there.
  absl::StatusOr<bool> Clear(const DataFile& file, const Contents& contents) {
    if (contents.all_garbage && file.level > 0) {
      if (absl::Status status = Drop(*rep_.db, file); !status.ok()) return status;
      absl::StatusOr<rocksdb::TablePropertiesCollection> left = PropertiesOf(*rep_.db, file);
      if (!left.ok()) return left.status();
      if (!left->empty()) return false;
      ++report_.files_dropped;
      report_.bytes_freed += file.bytes;
      return true;
    }
    if (absl::Status status = Rewrite(*rep_.db, file); !status.ok()) return status;
    if (IsNeeded(*rep_.db, file)) return false;
    ++report_.files_rewritten;
    report_.bytes_freed += contents.garbage_bytes;
    report_.bytes_rewritten += contents.bytes - contents.garbage_bytes;
    return true;
  }

  Rep& rep_;
  const uint64_t file_bytes_;  // Of all files, when this began.
  ReclaimReport& report_;
  // Taken before any file is looked at and any filter made: these are garbage to both.
  const std::vector<std::pair<LogId, uint32_t>> deleted_;
  std::vector<Looked> looked_at_;
  absl::btree_set<Epoch> other_;  // Of files that were not looked at.
};

Epoch Store::FlushedBound() const {
  // In this order: an epoch that begins in between only makes the answer smaller.
  const uint32_t open = rep_->open_epoch.load();
  for (rocksdb::ColumnFamilyHandle* family : rep_->families.data) {
    uint64_t waiting = 0;
    rep_->db->GetIntProperty(family, rocksdb::DB::Properties::kNumImmutableMemTable, &waiting);
    // Of which epochs they are is not known: a family without batches in one has no memtable of it.
    if (waiting > 0) return Epoch(rep_->flushed_bound.load());
  }
  uint32_t known = rep_->flushed_bound.load();
  while (known < open && !rep_->flushed_bound.compare_exchange_weak(known, open)) {
  }
  return Epoch(std::max(known, open));
}

std::vector<Epoch> Store::EpochsWithFiles() const {
  std::vector<Epoch> epochs;
  for (const DataFile& file : DataFilesOf(*rep_->db, rep_->families)) {
    for (Epoch epoch = file.epochs.first; epoch <= file.epochs.last; ++epoch) {
      epochs.push_back(epoch);
    }
  }
  return epochs;
}

absl::Status Store::LoadStarts() {
  absl::StatusOr<std::vector<std::pair<LogId, LogStart>>> starts = ReadLogStarts();
  if (!starts.ok()) return starts.status();
  for (const auto& [log, start] : *starts) rep_->starts->Raise(log, start.start);
  if (!starts->empty()) rep_->garbage.Mark(EpochsWithFiles());
  return absl::OkStatus();
}

absl::StatusOr<std::optional<EpochSpan>> Store::SpanOf(LogId first, uint32_t count) const {
  std::optional<EpochSpan> span;
  for (uint32_t i = 0; i < count; ++i) {
    const LogId log = first + i;
    absl::StatusOr<std::optional<BatchInfo>> oldest = FirstBatch(log);
    if (!oldest.ok()) return oldest.status();
    absl::StatusOr<std::optional<BatchInfo>> newest = LastBatch(log);
    if (!newest.ok()) return newest.status();
    if (!oldest->has_value() || !newest->has_value()) continue;
    const auto [first_epoch, last_epoch] = std::minmax((*oldest)->row.epoch, (*newest)->row.epoch);
    if (!span.has_value()) span = {first_epoch, last_epoch};
    span->first = std::min(span->first, first_epoch);
    span->last = std::max(span->last, last_epoch);
  }
  return span;
}

absl::Status Store::MarkDeleted(LogId first, uint32_t count, Deleted deleted) {
  const Epoch flushed = FlushedBound();  // Before the files are listed: no epoch falls in between.
  absl::StatusOr<std::optional<EpochSpan>> span = SpanOf(first, count);
  if (!span.ok()) return span.status();
  bool cut = deleted == Deleted::kBeforeOpening;
  bool reordered = false;
  for (uint32_t i = 0; i < count; ++i) {
    const LogId log = first + i;
    reordered = reordered || IsReordered(log);
    cut = cut || reordered || rep_->starts->StartOf(log) > Offset(0);
  }
  const Epoch open(rep_->open_epoch.load());
  // Batches that were written again may lie in any epoch since.
  if (reordered && span->has_value()) **span = {Epoch(0), std::max((*span)->last, open)};
  // Of a log that was cut, and of one whose index is gone already, only the files know.
  const EpochSpan look = cut ? EpochSpan{Epoch(0), open} : span->value_or(EpochSpan{open, open});
  std::vector<Epoch> epochs;
  if (cut || span->has_value()) {
    for (const Epoch epoch : EpochsWithFiles()) {
      if (look.Holds(epoch)) epochs.push_back(epoch);
    }
  }
  if (span->has_value()) {
    for (Epoch epoch = std::max((*span)->first, flushed); epoch <= (*span)->last; ++epoch) {
      epochs.push_back(epoch);
    }
  }
  rep_->starts->Delete(first, count);
  rep_->garbage.AddDeleted(first, count, epochs);
  return absl::OkStatus();
}

void Store::ForgetDeleted(LogId first, uint32_t count) { rep_->starts->Forget(first, count); }

void Store::MarkTrimmed(LogId log, Offset start, EpochSpan epochs) {
  rep_->starts->Raise(log, start);
  if (epochs.first > epochs.last) std::swap(epochs.first, epochs.last);
  rep_->garbage.Mark(epochs);
  if (IsReordered(log)) rep_->garbage.Mark(EpochsWithFiles());
}

absl::StatusOr<ReclaimReport> Store::Reclaim(absl::FunctionRef<bool()> stopped) {
  // A compaction that failed may keep its files in hand for ever.
  if (rep_->background_failure->happened()) return RefusedAfterFailure();
  ReclaimReport report;
  const Epoch flushed = FlushedBound();
  // Of files that wait until their newest epoch is flushed: to ask again soon is no use.
  absl::btree_set<Epoch> waiting;
  if (rep_->garbage.HasMarkedBelow(flushed)) {
    std::vector<DataFile> marked;
    std::vector<EpochSpan> left_alone;  // Of these.
    std::vector<Epoch> without_files = rep_->garbage.KnownBelow(flushed);
    const std::vector<DataFile> files = DataFilesOf(*rep_->db, rep_->families);
    FileReclaim reclaim(*rep_, BytesOf(files), report);
    rep_->garbage.KeepLeft(NumbersOf(files));
    for (const DataFile& file : files) {
      std::erase_if(without_files, [&](Epoch epoch) { return file.epochs.Holds(epoch); });
      const bool waits = file.epochs.last >= flushed;
      const bool is_marked = rep_->garbage.IsMarked(file.epochs);
      if (is_marked && !waits && !file.being_compacted) {
        marked.push_back(file);
        continue;
      }
      reclaim.LeaveAlone(file);
      if (waits) AddTo(waiting, file.epochs);
      if (!is_marked) continue;
      left_alone.push_back(file.epochs);
      report.more = report.more || !waits;
    }
    // The marks come off before the first is looked at: what becomes garbage meanwhile marks anew.
    for (const DataFile& file : marked) rep_->garbage.Unmark(file.epochs);
    // Another file of the same epochs has to be looked at yet.
    for (const EpochSpan epochs : left_alone) rep_->garbage.Mark(epochs);
    for (size_t i = 0; i < marked.size(); ++i) {
      absl::Status status;
      const bool stop = stopped();
      if (!stop) status = reclaim.Look(marked[i]);
      if (!stop && status.ok()) continue;
      for (; i < marked.size(); ++i) rep_->garbage.Mark(marked[i].epochs);
      if (!status.ok()) return status;
      return report;
    }
    reclaim.Conclude(without_files);
    if (reclaim.IsTooMuchLeft() && rep_->garbage.MarkWorthRewriting()) report.more = true;
  }
  report.gone = rep_->garbage.TakeGone();
  report.left_bytes = rep_->garbage.left_bytes();
  report.more = report.more || rep_->garbage.HasMarkedBelow(flushed, waiting);
  return report;
}

}  // namespace tidemark::storage
