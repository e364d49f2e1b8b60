// What keeps the vault of keys in order: destroying keys, wrapping them anew, copies for backups.
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/sst_file_writer.h>

#include <algorithm>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/system_clock.h"
#include "server/storage/key_vault.h"
#include "server/storage/key_vault_rows.h"
#include "server/storage/row_scan.h"

namespace tidemark::storage {
namespace {

constexpr size_t kRewrapRows = 1000;  // Between two of them a commit may make keys.

rocksdb::Options ExportOptions(rocksdb::Env& env) {
  rocksdb::Options options;
  options.env = &env;
  options.compression = rocksdb::kNoCompression;
  return options;
}

std::string MicrosNow() {
  return TimeValue(static_cast<uint64_t>(absl::ToUnixMicros(base::SystemClock().Now())));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> KeyVault::IdsOf(Entity entity) const {
  std::vector<std::string> ids;
  absl::Status status = ForPrefix(*db_, db_->DefaultColumnFamily(),
                                  EntityRowPrefix(entity.first, options_.digest(entity.second)),
                                  [&](absl::string_view id, absl::string_view) {
                                    ids.emplace_back(id);
                                    return absl::OkStatus();
                                  });
  if (!status.ok()) return status;
  return ids;
}

void KeyVault::Doom(const std::vector<std::string>& ids) {
  if (ids.empty()) return;
  absl::MutexLock lock(&cache_mu_);
  doomed_.insert(ids.begin(), ids.end());
  of_entity_.Clear();
}

absl::Status KeyVault::Destroy(const std::vector<std::string>& ids) {
  if (ids.empty()) return absl::OkStatus();
  absl::MutexLock lock(&write_mu_);
  const std::string now = MicrosNow();
  rocksdb::WriteBatch batch;
  for (const std::string& id : ids) {
    std::string value;
    const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), EntityKeyRowKey(id), &value);
    if (status.IsNotFound()) continue;  // Destroyed before a crash.
    if (!status.ok()) return FromRocks(status, "reading the vault of keys");
    EntityKeyRow row;
    if (!ParseEntityKeyRow(value, row))
      return absl::DataLossError("the row of an entity key is damaged");
    batch.Delete(EntityKeyRowKey(id));
    batch.Delete(EntityRowKey(row.topic, row.digest, id));
    batch.Put(DestroyedRowKey(id), now);
  }
  if (absl::Status written = Write(batch); !written.ok()) return written;
  dirty_ = true;
  absl::MutexLock cache_lock(&cache_mu_);
  ++destructions_;
  for (const std::string& id : ids) doomed_.erase(id);
  of_entity_.Clear();
  by_id_.Clear();
  return absl::OkStatus();
}

// As Store::Scrub: everything is flushed, so that no log from before is needed, and all tables are
// written anew. (The manifest names ids only.)
absl::Status KeyVault::RewriteFiles() {
  rocksdb::Env& env = *db_->GetEnv();
  std::vector<std::string> names;
  rocksdb::Status status = env.GetChildren(options_.path, &names);
  if (!status.ok()) return FromRocks(status, "listing the files of the vault of keys");
  for (const std::string& name : names) {
    if (absl::EndsWith(name, ".log") || absl::EndsWith(name, ".sst")) leaving_.push_back(name);
  }
  {
    absl::MutexLock lock(&write_mu_);
    rocksdb::WriteBatch touch;
    touch.Put(kScrubMarkKey, MicrosNow());
    if (absl::Status written = Write(touch); !written.ok()) return written;
  }
  status = db_->Flush(rocksdb::FlushOptions());
  if (!status.ok()) return FromRocks(status, "flushing the vault of keys");
  rocksdb::CompactRangeOptions compact;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  return FromRocks(db_->CompactRange(compact, nullptr, nullptr), "compacting the vault of keys");
}

absl::StatusOr<bool> KeyVault::Scrub() {
  absl::MutexLock lock(&scrub_mu_);
  bool dirty;
  {
    absl::MutexLock write_lock(&write_mu_);
    dirty = std::exchange(dirty_, false);
  }
  if (dirty) {
    if (absl::Status status = RewriteFiles(); !status.ok()) {
      absl::MutexLock write_lock(&write_mu_);
      dirty_ = true;
      return status;
    }
  }
  rocksdb::Env& env = *db_->GetEnv();
  leaving_.erase(
      std::remove_if(leaving_.begin(), leaving_.end(),
                     [&](const std::string& name) {
                       return env.FileExists(absl::StrCat(options_.path, "/", name)).IsNotFound();
                     }),
      leaving_.end());
  if (leaving_.empty()) {
    // Deletions, too, are durable only then.
    if (absl::Status synced = SyncDirectory(env, options_.path); !synced.ok()) return synced;
    return true;
  }
  // A table that the database still needs was taken by a compaction of its own meanwhile.
  std::vector<rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  for (const rocksdb::LiveFileMetaData& file : files) {
    if (std::count(leaving_.begin(), leaving_.end(), file.relative_filename) == 0) continue;
    absl::MutexLock write_lock(&write_mu_);
    dirty_ = true;
  }
  if (absl::Status removed = DeleteObsoleteFiles(*db_); !removed.ok()) return removed;
  return false;
}

absl::StatusOr<uint64_t> KeyVault::RewrapSome(const MasterKeys& keys, std::string& from) {
  absl::MutexLock lock(&write_mu_);
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
  rocksdb::WriteBatch batch;
  size_t rows = 0;
  uint64_t rewrapped = 0;
  for (it->Seek(from); it->Valid() && rows < kRewrapRows; it->Next(), ++rows) {
    const absl::string_view key = ToView(it->key());
    if (key[0] != kEntityKeyPrefix) break;
    EntityKeyRow row;
    if (!ParseEntityKeyRow(ToView(it->value()), row)) {
      return absl::DataLossError("the row of an entity key is damaged");
    }
    if (MasterKeys::NameIn(row.wrapped) == keys.current()) continue;
    const absl::string_view id = key.substr(1);
    absl::StatusOr<std::string> secret = keys.Unwrap(row.wrapped, id);
    if (!secret.ok()) return secret.status();
    row.wrapped = keys.Wrap(*secret, id);
    base::Wipe(*secret);
    batch.Put(ToSlice(key), EncodeEntityKeyRow(row));
    ++rewrapped;
  }
  if (!it->status().ok()) return FromRocks(it->status(), "scanning the vault of keys");
  from = rows == kRewrapRows && it->Valid() ? it->key().ToString() : std::string();
  if (rewrapped == 0) return 0;
  if (absl::Status written = Write(batch); !written.ok()) return written;
  dirty_ = true;
  return rewrapped;
}

absl::Status KeyVault::ForgetIdleMasterKeys(const std::vector<std::string>& idle) {
  absl::MutexLock lock(&write_mu_);
  rocksdb::WriteBatch batch;
  for (const std::string& name : idle) batch.Delete(MasterKeyRow(name));
  return batch.Count() == 0 ? absl::OkStatus() : Write(batch);
}

absl::StatusOr<RotationReport> KeyVault::Rotate(bool dry_run) {
  absl::StatusOr<MasterKeys> read = MasterKeys::Read(options_.master_key_file);
  if (!read.ok()) return read.status();
  if (absl::Status checked = CheckMasterKeys(*read); !checked.ok()) return checked;
  const auto keys = std::make_shared<const MasterKeys>(*std::move(read));
  RotationReport report{.master_key = keys->current()};
  if (!dry_run) {
    {
      absl::MutexLock lock(&write_mu_);
      rocksdb::WriteBatch batch;
      batch.Put(MasterKeyRow(keys->current()), keys->CheckOf(keys->current()));
      if (absl::Status written = Write(batch); !written.ok()) return written;
      absl::MutexLock cache_lock(&cache_mu_);
      master_keys_ = keys;
    }
    for (std::string from(1, kEntityKeyPrefix); !from.empty();) {
      const absl::StatusOr<uint64_t> some = RewrapSome(*keys, from);
      if (!some.ok()) return some.status();
      report.rewrapped += *some;
    }
  }
  absl::btree_set<std::string> wrapping;
  absl::Status status =
      ForPrefix(*db_, db_->DefaultColumnFamily(), absl::string_view(&kEntityKeyPrefix, 1),
                [&](absl::string_view, absl::string_view value) -> absl::Status {
                  EntityKeyRow row;
                  if (!ParseEntityKeyRow(value, row)) {
                    return absl::DataLossError("the row of an entity key is damaged");
                  }
                  ++report.entity_keys;
                  const absl::string_view name = MasterKeys::NameIn(row.wrapped);
                  if (dry_run && name != keys->current()) ++report.rewrapped;
                  wrapping.insert(std::string(name));
                  return absl::OkStatus();
                });
  if (!status.ok()) return status;
  for (const std::string& name : keys->names()) {
    if (name != keys->current() && !wrapping.contains(name)) report.idle.push_back(name);
  }
  if (dry_run) return report;
  status = ForgetIdleMasterKeys(report.idle);
  if (!status.ok()) return status;
  return report;
}

absl::Status KeyVault::Export(rocksdb::Env& env, const std::string& file) const {
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), ExportOptions(env));
  rocksdb::Status status = writer.Open(file);
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
  for (it->SeekToFirst(); status.ok() && it->Valid(); it->Next()) {
    status = writer.Put(it->key(), it->value());
  }
  if (status.ok()) status = it->status();
  if (status.ok()) status = writer.Finish();
  return FromRocks(status, absl::StrCat("writing ", file));
}

