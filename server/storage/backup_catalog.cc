#include "server/storage/backup_catalog.h"

#include <rocksdb/utilities/backup_engine.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/storage/store_rep.h"

namespace tidemark::storage {
namespace {

// False if it was not written by Backups.
bool ReadMetadata(const std::string& text, BackupInfo& info) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.value("store_id", nlohmann::json()).is_string() ||
      !json.value("position", nlohmann::json()).is_number_unsigned()) {
    return false;
  }
  info.store_id = json["store_id"].get<std::string>();
  info.position = Position(json["position"].get<uint64_t>());
  const nlohmann::json vault = json.value("vault_id", nlohmann::json());  // Of format 4.
  if (vault.is_string()) info.vault_id = vault.get<std::string>();
  return true;
}

}  // namespace

std::string KeysPath(absl::string_view directory, absl::string_view vault_id) {
  return absl::StrCat(directory, "/keys-", vault_id, ".sst");
}

absl::StatusOr<std::vector<BackupInfo>> ListBackups(rocksdb::Env& env,
                                                    const std::string& directory) {
  const rocksdb::Status there = env.FileExists(absl::StrCat(directory, "/meta"));
  if (there.IsNotFound()) return std::vector<BackupInfo>();
  rocksdb::BackupEngineReadOnly* opened = nullptr;
  const rocksdb::Status status = rocksdb::BackupEngineReadOnly::Open(
      rocksdb::BackupEngineOptions(directory, &env), &env, &opened);
  if (!status.ok()) return FromRocks(status, absl::StrCat("reading the backups in ", directory));
  const std::unique_ptr<rocksdb::BackupEngineReadOnly> engine(opened);
  std::vector<rocksdb::BackupInfo> whole;  // The oldest first.
  engine->GetBackupInfo(&whole, /*include_file_details=*/true);
  std::vector<BackupInfo> backups;
  absl::flat_hash_set<std::string> older;
  for (const rocksdb::BackupInfo& backup : whole) {
    BackupInfo& info = backups.emplace_back();
    info.id = backup.backup_id;
    info.create_time_us = static_cast<uint64_t>(backup.timestamp) * 1'000'000;
    info.bytes = backup.size;
    info.damaged = !ReadMetadata(backup.app_metadata, info);
    for (const rocksdb::BackupFileInfo& file : backup.file_details) {
      if (older.insert(file.relative_filename).second) info.added_bytes += file.size;
    }
  }
  std::vector<rocksdb::BackupID> damaged;
  engine->GetCorruptedBackups(&damaged);
  for (const rocksdb::BackupID id : damaged) backups.push_back({.id = id, .damaged = true});
  std::sort(backups.begin(), backups.end(),
            [](const BackupInfo& a, const BackupInfo& b) { return a.id > b.id; });
  return backups;
}

absl::StatusOr<BackupInfo> FindBackup(rocksdb::Env& env, const std::string& directory,
                                      uint32_t id) {
  absl::StatusOr<std::vector<BackupInfo>> backups = ListBackups(env, directory);
  if (!backups.ok()) return backups.status();
  for (BackupInfo& info : *backups) {
    if (info.id != id) continue;
    if (!info.damaged) return std::move(info);
    return absl::DataLossError(absl::StrCat("backup ", id, " in ", directory,
                                            " is damaged: a file of it is missing or has another "
                                            "size than it had"));
  }
  return NoSuch("backup", absl::StrCat(id), "; `tidemark backup list` shows those there are");
}

}  // namespace tidemark::storage
