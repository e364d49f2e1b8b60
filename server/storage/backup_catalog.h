// Which backups a directory has; private to server/storage.
//
// Threads. Wait for the disk. Not while backups are deleted from the directory.
#pragma once

#include <rocksdb/env.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/storage/backup.h"

namespace tidemark::storage {

// The keys of the vault, in a directory of backups.
std::string KeysPath(absl::string_view directory, absl::string_view vault_id);

// Newest first; empty if there is no such directory. UNAVAILABLE: it cannot be read.
absl::StatusOr<std::vector<BackupInfo>> ListBackups(rocksdb::Env& env,
                                                    const std::string& directory);

// NOT_FOUND  no such backup.    DATA_LOSS  it is damaged.    UNAVAILABLE  as above.
absl::StatusOr<BackupInfo> FindBackup(rocksdb::Env& env, const std::string& directory, uint32_t id);

}  // namespace tidemark::storage
