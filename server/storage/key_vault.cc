#include "server/storage/key_vault.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "server/base/check.h"
#include "server/base/system_clock.h"
#include "server/config/memory_plan.h"
#include "server/storage/coding.h"
#include "server/storage/key_vault_rows.h"
#include "server/storage/manifest_keeper.h"
#include "server/storage/row_scan.h"
#include "server/storage/wal_scan.h"

namespace tidemark::storage {
namespace {

constexpr char kDirectory[] = "keys";

rocksdb::Options VaultOptions(rocksdb::Env* env) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(config::kVaultCacheBytes);
  table.cache_index_and_filter_blocks = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  rocksdb::Options options;
  if (env != nullptr) options.env = env;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.max_bgerror_resume_count = 0;  // As the store: fail and stop.
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = config::kVaultBufferBytes;
  options.max_write_buffer_number = 2;
  options.max_open_files = 64;
  options.stats_dump_period_sec = 0;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 2;
  return options;
}

// What names an entity in memory.
std::string EntityName(KeyVault::Entity entity) {
  std::string name;
  name.reserve(8 + entity.second.size());
  AppendBig64(name, entity.first.value());
  name.append(entity.second.data(), entity.second.size());
  return name;
}

uint64_t NowMicros() {
  return static_cast<uint64_t>(absl::ToUnixMicros(base::SystemClock().Now()));
}

absl::StatusOr<std::optional<std::string>> ReadRow(rocksdb::DB& db, absl::string_view key) {
  std::string value;
  const rocksdb::Status status = db.Get(rocksdb::ReadOptions(), ToSlice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return FromRocks(status, "reading the vault of keys");
  return value;
}

}  // namespace

std::string KeyVault::PathIn(absl::string_view directory) {
  return absl::StrCat(absl::StripSuffix(directory, "/"), "/", kDirectory);
}

bool KeyVault::Exists(rocksdb::Env& env, const std::string& path) {
  return env.FileExists(path + "/CURRENT").ok();
}

KeyVault::KeyVault(KeyVaultOptions options)
    : options_(std::move(options)),
      of_entity_(options_.cache_bytes / 2),
      by_id_(options_.cache_bytes / 2) {}

KeyVault::~KeyVault() {
  if (db_ != nullptr) db_->Close().PermitUncheckedError();
}

absl::StatusOr<std::unique_ptr<KeyVault>> KeyVault::Open(KeyVaultOptions options) {
  absl::StatusOr<MasterKeys> keys = MasterKeys::Read(options.master_key_file);
  if (!keys.ok()) return keys.status();
  std::unique_ptr<KeyVault> vault(new KeyVault(std::move(options)));
  const std::string& path = vault->options_.path;
  rocksdb::Options rocks = VaultOptions(vault->options_.env);
  if (absl::Status intact = ScanClosedWals(*rocks.env, path); !intact.ok()) return intact;
  vault->env_ = std::make_unique<ManifestKeeper>(*rocks.env);
  rocks.env = vault->env_.get();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(rocks, path, &db);
  if (!opened.ok()) return FromRocks(opened, absl::StrCat("opening the vault of keys in ", path));
  vault->db_.reset(db);
  if (absl::Status synced = SyncParent(*rocks.env, path); !synced.ok()) return synced;
  if (absl::Status checked = vault->CheckMasterKeys(*keys); !checked.ok()) return checked;
  {
    absl::MutexLock lock(&vault->cache_mu_);
    vault->master_keys_ = std::make_shared<const MasterKeys>(*std::move(keys));
  }
  if (absl::Status status = vault->Initialize(); !status.ok()) return status;
  return vault;
}

absl::Status KeyVault::Initialize() {
  absl::MutexLock lock(&write_mu_);
  const std::shared_ptr<const MasterKeys> keys = master_keys();
  absl::StatusOr<std::optional<std::string>> id = ReadRow(*db_, kVaultIdKey);
  if (!id.ok()) return id.status();
  rocksdb::WriteBatch batch;
  if (id->has_value()) {
    id_ = **id;
  } else {
    id_ = NewStoreId();
    batch.Put(kVaultIdKey, id_);
  }
  // In use from now on.
  const std::string row = MasterKeyRow(keys->current());
  const absl::StatusOr<std::optional<std::string>> known = ReadRow(*db_, row);
  if (!known.ok()) return known.status();
  if (!known->has_value()) batch.Put(row, keys->CheckOf(keys->current()));
  return batch.Count() == 0 ? absl::OkStatus() : Write(batch);
}

absl::Status KeyVault::CheckMasterKeys(const MasterKeys& keys) const {
  return ForPrefix(
      *db_, db_->DefaultColumnFamily(), absl::string_view(&kMasterKeyPrefix, 1),
      [&](absl::string_view name, absl::string_view check) -> absl::Status {
        if (!keys.Has(name)) {
          return absl::FailedPreconditionError(absl::StrCat(
              "master_key_file ", options_.master_key_file, " has no key \"", name,
              "\", which wraps keys of this store (it has ", absl::StrJoin(keys.names(), ", "),
              "). Add it again; a key may go once `tidemark master-key rotate` says that it is "
              "not used"));
        }
        if (keys.CheckOf(name) == check) return absl::OkStatus();
        return absl::FailedPreconditionError(absl::StrCat(
            "master_key_file ", options_.master_key_file, ": key \"", name,
            "\" is not the one that wraps keys of this store. A new key needs a new name"));
      });
}

std::shared_ptr<const MasterKeys> KeyVault::master_keys() const {
  absl::MutexLock lock(&cache_mu_);
  return master_keys_;
}

absl::Status KeyVault::Write(rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions write;
  write.sync = true;
  return FromRocks(db_->Write(write, &batch), "writing into the vault of keys");
}

bool KeyVault::IsDoomed(const std::string& id) const {
  absl::MutexLock lock(&cache_mu_);
  return doomed_.contains(id);
}

EntityKeyPtr KeyVault::Cached(Entity entity) const {
  const std::string name = EntityName(entity);
  absl::MutexLock lock(&cache_mu_);
  return of_entity_.Find(name);
}

absl::StatusOr<EntityKeyPtr> KeyVault::Load(absl::string_view id) const {
  absl::StatusOr<std::optional<std::string>> row = ReadRow(*db_, EntityKeyRowKey(id));
  if (!row.ok()) return row.status();
  if (!row->has_value()) {
    const absl::StatusOr<std::optional<std::string>> destroyed = ReadRow(*db_, DestroyedRowKey(id));
    if (!destroyed.ok()) return destroyed.status();
    if (destroyed->has_value()) return absl::NotFoundError("the key was destroyed");
    return absl::DataLossError("the key is not in the vault");
  }
  EntityKeyRow parsed;
  if (!ParseEntityKeyRow(**row, parsed))
    return absl::DataLossError("the row of an entity key is damaged");
  absl::StatusOr<std::string> secret = master_keys()->Unwrap(parsed.wrapped, id);
  if (!secret.ok()) return secret.status();
  auto key = std::make_shared<const EntityKey>(id, *secret);
  base::Wipe(*secret);
  return key;
}

absl::StatusOr<EntityKeyPtr> KeyVault::Newest(TopicId topic, absl::string_view digest) const {
  std::string newest;
  uint64_t newest_time_us = 0;
  absl::Status status =
      ForPrefix(*db_, db_->DefaultColumnFamily(), EntityRowPrefix(topic, digest),
                [&](absl::string_view id, absl::string_view value) -> absl::Status {
                  if (value.size() != 8)
                    return absl::DataLossError("the row of an entity is damaged");
                  const uint64_t time_us = LoadBig64(value.data());
                  if (IsDoomed(std::string(id)) || (!newest.empty() && time_us < newest_time_us)) {
                    return absl::OkStatus();
                  }
                  newest = std::string(id);
                  newest_time_us = time_us;
                  return absl::OkStatus();
                });
  if (!status.ok()) return status;
  if (newest.empty()) return EntityKeyPtr();
  return Load(newest);
}

absl::StatusOr<std::vector<EntityKeyPtr>> KeyVault::KeysFor(const std::vector<Entity>& entities) {
  std::vector<EntityKeyPtr> keys;
  keys.reserve(entities.size());
  bool all = true;
  for (const Entity& entity : entities) {
    keys.push_back(Cached(entity));
    all = all && keys.back() != nullptr;
  }
  if (all) return keys;
  absl::MutexLock lock(&write_mu_);
  const std::shared_ptr<const MasterKeys> master = master_keys();
  rocksdb::WriteBatch batch;
  absl::flat_hash_map<std::string, EntityKeyPtr> made;  // By what names the entity.
  for (size_t i = 0; i < entities.size(); ++i) {
    if (keys[i] != nullptr) continue;
    const auto& [topic, key] = entities[i];
    EntityKeyPtr& found = made[EntityName(entities[i])];
    if (found == nullptr) {
      const std::string digest = options_.digest(key);
      absl::StatusOr<EntityKeyPtr> newest = Newest(topic, digest);
      if (!newest.ok()) return newest.status();
      found = *std::move(newest);
      if (found == nullptr) {
        std::string secret = base::RandomBytes(base::kAesKeyBytes);
        auto fresh =
            std::make_shared<const EntityKey>(base::RandomBytes(kEntityKeyIdBytes), secret);
        base::Wipe(secret);
        const EntityKeyRow row{.topic = topic,
                               .digest = digest,
                               .create_time_us = NowMicros(),
                               .wrapped = master->Wrap(fresh->secret(), fresh->id())};
        batch.Put(EntityKeyRowKey(fresh->id()), EncodeEntityKeyRow(row));
        batch.Put(EntityRowKey(topic, digest, fresh->id()), TimeValue(row.create_time_us));
        found = std::move(fresh);
      }
    }
    keys[i] = found;
  }
  if (batch.Count() > 0) {
    if (absl::Status written = Write(batch); !written.ok()) return written;
  }
  absl::MutexLock cache_lock(&cache_mu_);
  for (const auto& [name, key] : made) {
    if (!doomed_.contains(key->id())) of_entity_.Put(name, key);
  }
  return keys;
}

absl::StatusOr<EntityKeyPtr> KeyVault::Find(absl::string_view id) const {
  uint64_t destructions;
  {
    absl::MutexLock lock(&cache_mu_);
    if (EntityKeyPtr key = by_id_.Find(id)) return key;
    destructions = destructions_;
  }
  absl::StatusOr<EntityKeyPtr> key = Load(id);
  if (!key.ok()) return key.status();
  absl::MutexLock lock(&cache_mu_);
  if (destructions == destructions_) by_id_.Put(id, *key);
  return key;
}

absl::StatusOr<std::unique_ptr<KeyVault>> OpenVault(Store& store, const std::string& directory,
                                                    const std::string& master_key_file,
                                                    rocksdb::Env* env) {
  absl::StatusOr<StoreRecord> record = store.ReadStoreRecord();
  if (!record.ok()) return record.status();
  if (master_key_file.empty()) {
    if (record->vault_id.empty()) return std::unique_ptr<KeyVault>();
    return absl::FailedPreconditionError(
        absl::StrCat("the store in ", directory,
                     " has encrypted events: set master_key_file to the "
                     "file with its master keys (--master-key-file FILE)"));
  }
  const std::string path = KeyVault::PathIn(directory);
  rocksdb::Env& files = env != nullptr ? *env : *rocksdb::Env::Default();
  if (!record->vault_id.empty() && !KeyVault::Exists(files, path)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the vault of keys ", path,
                     " is not there, and without it the encrypted events of the store "
                     "cannot be read: put it back, or restore a backup (which has the keys, too)"));
  }
  absl::StatusOr<std::unique_ptr<KeyVault>> vault =
      KeyVault::Open({.path = path,
                      .env = env,
                      .master_key_file = master_key_file,
                      .digest = [&store](absl::string_view key) { return store.DigestOf(key); },
                      .cache_bytes = config::kEntityKeysBytes});
  if (!vault.ok() || (*vault)->id() == record->vault_id) return vault;
  if (!record->vault_id.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the vault of keys ", path, " is that of another store"));
  }
  record->vault_id = (*vault)->id();
  std::unique_ptr<WriteSet> set = store.Begin();
  set->PutStoreRecord(*record);
  if (absl::Status status = store.Commit(std::move(set), Sync::kSync); !status.ok()) return status;
  return vault;
}

}  // namespace tidemark::storage
