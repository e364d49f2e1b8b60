#include "server/storage/restore.h"

#include <rocksdb/env.h>
#include <rocksdb/utilities/backup_engine.h>

#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/error.h"
#include "server/storage/backup.h"
#include "server/storage/backup_catalog.h"
#include "server/storage/store_rep.h"

namespace tidemark::storage {
namespace {

constexpr char kUnfinished[] = "restoring";
constexpr char kVault[] = "keys";

// What RocksDB calls its files. Nothing else is ever removed.
bool IsStoreFile(absl::string_view name) {
  const bool numbered = absl::EndsWith(name, ".sst") || absl::EndsWith(name, ".log");
  return (numbered && absl::ascii_isdigit(name[0])) || absl::StartsWith(name, "MANIFEST-") ||
         absl::StartsWith(name, "OPTIONS-") || absl::StartsWith(name, "LOG") ||
         absl::StartsWith(name, "CURRENT") || name == "IDENTITY" || name == "LOCK" ||
         absl::EndsWith(name, ".dbtmp");
}

absl::StatusOr<std::vector<std::string>> ChildrenOf(rocksdb::Env& env, const std::string& path) {
  std::vector<std::string> children;
  const rocksdb::Status status = env.GetChildren(path, &children);
  if (!status.ok()) return FromRocks(status, absl::StrCat("reading ", path));
  return children;
}

// One restore, step by step.
class Restore {
 public:
  Restore(rocksdb::Env& env, std::string to)
      : env_(env), to_(std::move(to)), unfinished_(UnfinishedRestorePath(to_)) {}

  // Makes `to`, or sees that there is nothing to lose in it, and marks it as unfinished.
  absl::Status Prepare() {
    if (env_.FileExists(to_).ok()) {
      if (absl::Status cleared = Clear(); !cleared.ok()) return cleared;
    }
    for (const std::string& directory : {to_, unfinished_}) {
      const rocksdb::Status made = env_.CreateDirIfMissing(directory);
      if (!made.ok()) return FromRocks(made, absl::StrCat("making ", directory));
      if (absl::Status synced = SyncParent(env_, directory); !synced.ok()) return synced;
    }
    return absl::OkStatus();
  }

  absl::Status Copy(const std::string& from, const BackupInfo& backup) const {
    rocksdb::BackupEngineReadOnly* opened = nullptr;
    rocksdb::Status status = rocksdb::BackupEngineReadOnly::Open(
        rocksdb::BackupEngineOptions(from, &env_), &env_, &opened);
    if (!status.ok()) return FromRocks(status, absl::StrCat("reading the backups in ", from));
    const std::unique_ptr<rocksdb::BackupEngineReadOnly> engine(opened);
    // Compares checksums, syncs every file and the directory.
    status =
        engine->RestoreDBFromBackup(rocksdb::RestoreOptions(), backup.id, unfinished_, unfinished_);
    return FromRocks(status, absl::StrCat("restoring backup ", backup.id));
  }

  // Opens what was copied, as a start would, and gives it an id of its own.
  absl::Status GiveNewId(const BackupInfo& backup) const {
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open({.path = unfinished_, .env = &env_});
    if (!store.ok()) return store.status();
    const absl::StatusOr<CommitMark> mark = (*store)->ReadCommitMark();
    if (!mark.ok()) return mark.status();
    if (mark->position != backup.position) {
      return absl::DataLossError(absl::StrCat("backup ", backup.id, " is of position ",
                                              backup.position.value(),
                                              ", but what was restored "
                                              "is of position ",
                                              mark->position.value()));
    }
    absl::StatusOr<StoreRecord> record = (*store)->ReadStoreRecord();
    if (!record.ok()) return record.status();
    record->store_id = NewStoreId();
    std::unique_ptr<WriteSet> set = (*store)->Begin();
    set->PutStoreRecord(*record);
    return (*store)->Commit(std::move(set), Sync::kSync);
  }

  // The keys are those that the directory has now, not those of when the backup was made.
  absl::Status CopyKeys(const std::string& from, const BackupInfo& backup) const {
    if (backup.vault_id.empty()) return absl::OkStatus();
    const std::string keys = KeysPath(from, backup.vault_id);
    if (!env_.FileExists(keys).ok()) {
      return absl::DataLossError(absl::StrCat("backup ", backup.id, " has encrypted events, and ",
                                              keys, ", which holds their keys, is not there"));
    }
    const std::string path = KeyVault::PathIn(unfinished_);
    if (absl::Status made = KeyVault::Import(env_, keys, path); !made.ok()) return made;
    if (absl::Status synced = SyncDirectory(env_, path); !synced.ok()) return synced;
    return SyncDirectory(env_, unfinished_);
  }

  // Moves everything up. CURRENT goes last, though without it nothing would open either.
  absl::Status Finish() const {
    absl::StatusOr<std::vector<std::string>> children = ChildrenOf(env_, unfinished_);
    if (!children.ok()) return children.status();
    for (const std::string& child : *children) {
      if (child == "CURRENT") continue;
      if (absl::Status moved = MoveUp(child); !moved.ok()) return moved;
    }
    if (absl::Status synced = SyncDirectory(env_, to_); !synced.ok()) return synced;
    if (absl::Status moved = MoveUp("CURRENT"); !moved.ok()) return moved;
    if (absl::Status synced = SyncDirectory(env_, to_); !synced.ok()) return synced;
    const rocksdb::Status removed = env_.DeleteDir(unfinished_);
    if (!removed.ok()) return FromRocks(removed, absl::StrCat("removing ", unfinished_));
    return SyncDirectory(env_, to_);
  }

