// Reading batches through the index: the read side of Store.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/storage/batch_page.h"
#include "server/storage/coding.h"
#include "server/storage/salvage.h"
#include "server/storage/store_rep.h"

namespace tidemark::storage {
namespace {

// Rows of one log. Valid() is false past either end and after an error.
class IndexCursor {
 public:
  IndexCursor(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* index, LogId log)
      : lower_(IndexKey(log, Offset(0))),
        upper_(IndexKey(log + 1, Offset(0))),
        lower_slice_(lower_),
        upper_slice_(upper_),
        log_(log) {
    rocksdb::ReadOptions read;
    read.iterate_lower_bound = &lower_slice_;
    read.iterate_upper_bound = &upper_slice_;
    it_.reset(db.NewIterator(read, index));
  }

  // To the row whose batch holds `offset`, or else to the first row behind it.
  void SeekTo(Offset offset) {
    it_->SeekForPrev(IndexKey(log_, offset));
    if (Load() && info_.end_offset() > offset) return;
    if (damaged_) return;
    if (it_->Valid()) {
      it_->Next();
    } else {
      it_->Seek(lower_slice_);
    }
    Load();
  }
  void SeekToFirst() {
    it_->SeekToFirst();
    Load();
  }
  void SeekToLast() {
    it_->SeekToLast();
    Load();
  }
  void Next() {
    it_->Next();
    Load();
  }
  // To the last row whose batch begins before `offset`.
  void SeekBefore(Offset offset) {
    valid_ = false;
    if (offset == Offset(0)) return;
    it_->SeekForPrev(IndexKey(log_, Offset(offset.value() - 1)));
    Load();
  }
  void Prev() {
    it_->Prev();
    Load();
  }

  bool Valid() const { return valid_; }
  const BatchInfo& info() const { return info_; }
  absl::Status status() const {
    if (damaged_) return absl::DataLossError(absl::StrCat("damaged index of log ", log_.value()));
    return FromRocks(it_->status(), "reading the index");
  }

 private:
  bool Load() {
    valid_ = it_->Valid();
    if (!valid_) return false;
    const absl::string_view key = ToView(it_->key());
    damaged_ = key.size() != kIndexKeyBytes || !DecodeIndexRow(ToView(it_->value()), info_.row);
    valid_ = !damaged_;
    if (valid_) info_.base_offset = Offset(LoadBig64(key.data() + 4));
    return valid_;
  }

  const std::string lower_;
  const std::string upper_;
  const rocksdb::Slice lower_slice_;
  const rocksdb::Slice upper_slice_;
  const LogId log_;
  std::unique_ptr<rocksdb::Iterator> it_;
  BatchInfo info_;
  bool valid_ = false;
  bool damaged_ = false;
};

absl::Status Contradiction(LogId log, const BatchInfo& info, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the batch at offset ", info.base_offset.value(),
                                          " of log ", log.value(), " ", what));
}

// The index and the batch say the same of each other; where they do not, one is wrong.
bool Agree(const BatchHeader& header, const IndexRow& row) {
  return header.count == row.count && header.append_time_us == row.append_time_us &&
         header.position == row.position && header.events_crc32c == row.events_crc32c;
}

// The base of the first batch in [start, end) that `holds`; `end` if none does. Requires that
// `holds` stays true once it is: halves [low, high) until one batch is left.
template <typename Holds>
absl::StatusOr<Offset> FirstOffsetWhere(IndexCursor& index, Offset start, Offset end, Holds holds) {
  Offset low = start;
  Offset high = end;
  while (low < high) {
    const Offset middle = low + (high - low) / 2;
    index.SeekTo(middle);
    if (!index.status().ok()) return index.status();
    if (!index.Valid() || index.info().base_offset >= high) {
      high = middle;
    } else if (holds(index.info().row)) {
      // An earlier batch may be one, too.
      high = std::max(std::min(index.info().base_offset, middle), low);
      if (index.info().base_offset <= low) return low;
    } else {
      low = index.info().end_offset();
    }
  }
  return std::min(low, end);
}

}  // namespace

absl::Status Store::Rep::AddRun(BatchPage& page, RunPlace run, LogId log, Offset base) const {
  const size_t before = page.batches().size();
  const auto family = static_cast<size_t>(run.compression);
  if (std::shared_ptr<TableFile> file = table_files->Find(family, DataKey(run.epoch, log, base))) {
    const absl::Status status = page.AddFrom(std::move(file), run.epoch, base);
    // Otherwise the database is asked, which knows best what is missing or cannot be read.
    if (page.batches().size() > before) return status;
  }
  absl::Status status = page.AddFrom(*db, families.data[family], run.epoch, base);
  if (!absl::IsDataLoss(status) || run.compression != Compression::kNone) return status;
  // Of a block that is damaged the database gives out nothing.
  if (page.batches().size() > before) return absl::OkStatus();
  const std::string path = table_files->PathOf(family, DataKey(run.epoch, log, base));
  return path.empty() ? status : Salvage(*db->GetEnv(), path, log, base, page);
}

