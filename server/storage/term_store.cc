// The terms family: how it is written and read. The write side needs no commit: a file is made
// beside the store and ingested, which the manifest makes atomic and durable.
#include <rocksdb/sst_file_writer.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/storage/coding.h"
#include "server/storage/key_digest.h"
#include "server/storage/store_rep.h"
#include "server/storage/term_cursor.h"
#include "server/storage/term_writer.h"

namespace tidemark::storage {
namespace {

// A moment is enough.
constexpr int kIngestAttempts = 100;

absl::Status DamagedTerms(LogId log, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("damaged terms of log ", log.value(), ": ", what));
}

}  // namespace

std::string TermFilePath(absl::string_view store_path) {
  return absl::StrCat(store_path, "/terms.new");
}

struct TermWriter::Rep {
  Rep(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::string new_path)
      : env(*db.GetEnv()),
        path(std::move(new_path)),
        file(rocksdb::EnvOptions(), db.GetOptions(family), family,
             /*invalidate_page_cache=*/false) {}

  void Note(const rocksdb::Status& result) {
    if (status.ok()) status = FromRocks(result, "writing terms");
    empty = false;
  }

  rocksdb::Env& env;
  const std::string path;
  rocksdb::SstFileWriter file;
  bool empty = true;
  absl::Status status;
};