 private:
  // Removes what an unfinished restore left; refuses if there is anything else.
  absl::Status Clear() const {
    const bool unfinished = env_.FileExists(unfinished_).ok();
    absl::StatusOr<std::vector<std::string>> children = ChildrenOf(env_, to_);
    if (!children.ok()) return children.status();
    for (const std::string& child : *children) {
      // What a file system has at its root.
      if (child == "lost+found" || child == kUnfinished) continue;
      if (unfinished && (IsStoreFile(child) || child == kVault)) continue;
      return absl::FailedPreconditionError(
          absl::StrCat(to_, " is not empty (it holds ", child,
                       "): a backup is restored only into an empty or a new directory"));
    }
    if (!unfinished) return absl::OkStatus();
    // Its mark goes last.
    for (const std::string& child : *children) {
      if (child == kVault) {
        if (absl::Status removed = RemoveVault(to_); !removed.ok()) return removed;
      }
      if (!IsStoreFile(child)) continue;
      if (absl::Status removed = Remove(absl::StrCat(to_, "/", child)); !removed.ok()) {
        return removed;
      }
    }
    children = ChildrenOf(env_, unfinished_);
    if (!children.ok()) return children.status();
    for (const std::string& child : *children) {
      const std::string path = absl::StrCat(unfinished_, "/", child);
      if (child == kVault) {
        if (absl::Status removed = RemoveVault(unfinished_); !removed.ok()) return removed;
        continue;
      }
      if (!IsStoreFile(child)) {
        return absl::FailedPreconditionError(
            absl::StrCat(path, " is not of a restore: move it away"));
      }
      if (absl::Status removed = Remove(path); !removed.ok()) return removed;
    }
    return absl::OkStatus();
  }

  absl::Status RemoveVault(const std::string& directory) const {
    const std::string path = KeyVault::PathIn(directory);
    const absl::StatusOr<std::vector<std::string>> children = ChildrenOf(env_, path);
    if (!children.ok()) return children.status();
    for (const std::string& child : *children) {
      if (absl::Status removed = Remove(absl::StrCat(path, "/", child)); !removed.ok()) {
        return removed;
      }
    }
    return FromRocks(env_.DeleteDir(path), absl::StrCat("removing ", path));
  }

  absl::Status Remove(const std::string& path) const {
    return FromRocks(env_.DeleteFile(path),
                     absl::StrCat("removing ", path, " of an unfinished restore"));
  }
  absl::Status MoveUp(const std::string& child) const {
    const rocksdb::Status status =
        env_.RenameFile(absl::StrCat(unfinished_, "/", child), absl::StrCat(to_, "/", child));
    return FromRocks(status, absl::StrCat("moving ", child, " to ", to_));
  }

  rocksdb::Env& env_;
  const std::string to_;
  const std::string unfinished_;
};

// Without `id` the newest that is whole.
absl::StatusOr<BackupInfo> Choose(rocksdb::Env& env, const RestoreOptions& options) {
  if (options.id.has_value()) return FindBackup(env, options.from, *options.id);
  absl::StatusOr<std::vector<BackupInfo>> backups = ListBackups(env, options.from);
  if (!backups.ok()) return backups.status();
  if (backups->empty()) {
    return absl::NotFoundError(absl::StrCat("there are no backups in ", options.from));
  }
  // The newest one may be the one that is wanted: to take an older one is for people to decide.
  if (backups->front().damaged) return FindBackup(env, options.from, backups->front().id);
  return backups->front();
}

}  // namespace

std::string UnfinishedRestorePath(absl::string_view data_directory) {
  return absl::StrCat(absl::StripSuffix(data_directory, "/"), "/", kUnfinished);
}

absl::Status CheckNoUnfinishedRestore(rocksdb::Env& env, absl::string_view data_directory) {
  if (!env.FileExists(UnfinishedRestorePath(data_directory)).ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(data_directory, " holds a restore that did not finish (", kUnfinished,
                   "); run `tidemarkd restore` again"));
}

absl::StatusOr<BackupInfo> RestoreBackup(const RestoreOptions& options) {
  rocksdb::Env& env = options.env != nullptr ? *options.env : *rocksdb::Env::Default();
  absl::StatusOr<BackupInfo> backup = Choose(env, options);
  if (!backup.ok()) return backup.status();
  Restore restore(env, options.to);
  if (absl::Status status = restore.Prepare(); !status.ok()) return status;
  if (absl::Status status = restore.Copy(options.from, *backup); !status.ok()) return status;
  if (absl::Status status = restore.GiveNewId(*backup); !status.ok()) return status;
  if (absl::Status status = restore.CopyKeys(options.from, *backup); !status.ok()) return status;
  if (absl::Status status = restore.Finish(); !status.ok()) return status;
  return backup;
}

}  // namespace tidemark::storage
