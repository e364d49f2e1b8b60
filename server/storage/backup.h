// Backups: copies of a store, made while it works, in a directory that holds many of them.
//
// Terms.     A backup holds everything the store had at one position: events, indexes, topics,
//            groups, producers; they are all in one RocksDB. It consists of table files, which are
//            never changed and so are shared by all backups of the directory that need them, and of
//            files of its own: manifest and write-ahead logs.
// Keys.      The keys of encrypted events (key_vault.h) are not in a backup, which never changes.
//            All backups of a store share one file of the directory, keys-VAULT.sst, written anew
//            with every backup and when keys are destroyed; so what is erased cannot be decrypted
//            with the help of an older backup either.
// Position.  The list of files is taken while commits are held (for milliseconds, measured by
//            hold_time); then they are copied while commits go on. Nothing is flushed for it: what
//            is in memtables is in the logs, too.
// Invariant. A backup is there whole, on disk, or not at all, across any crash. What a crash leaves
//            of an unfinished one goes with the next Create or Delete.
// Cost.      Until a backup is made the store's files are kept, so that what retention drops and
//            logs that are no longer needed take space.
// Checks.    Files carry a CRC-32C from being copied on. It says what was copied: whether that was
//            whole is Store's to check, by reading (VerifyStore).
// Threads.   Safe from any thread. One of Create, Verify and Delete at a time; the others are
//            refused. All wait for the disk. Files are copied on a thread of lowered priority.
// Lifetime.  The Env and the vault outlive it; the store outlives Create.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/storage/key_vault.h"
#include "server/storage/store.h"

namespace rocksdb {
class BackupEngine;
class RateLimiter;
}  // namespace rocksdb

namespace tidemark::storage {

struct BackupInfo {
  uint32_t id = 0;  // Rises within a directory.
  uint64_t create_time_us = 0;
  Position position;         // Every batch up to it is in the backup, and no later one.
  uint64_t bytes = 0;        // Of all files that it needs.
  uint64_t added_bytes = 0;  // Of those that no older one needs.
  std::string store_id;
  std::string vault_id;  // Of the keys that it needs; empty: none.
  bool damaged = false;  // A file is missing or of a wrong size; only `id` is known.
};

struct BackupProgress {
  uint64_t start_time_us = 0;
  uint64_t copied_bytes = 0;
  uint64_t total_bytes = 0;  // About, to be copied; 0: not known yet.
};

// What was made so far, since the process began.
struct BackupCounts {
  uint64_t made = 0;
  uint64_t failed = 0;
  uint64_t copied_bytes = 0;
  uint64_t last_create_time_us = 0;  // Of the newest that was made; 0: none was.
  absl::Duration last_hold_time;     // How long commits were held for it.
};

class Backups {
 public:
  // True: give up. Asked some times a second, on another thread; must not wait.
  using Stopped = absl::FunctionRef<bool()>;

  // `directory` is made when it is needed. Null: the machine's file system; no keys.
  explicit Backups(std::string directory, rocksdb::Env* env = nullptr, KeyVault* vault = nullptr);
  ~Backups();

  const std::string& directory() const { return directory_; }

  // Copies at most `bytes_per_second` (at least 1 MiB).
  // FAILED_PRECONDITION  BACKUP_BUSY: another call, or process, makes, verifies or deletes one.
  // CANCELLED            `stopped` said so.
  // UNAVAILABLE          the disk refuses, or the store has failed and has to be reopened.
  absl::StatusOr<BackupInfo> Create(Store& store, uint64_t bytes_per_second, Stopped stopped)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Newest first; empty if there is no such directory.
  absl::StatusOr<std::vector<BackupInfo>> List() const ABSL_LOCKS_EXCLUDED(mu_);
  // Compares every file with its checksum.
  // NOT_FOUND  no such backup.    DATA_LOSS  a file of it is damaged or missing.
  // FAILED_PRECONDITION, CANCELLED, UNAVAILABLE  as Create.
  absl::StatusOr<BackupInfo> Verify(uint32_t id, uint64_t bytes_per_second, Stopped stopped)
      ABSL_LOCKS_EXCLUDED(mu_);
  // NOT_FOUND  no such backup.    FAILED_PRECONDITION, UNAVAILABLE  as Create.
  absl::Status Delete(uint32_t id) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes the keys of the directory anew, if it has any: those that were destroyed are gone then.
  // FAILED_PRECONDITION, UNAVAILABLE  as Create.
  absl::Status RefreshKeys() ABSL_LOCKS_EXCLUDED(mu_);

  // Of the Create under way.
  std::optional<BackupProgress> running() const ABSL_LOCKS_EXCLUDED(mu_);
  BackupCounts counts() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Turn;

  absl::StatusOr<std::unique_ptr<rocksdb::BackupEngine>> OpenEngine(
      std::shared_ptr<rocksdb::RateLimiter> limiter) const;
  absl::StatusOr<BackupInfo> CreateNow(Store& store, uint64_t bytes_per_second, Stopped stopped)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<BackupInfo> Find(uint32_t id) const;
  absl::Status WriteKeys() const;
  absl::Status DeleteNow(uint32_t id) ABSL_LOCKS_EXCLUDED(mu_);

  const std::string directory_;
  rocksdb::Env* const env_;
  KeyVault* const vault_;
  const std::unique_ptr<rocksdb::Env> backup_env_;  // See backup_files.h.
  std::atomic<uint64_t> copied_bytes_ = 0;          // Of the Create under way.
  std::atomic<uint64_t> total_bytes_ = 0;
  // Files are removed, or their list is read: never both at once.
  mutable absl::Mutex files_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  mutable absl::Mutex mu_;  // Leaf.
  bool busy_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<uint64_t> running_since_us_ ABSL_GUARDED_BY(mu_);
  BackupCounts counts_ ABSL_GUARDED_BY(mu_);
};

struct RestoreOptions {
  std::string from;            // A directory of backups.
  std::optional<uint32_t> id;  // Unset: the newest.
  std::string to;              // Must not exist, be empty, or hold a restore that did not finish.
  rocksdb::Env* env = nullptr;
};

// Makes the store that the backup is of, as it was, in `to`; but with a store id of its own. Every
// file's checksum is compared. A store that is restored half does not open (see restore.h); then
// Restore is repeated.
// NOT_FOUND            no such backup, or no directory of backups.
// FAILED_PRECONDITION  `to` holds something else.
// DATA_LOSS            the backup is damaged.
// UNAVAILABLE          the disk refuses.
absl::StatusOr<BackupInfo> RestoreBackup(const RestoreOptions& options);

}  // namespace tidemark::storage
