#include "server/storage/store.h"

#include <rocksdb/env.h>

#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/base/check.h"
#include "server/config/memory_plan.h"
#include "server/storage/coding.h"
#include "server/storage/level_zero_guard.h"
#include "server/storage/open_options.h"
#include "server/storage/record_codec.h"
#include "server/storage/restore.h"
#include "server/storage/row_scan.h"
#include "server/storage/store_rep.h"
#include "server/storage/wal_scan.h"

namespace tidemark::storage {
namespace {

// The small column families are flushed with every n-th epoch, so that none of them keeps old WAL
// files alive until RocksDB has to force it.
constexpr uint32_t kEpochsPerSmallFlush = 4;

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ReadRows(
    rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, const rocksdb::ReadOptions& read,
    absl::string_view from, size_t rows_max) {
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(read, family));
  std::vector<std::pair<std::string, std::string>> rows;
  for (it->Seek(ToSlice(from)); it->Valid() && rows.size() < rows_max; it->Next()) {
    rows.emplace_back(ToView(it->key()), ToView(it->value()));
  }
  if (absl::Status status = FromRocks(it->status(), "scanning rows"); !status.ok()) return status;
  return rows;
}

// A directory with data files but without CURRENT would be taken for a new one, and its files
// deleted.
absl::Status CheckNotHeadless(rocksdb::Env& env, const std::string& path) {
  if (!env.FileExists(path + "/CURRENT").IsNotFound()) return absl::OkStatus();
  std::vector<std::string> children;
  if (!env.GetChildren(path, &children).ok()) return absl::OkStatus();  // A new directory.
  for (const std::string& child : children) {
    const bool log_file = absl::EndsWith(child, ".log") && absl::ascii_isdigit(child[0]);
    if (absl::EndsWith(child, ".sst") || log_file) {
      return absl::DataLossError(
          absl::StrCat(path, " holds data (", child,
                       ") but its file CURRENT is missing. Nothing was changed; "
                       "restore the directory from a backup"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string NewStoreId() {
  std::random_device device;
  const auto word = [&device] { return (static_cast<uint64_t>(device()) << 32) | device(); };
  return absl::StrFormat("%016x%016x", word(), word());
}

absl::Status SyncParent(rocksdb::Env& env, const std::string& path) {
  std::string absolute;
  rocksdb::Status status = env.GetAbsolutePath(path, &absolute);
  if (status.ok()) {
    while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
    const size_t slash = absolute.rfind('/');
    return SyncDirectory(env, slash == 0 ? "/" : absolute.substr(0, slash));
  }
  return FromRocks(status, absl::StrCat("syncing the directory above ", path));
}

absl::Status SyncDirectory(rocksdb::Env& env, const std::string& path) {
  std::unique_ptr<rocksdb::Directory> directory;
  rocksdb::Status status = env.NewDirectory(path, &directory);
  if (status.ok()) status = directory->Fsync();
  return FromRocks(status, absl::StrCat("syncing ", path));
}

absl::Status DeleteObsoleteFiles(rocksdb::DB& db) {
  rocksdb::Status status = db.DisableFileDeletions();
  if (status.ok()) status = db.EnableFileDeletions(/*force=*/false);
  return FromRocks(status, "removing files that are no longer needed");
}

absl::Status FromRocks(const rocksdb::Status& status, absl::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat(doing, ": ", status.ToString());
  if (status.IsCorruption() || status.IsPathNotFound()) return absl::DataLossError(message);
  if (status.IsNotFound()) return absl::NotFoundError(message);
  return absl::UnavailableError(message);
}

absl::Status RefusedAfterFailure() {
  return absl::UnavailableError(
      "writing or syncing a file of the store failed before; nothing is written until the store is "
      "opened again");
}

Store::Rep::~Rep() {
  if (db == nullptr) return;
  // What was committed without a sync is on disk after an orderly end, too.
  if (!failed) db->SyncWAL();
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  db->Close();  // What it could report now was reported by the commit that failed.
}

Store::Store(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const StoreOptions& options) {
  auto rep = std::make_unique<Rep>();
  rep->options = options;
  rocksdb::DBOptions db_options = MakeDbOptions(options);
  rep->table_files =
      std::make_shared<TableFiles>(MakeTableFileOptions(options), config::kReaderFilesMax);
  db_options.listeners.push_back(rep->table_files);
  db_options.listeners.push_back(rep->background_failure);
  rep->statistics = db_options.statistics;
  if (absl::Status whole = CheckNoUnfinishedRestore(*db_options.env, options.path); !whole.ok()) {
    return whole;
  }
  if (absl::Status intact = CheckNotHeadless(*db_options.env, options.path); !intact.ok()) {
    return intact;
  }
  if (absl::Status intact = ScanClosedWals(*db_options.env, options.path); !intact.ok()) {
    return intact;
  }
  GuardLevelZero();
  rep->env = std::make_unique<ManifestKeeper>(*db_options.env);
  db_options.env = rep->env.get();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(
      db_options, options.path, MakeColumnFamilies(options, rep->starts, rep->superseded),
      &rep->handles, &db);
  if (!status.ok()) {
    const std::string text = status.ToString();
    if (absl::StrContains(text, "While lock file") || absl::StrContains(text, "lock hold by")) {
      return absl::FailedPreconditionError(absl::StrCat(
          "data directory ", options.path, " is in use by another process (", text, ")"));
    }
    if (absl::StrContains(text, "Column families not opened")) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the store in ", options.path, " was written by a newer server (", text, ")"));
    }
    if (absl::StrContains(text, "While mkdir")) {
      return absl::UnavailableError(absl::StrCat("creating ", options.path, ": ", text));
    }
    return FromRocks(status, absl::StrCat("opening ", options.path));
  }
  rep->db.reset(db);
  if (absl::Status synced = SyncParent(*db_options.env, options.path); !synced.ok()) return synced;
  rep->families = {.meta = rep->handles[kMetaFamily],
                   .data = {rep->handles[kDataFamily], rep->handles[kDataLz4Family],
                            rep->handles[kDataZstdFamily]},
                   .index = rep->handles[kIndexFamily],
                   .groups = rep->handles[kGroupsFamily],
                   .producers = rep->handles[kProducersFamily],
                   .terms = rep->handles[kTermsFamily]};
  rep->table_files->Attach(*db, {rep->families.data.begin(), rep->families.data.end()});
  db_options.env->DeleteFile(TermFilePath(options.path));  // If a crash left one.
  std::unique_ptr<Store> store(new Store(std::move(rep)));
  if (absl::Status initialized = store->Initialize(); !initialized.ok()) return initialized;
  return store;
}

absl::Status Store::Initialize() {
  // A new epoch at each start: what the log replay put into one file stays below it.
  const std::optional<Epoch> newest = rep_->table_files->NewestEpoch();
  if (newest.has_value()) rep_->epoch = *newest + 1;
  rep_->committed_epoch = rep_->epoch;
  rep_->open_epoch = rep_->epoch.value();

  std::string value;
  const rocksdb::Status found =
      rep_->db->Get(rocksdb::ReadOptions(), rep_->families.meta, kStoreKey, &value);
  if (found.IsNotFound()) {
    if (newest.has_value()) {
      return absl::DataLossError("the store has events but no store record");
    }
    std::unique_ptr<WriteSet> set = Begin();
    set->PutStoreRecord(StoreRecord{.store_id = NewStoreId()});
    set->PutCommitMark({});
    if (absl::Status status = Commit(std::move(set), Sync::kSync); !status.ok()) return status;
    return LoadSecret();
  }
  if (!found.ok()) return FromRocks(found, "reading the store record");
  absl::StatusOr<StoreRecord> record = DecodeStoreRecord(value);
  if (!record.ok()) return record.status();
  if (absl::Status status = CheckFormat(*std::move(record)); !status.ok()) return status;
  if (absl::Status status = LoadSecret(); !status.ok()) return status;
  if (absl::Status status = LoadStarts(); !status.ok()) return status;
  return LoadErasures();
}

absl::Status Store::CheckFormat(StoreRecord record) {
  if (record.format_version == kFormatVersion) return absl::OkStatus();
  if (record.format_version < kOldestFormatVersion || record.format_version > kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("the store in ", rep_->options.path, " has format ", record.format_version,
                     "; this server reads formats ", kOldestFormatVersion, " to ", kFormatVersion,
                     ". Use the server version that wrote it"));
  }
  // From now on an older server would misread it.
  record.format_version = kFormatVersion;
  std::unique_ptr<WriteSet> set = Begin();
  set->PutStoreRecord(record);
  return Commit(std::move(set), Sync::kSync);
}

std::unique_ptr<WriteSet> Store::Begin() {
  if (rep_->end_epoch.exchange(false) || rep_->epoch_bytes >= rep_->options.epoch_bytes) {
    ++rep_->epoch;
    rep_->epoch_bytes = 0;
  }
  auto rep = std::unique_ptr<WriteSet::Rep>(
      new WriteSet::Rep{rep_->families, rep_->epoch, rep_->epoch_bytes, rep_->spares.Take()});
  return std::unique_ptr<WriteSet>(new WriteSet(std::move(rep)));
}

absl::Status Store::Commit(std::unique_ptr<WriteSet> set, Sync sync) {
  absl::MutexLock lock(&rep_->wal_mu);
  if (rep_->failed) return RefusedAfterFailure();
  const Epoch epoch = set->rep_->epoch;
  if (epoch != rep_->committed_epoch) {
    rep_->committed_epoch = epoch;
    rocksdb::FlushOptions flush;
    flush.wait = false;
    flush.allow_write_stall = true;
    std::vector<rocksdb::ColumnFamilyHandle*> families(rep_->families.data.begin(),
                                                       rep_->families.data.end());
    if (epoch.value() % kEpochsPerSmallFlush == 0) families = rep_->handles;
    rocksdb::Status status = rep_->db->Flush(flush, families);
    if (status.IsTryAgain()) {
      // Flushes lag so far behind that writes are stopped: wait with them.
      flush.wait = true;
      status = rep_->db->Flush(flush, families);
    }
    if (!status.ok()) {
      rep_->failed = true;
      return FromRocks(status, "ending an epoch");
    }
    rep_->open_epoch = epoch.value();
  }
  rocksdb::WriteOptions write;
  write.sync = sync == Sync::kSync;
  const rocksdb::Status written = rep_->db->Write(write, &set->rep_->batch);
  rep_->failed = rep_->failed || !written.ok();
  rep_->spares.Give(std::move(set->rep_->batch));
  return FromRocks(written, "committing");
}

absl::StatusOr<StoreRecord> Store::ReadStoreRecord() const {
  std::string value;
  const rocksdb::Status status =
      rep_->db->Get(rocksdb::ReadOptions(), rep_->families.meta, kStoreKey, &value);
  if (!status.ok()) return FromRocks(status, "reading the store record");
  return DecodeStoreRecord(value);
}

absl::StatusOr<CommitMark> Store::ReadCommitMark() const {
  std::string value;
  const rocksdb::Status status =
      rep_->db->Get(rocksdb::ReadOptions(), rep_->families.meta, kCommitMarkKey, &value);
  if (!status.ok()) return FromRocks(status, "reading the commit mark");
  return DecodeCommitMark(value);
}

absl::StatusOr<std::vector<TopicRecord>> Store::ReadTopics() const {
  return ReadAll<TopicRecord>(*rep_->db, rep_->families.meta, kTopicPrefix, DecodeTopicRecord);
}

absl::StatusOr<std::vector<TopicRecord>> Store::ReadDeletedTopics() const {
  return ReadAll<TopicRecord>(*rep_->db, rep_->families.meta, kDeletedTopicPrefix,
                              DecodeTopicRecord);
}

absl::StatusOr<std::optional<LogStart>> Store::ReadLogStart(LogId log) const {
  std::string value;
  const rocksdb::Status status =
      rep_->db->Get(rocksdb::ReadOptions(), rep_->families.meta, LogStartKey(log), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return FromRocks(status, "reading where a log begins");
  absl::StatusOr<LogStart> start = DecodeLogStart(value);
  if (!start.ok()) return start.status();
  return *start;
}

absl::StatusOr<std::vector<std::pair<LogId, LogStart>>> Store::ReadLogStarts() const {
  std::vector<std::pair<LogId, LogStart>> starts;
  absl::Status status =
      ForPrefix(*rep_->db, rep_->families.meta, absl::string_view(&kLogStartPrefix, 1),
                [&](absl::string_view key, absl::string_view value) -> absl::Status {
                  if (key.size() != 4) return absl::DataLossError("damaged key of a log start");
                  absl::StatusOr<LogStart> start = DecodeLogStart(value);
                  if (!start.ok()) return start.status();
                  starts.emplace_back(LogId(LoadBig32(key.data())), *start);
                  return absl::OkStatus();
                });
  if (!status.ok()) return status;
  return starts;
}

absl::StatusOr<std::vector<GroupRecord>> Store::ReadGroups() const {
  return ReadAll<GroupRecord>(*rep_->db, rep_->families.groups, kGroupPrefix, DecodeGroupRecord);
}

absl::StatusOr<std::vector<std::pair<LogId, Offset>>> Store::ReadOffsets(GroupId group) const {
  std::vector<std::pair<LogId, Offset>> offsets;
  absl::Status status = ForPrefix(
      *rep_->db, rep_->families.groups, OffsetsPrefix(group),
      [&](absl::string_view key, absl::string_view value) -> absl::Status {
        if (key.size() != 4 || value.size() != 8) {
          return absl::DataLossError("damaged offset row");
        }
        offsets.emplace_back(LogId(LoadBig32(key.data())), Offset(LoadLittle64(value.data())));
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return offsets;
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Store::ReadGroupRows(
    absl::string_view from, absl::string_view until, size_t rows_max) const {
  const rocksdb::Slice upper = ToSlice(until);
  rocksdb::ReadOptions read;
  read.iterate_upper_bound = &upper;
  return ReadRows(*rep_->db, rep_->families.groups, read, from, rows_max);
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Store::ReadProducerRows(
    absl::string_view from, size_t rows_max) const {
  return ReadRows(*rep_->db, rep_->families.producers, rocksdb::ReadOptions(), from, rows_max);
}

absl::StatusOr<std::optional<ProducerRecord>> Store::ReadProducer(absl::string_view id,
                                                                  uint64_t sequence) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = rep_->db->Get(rocksdb::ReadOptions(), rep_->families.producers,
                                               ProducerKey(id, sequence), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return FromRocks(status, "reading a producer");
  absl::StatusOr<ProducerRecord> record = DecodeProducerRecord(ToView(value));
  if (!record.ok()) return record.status();
  return *std::move(record);
}

absl::StatusOr<std::optional<uint64_t>> Store::ReadLastSequence(absl::string_view id) const {
  const std::string first = ProducerKey(id, 0);
  const rocksdb::Slice lower(first);
  rocksdb::ReadOptions read;
  read.iterate_lower_bound = &lower;
  const std::unique_ptr<rocksdb::Iterator> it(
      rep_->db->NewIterator(read, rep_->families.producers));
  it->SeekForPrev(ProducerKey(id, UINT64_MAX));
  if (!it->Valid()) {
    if (!it->status().ok()) return FromRocks(it->status(), "finding a producer");
    return std::nullopt;
  }
  const absl::string_view key = ToView(it->key());
  TM_CHECK_EQ(key.size(), first.size());  // Names hold no 0x00, so the bounds leave only this id.
  return LoadBig64(key.data() + key.size() - 8);
}

}  // namespace tidemark::storage