absl::Status KeyVault::CheckExport(rocksdb::Env& env, const std::string& file) {
  rocksdb::SstFileReader reader(ExportOptions(env));
  rocksdb::Status status = reader.Open(file);
  if (status.ok()) status = reader.VerifyChecksum();
  return FromRocks(status, absl::StrCat("checking the keys in ", file));
}

absl::Status KeyVault::Import(rocksdb::Env& env, const std::string& file, const std::string& path) {
  if (absl::Status whole = CheckExport(env, file); !whole.ok()) return whole;
  rocksdb::SstFileReader reader(ExportOptions(env));
  rocksdb::Status status = reader.Open(file);
  if (!status.ok()) return FromRocks(status, absl::StrCat("reading ", file));
  rocksdb::Options options;
  options.env = &env;
  options.create_if_missing = true;
  options.error_if_exists = true;
  rocksdb::DB* opened = nullptr;
  status = rocksdb::DB::Open(options, path, &opened);
  if (!status.ok()) return FromRocks(status, absl::StrCat("making the vault of keys in ", path));
  const std::unique_ptr<rocksdb::DB> db(opened);
  const std::unique_ptr<rocksdb::Iterator> it(reader.NewIterator(rocksdb::ReadOptions()));
  rocksdb::WriteBatch batch;
  for (it->SeekToFirst(); status.ok() && it->Valid(); it->Next()) {
    batch.Put(it->key(), it->value());
    if (batch.Count() < kRewrapRows) continue;
    status = db->Write(rocksdb::WriteOptions(), &batch);
    batch.Clear();
  }
  if (status.ok()) status = it->status();
  if (status.ok()) status = db->Write(rocksdb::WriteOptions(), &batch);
  if (status.ok()) status = db->Flush(rocksdb::FlushOptions());
  if (status.ok()) status = db->SyncWAL();
  if (status.ok()) status = db->Close();
  return FromRocks(status, absl::StrCat("making the vault of keys in ", path));
}

}  // namespace tidemark::storage