absl::StatusOr<std::vector<BatchPtr>> Store::ReadBatches(LogId log, Offset from, Offset until,
                                                         uint64_t max_bytes) const {
  BatchPage page(log, until, max_bytes, rep_->superseded.get());
  absl::Status status;
  if (const std::optional<RunPlace> run = rep_->runs.Find(log, from); run && from < until) {
    status = rep_->AddRun(page, *run, log, from);
    if (page.full()) rep_->runs.Remember(log, page.next(), *run);
    // Found by mistake or damaged: the index tells which.
    if (page.empty()) status = absl::OkStatus();
  }
  std::optional<IndexCursor> index;
  while (status.ok() && !page.full()) {
    if (!index.has_value()) index.emplace(*rep_->db, rep_->families.index, log);
    index->SeekTo(page.empty() ? from : page.next());
    status = index->status();
    if (!status.ok() || !index->Valid() || index->info().base_offset >= until) break;
    const BatchInfo info = index->info();
    const Offset wanted = page.empty() ? from : page.next();
    if (info.base_offset > wanted) {
      status = absl::DataLossError(absl::StrCat("log ", log.value(), " lacks offsets ",
                                                wanted.value(), " to ", info.base_offset.value()));
      break;
    }
    const size_t before = page.batches().size();
    const RunPlace run{.epoch = info.row.epoch, .compression = info.row.compression};
    status = rep_->AddRun(page, run, log, info.base_offset);
    if (page.batches().size() == before) {
      if (status.ok() && rep_->superseded->Contains(DataKey(run.epoch, log, info.base_offset))) {
        index.reset();  // It was stored again since the row was read.
        continue;
      }
      if (status.ok()) status = Contradiction(log, info, "is missing");
      break;
    }
    if (!Agree(page.batches()[before]->header, info.row)) {
      if (before == 0) return Contradiction(log, info, "contradicts its index row");
      page.CutAt(before);
      break;
    }
    if (page.full()) rep_->runs.Remember(log, page.next(), run);
  }
  if (page.empty() && !status.ok()) return status;
  return page.Take();
}

absl::StatusOr<std::optional<BatchInfo>> Store::FirstBatch(LogId log) const {
  IndexCursor index(*rep_->db, rep_->families.index, log);
  index.SeekToFirst();
  if (!index.status().ok()) return index.status();
  return index.Valid() ? std::optional(index.info()) : std::nullopt;
}

absl::StatusOr<std::optional<BatchInfo>> Store::LastBatch(LogId log) const {
  IndexCursor index(*rep_->db, rep_->families.index, log);
  index.SeekToLast();
  if (!index.status().ok()) return index.status();
  return index.Valid() ? std::optional(index.info()) : std::nullopt;
}

absl::StatusOr<std::optional<BatchInfo>> Store::BatchAt(LogId log, Offset offset) const {
  IndexCursor index(*rep_->db, rep_->families.index, log);
  index.SeekTo(offset);
  if (!index.status().ok()) return index.status();
  if (!index.Valid() || index.info().base_offset > offset) return std::nullopt;
  return index.info();
}

absl::StatusOr<std::vector<BatchInfo>> Store::ReadIndex(LogId log, Offset from, Offset until,
                                                        bool newest_first, size_t rows_max) const {
  IndexCursor index(*rep_->db, rep_->families.index, log);
  std::vector<BatchInfo> rows;
  if (newest_first) {
    for (index.SeekBefore(until); index.Valid() && index.info().end_offset() > from; index.Prev()) {
      rows.push_back(index.info());
      if (rows.size() >= rows_max) break;
    }
  } else {
    for (index.SeekTo(from); index.Valid() && index.info().base_offset < until; index.Next()) {
      rows.push_back(index.info());
      if (rows.size() >= rows_max) break;
    }
  }
  if (!index.status().ok()) return index.status();
  return rows;
}

absl::StatusOr<Offset> Store::FirstOffsetAtTime(LogId log, uint64_t time_us, Offset start,
                                                Offset end) const {
  IndexCursor index(*rep_->db, rep_->families.index, log);
  return FirstOffsetWhere(index, start, end,
                          [&](const IndexRow& row) { return row.append_time_us >= time_us; });
}

absl::StatusOr<Offset> Store::FirstOffsetAtBytes(LogId log, uint64_t log_bytes, Offset start,
                                                 Offset end) const {
  IndexCursor index(*rep_->db, rep_->families.index, log);
  return FirstOffsetWhere(index, start, end,
                          [&](const IndexRow& row) { return row.log_bytes >= log_bytes; });
}

}  // namespace tidemark::storage
