// Reading batches through the index: the read side of Store.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/storage/coding.h"
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

// The bytes of one batch, checked. `it` is over the data family and is left on the batch, so that
// the next batch of a run is one step away.
absl::StatusOr<BatchPtr> LoadBatch(rocksdb::Iterator& it, LogId log, const BatchInfo& info) {
  const std::string key = DataKey(info.row.epoch, log, info.base_offset);
  if (it.Valid()) it.Next();
  if (!it.Valid() || it.key() != key) it.Seek(key);
  if (!it.status().ok()) {
    return FromRocks(it.status(), absl::StrCat("reading the batch at offset ",
                                               info.base_offset.value(), " of log ", log.value()));
  }
  if (!it.Valid() || it.key() != key) {
    return absl::DataLossError(absl::StrCat("the batch at offset ", info.base_offset.value(),
                                            " of log ", log.value(), " is missing"));
  }
  auto bytes = std::make_shared<const std::string>(it.value().data(), it.value().size());
  auto batch = std::make_shared<StoredBatch>();
  absl::Status status = DecodeBatch(log, info.base_offset, *bytes, batch->header, batch->events);
  if (!status.ok()) return status;
  const BatchHeader& header = batch->header;
  if (header.count != info.row.count || header.append_time_us != info.row.append_time_us ||
      header.position != info.row.position || header.events_crc32c != info.row.events_crc32c) {
    return absl::DataLossError(absl::StrCat("the batch at offset ", info.base_offset.value(),
                                            " of log ", log.value(), " contradicts its index row"));
  }
  batch->owner = std::move(bytes);
  return BatchPtr(std::move(batch));
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

absl::StatusOr<std::vector<BatchPtr>> Store::ReadBatches(LogId log, Offset from, Offset until,
                                                         uint64_t max_bytes) const {
  IndexCursor index(*rep_->db, rep_->families.index, log);
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> data(rep_->db->NewIterator(read, rep_->families.data));
  std::vector<BatchPtr> batches;
  uint64_t bytes = 0;
  std::optional<Offset> expected;
  for (index.SeekTo(from); index.Valid() && index.info().base_offset < until; index.Next()) {
    const BatchInfo& info = index.info();
    if (!batches.empty() && bytes + info.row.events_bytes > max_bytes) break;
    if (expected.has_value() && info.base_offset != *expected) {
      return absl::DataLossError(absl::StrCat("log ", log.value(), " lacks offsets ",
                                              expected->value(), " to ", info.base_offset.value()));
    }
    absl::StatusOr<BatchPtr> batch = LoadBatch(*data, log, info);
    if (!batch.ok()) return batch.status();
    bytes += info.row.events_bytes;
    expected = info.end_offset();
    batches.push_back(*std::move(batch));
  }
  if (!index.status().ok()) return index.status();
  return batches;
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