TermWriter::TermWriter(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {
  // Left behind by a crash or an earlier failure.
  if (rep_->env.FileExists(rep_->path).ok()) rep_->env.DeleteFile(rep_->path);
  rep_->status = FromRocks(rep_->file.Open(rep_->path), "writing terms");
}

TermWriter::~TermWriter() {
  if (rep_->env.FileExists(rep_->path).ok()) rep_->env.DeleteFile(rep_->path);
}

void TermWriter::PutTerm(LogId log, TermKind kind, absl::string_view term, Offset until,
                         absl::string_view row) {
  if (!rep_->status.ok()) return;
  rep_->Note(rep_->file.Put(TermKey(log, kind, term, until), ToSlice(row)));
}

void TermWriter::AddKeyTotal(LogId log, absl::string_view key, const KeyTotal& total) {
  if (!rep_->status.ok()) return;
  rep_->Note(rep_->file.Merge(KeyTotalKey(log, key), EncodeKeyTotal(total)));
}

void TermWriter::PutSealed(LogId log, Offset until) {
  if (!rep_->status.ok()) return;
  std::string value;
  AppendLittle64(value, until.value());
  rep_->Note(rep_->file.Put(SealedKey(log), value));
}

uint64_t TermWriter::bytes() const { return rep_->file.FileSize(); }
const absl::Status& TermWriter::status() const { return rep_->status; }

std::unique_ptr<TermWriter> Store::NewTermWriter() {
  return std::unique_ptr<TermWriter>(new TermWriter(std::make_unique<TermWriter::Rep>(
      *rep_->db, rep_->families.terms, TermFilePath(rep_->options.path))));
}

absl::Status Store::IngestTerms(std::unique_ptr<TermWriter> writer) {
  TermWriter::Rep& rep = *writer->rep_;
  if (!rep.status.ok()) return rep.status;
  if (rep.empty) return absl::OkStatus();
  rocksdb::Status status = rep.file.Finish();
  if (!status.ok()) return FromRocks(status, "writing terms");
  // Terms must never be ahead of their events: a power cut could take events of a log that does
  // without fsync, and others would get their offsets.
  {
    absl::MutexLock lock(&rep_->wal_mu);
    if (rep_->failed) return RefusedAfterFailure();
    status = rep_->db->SyncWAL();
    // What was acknowledged without an fsync may be gone, and what is written next may follow a
    // hole: commits fail from now on, too.
    rep_->failed = !status.ok();
  }
  if (!status.ok()) return FromRocks(status, "syncing before terms");
  rocksdb::IngestExternalFileOptions ingest;
  ingest.move_files = true;
  ingest.write_global_seqno = false;
  // Rows in memory that the file overlaps are flushed first; when another thread's flush takes them
  // along, RocksDB may not have noticed yet, and says so. Nothing was done then.
  for (int i = 0; i < kIngestAttempts; ++i) {
    status = rep_->db->IngestExternalFile(rep_->families.terms, {rep.path}, ingest);
    if (!status.IsTryAgain()) break;
  }
  return FromRocks(status, "ingesting terms");
}

struct TermCursor::Rep {
  Rep(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, LogId log)
      : upper(TermsPrefix(log + 1)),
        lower(TermsPrefix(log)),
        upper_slice(upper),
        lower_slice(lower) {
    rocksdb::ReadOptions read;
    read.iterate_upper_bound = &upper_slice;
    read.iterate_lower_bound = &lower_slice;
    it.reset(db.NewIterator(read, family));
  }

  const std::string upper;
  const std::string lower;
  const rocksdb::Slice upper_slice;
  const rocksdb::Slice lower_slice;
  std::unique_ptr<rocksdb::Iterator> it;
};

TermCursor::TermCursor(std::unique_ptr<Rep> rep, LogId log) : rep_(std::move(rep)), log_(log) {}
TermCursor::~TermCursor() = default;

std::unique_ptr<TermCursor> Store::Terms(LogId log) const {
  return std::unique_ptr<TermCursor>(
      new TermCursor(std::make_unique<TermCursor::Rep>(*rep_->db, rep_->families.terms, log), log));
}

absl::StatusOr<Offset> TermCursor::SealedUntil() {
  valid_ = false;
  const std::string key = SealedKey(log_);
  rep_->it->Seek(key);
  if (!rep_->it->status().ok()) return FromRocks(rep_->it->status(), "reading terms");
  if (!rep_->it->Valid() || rep_->it->key() != key) return Offset(0);
  const absl::string_view value = ToView(rep_->it->value());
  if (value.size() != 8) return DamagedTerms(log_, "sealed mark");
  return Offset(LoadLittle64(value.data()));
}

absl::StatusOr<std::optional<KeyTotal>> TermCursor::TotalOf(absl::string_view key) {
  return TotalIn(KeyTotalKey(log_, key));
}

absl::Status TermCursor::ForTotals(
    absl::FunctionRef<bool(absl::string_view key, const KeyTotal&)> visit) {
  valid_ = false;
  // Without the 0x00 at its end: in front of every key.
  const std::string mark = TermsPrefix(log_) + kKeyTotalMark;
  for (rep_->it->Seek(mark); rep_->it->Valid(); rep_->it->Next()) {
    absl::string_view key = ToView(rep_->it->key());
    if (!absl::ConsumePrefix(&key, mark)) break;
    KeyTotal total;
    if (key.empty() || key.back() != '\0' || !DecodeKeyTotal(ToView(rep_->it->value()), total)) {
      return DamagedTerms(log_, "total of a key");
    }
    key.remove_suffix(1);
    if (!visit(key, total)) return absl::OkStatus();
  }
  return status();
}

absl::StatusOr<std::optional<KeyTotal>> TermCursor::ErasedTotalOf(absl::string_view digest) {
  return TotalIn(ErasedTotalKey(log_, digest));
}

absl::Status TermCursor::ForErasedTotals(
    absl::string_view after,
    absl::FunctionRef<bool(absl::string_view digest, const KeyTotal&)> visit) {
  valid_ = false;
  const std::string mark = ErasedTotalKey(log_, "");
  const std::string from = ErasedTotalKey(log_, after);
  for (rep_->it->Seek(from); rep_->it->Valid(); rep_->it->Next()) {
    absl::string_view digest = ToView(rep_->it->key());
    if (!absl::ConsumePrefix(&digest, mark)) break;
    if (!after.empty() && digest == after) continue;
    KeyTotal total;
    if (digest.size() != kKeyDigestBytes || !DecodeKeyTotal(ToView(rep_->it->value()), total)) {
      return DamagedTerms(log_, "total of an erased key");
    }
    if (!visit(digest, total)) return absl::OkStatus();
  }
  return status();
}

absl::StatusOr<std::optional<KeyTotal>> TermCursor::TotalIn(const std::string& row) {
  valid_ = false;
  rep_->it->Seek(row);
  if (!rep_->it->status().ok()) return FromRocks(rep_->it->status(), "reading terms");
  if (!rep_->it->Valid() || rep_->it->key() != row) return std::nullopt;
  KeyTotal total;
  if (!DecodeKeyTotal(ToView(rep_->it->value()), total)) {
    return DamagedTerms(log_, "total of a key");
  }
  return total;
}

void TermCursor::Load() {
  valid_ = rep_->it->Valid() && ParseTermKey(ToView(rep_->it->key()), log_, kind_, parts_);
}

void TermCursor::Seek(TermKind kind, absl::string_view term, Offset until) {
  kind_ = kind;
  rep_->it->Seek(TermKey(log_, kind, term, until));
  Load();
}

void TermCursor::SeekForPrev(TermKind kind, absl::string_view term, Offset until) {
  kind_ = kind;
  rep_->it->SeekForPrev(TermKey(log_, kind, term, until));
  Load();
}

void TermCursor::Next() {
  rep_->it->Next();
  Load();
}

void TermCursor::Prev() {
  rep_->it->Prev();
  Load();
}

absl::string_view TermCursor::row() const { return ToView(rep_->it->value()); }

absl::Status TermCursor::status() const { return FromRocks(rep_->it->status(), "reading terms"); }

}  // namespace tidemark::storage
