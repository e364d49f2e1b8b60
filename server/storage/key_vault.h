// KeyVault: the keys that the data of events is encrypted with (topics with encrypt_by_key).
//
// Terms.     Entity: a key of events in a topic; events without a key are one entity. Entity key:
//            32 random bytes that encrypt an entity's data, with a random id of 16 bytes.
//            Destroyed: no file of the vault holds it any more, wrapped or not.
// Where.     A small RocksDB of its own beside the store, not a column family of it: a backup of
//            the store is a copy that never changes, so a key in it could not be destroyed. The
//            backups of a directory share one copy of the vault instead, which is written anew
//            whenever keys are destroyed (Backups::RefreshKeys).
// Rows.      'S'              -> id of the vault, 32 hexadecimal digits
//            'M' name         -> check of a master key in use (MasterKeys)
//            'D' id           -> topic u64 | digest 32 | create time u64 | wrapped entity key
//            'K' topic u64 | digest 32 | id -> create time u64
//            'X' id           -> destroy time u64; stays for ever
//            `id` is an entity key's, `digest` that of the key of events. Big-endian, times in
//            microseconds since 1970.
// Invariant. An entity key is on disk before KeysFor returns it, so before anything it encrypted.
// Threads.   Safe from any thread. Everything but Cached may wait for the disk.
// Bounds.    cache_bytes of unwrapped keys in memory.
// Failure.   A write that failed leaves the vault unusable for writes until it is opened again.
// Lifetime.  `digest` outlives it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/base/ids.h"
#include "server/storage/entity_key_cache.h"
#include "server/storage/master_keys.h"

namespace rocksdb {
class DB;
class Env;
class WriteBatch;
}  // namespace rocksdb

namespace tidemark::storage {

struct KeyVaultOptions {
  std::string path;
  rocksdb::Env* env = nullptr;  // Null: the machine's file system.
  std::string master_key_file;  // Always on the machine's file system.
  // Of a key of events: what stays of it (Store::DigestOf).
  std::function<std::string(absl::string_view)> digest;
  size_t cache_bytes = 4 << 20;
};

class Store;

struct RotationReport {
  std::string master_key;         // The current one.
  uint64_t entity_keys = 0;       // In all.
  uint64_t rewrapped = 0;         // That another master key had wrapped.
  std::vector<std::string> idle;  // Master keys of the file that wrap nothing (any more).
};

class KeyVault {
 public:
  // The vault of a store in `directory`, and whether there is one.
  static std::string PathIn(absl::string_view directory);
  static bool Exists(rocksdb::Env& env, const std::string& path);

  // Opens or creates it.
  // FAILED_PRECONDITION  the file of master keys is not one, or lacks a key that is in use, or has
  //                      another under its name.
  // DATA_LOSS            the vault is damaged.    UNAVAILABLE  the file system refuses.
  static absl::StatusOr<std::unique_ptr<KeyVault>> Open(KeyVaultOptions options);
  ~KeyVault();

  const std::string& id() const { return id_; }

  using Entity = std::pair<TopicId, absl::string_view>;
  // The key that encrypts what comes of an entity; null: it is not in memory.
  EntityKeyPtr Cached(Entity entity) const ABSL_LOCKS_EXCLUDED(cache_mu_);
  // The same of each entity, made durably where there is none: all with one write.
  absl::StatusOr<std::vector<EntityKeyPtr>> KeysFor(const std::vector<Entity>& entities)
      ABSL_LOCKS_EXCLUDED(write_mu_, cache_mu_);
  // NOT_FOUND  it was destroyed.    DATA_LOSS  there never was one of this id, or it is damaged.
  absl::StatusOr<EntityKeyPtr> Find(absl::string_view id) const ABSL_LOCKS_EXCLUDED(cache_mu_);

  // --- Erasure: doomed with its commit, destroyed and scrubbed in the background.

  // The ids of all of an entity's keys.
  absl::StatusOr<std::vector<std::string>> IdsOf(Entity entity) const;
  // KeysFor does not give them out any more.
  void Doom(const std::vector<std::string>& ids) ABSL_LOCKS_EXCLUDED(cache_mu_);
  // Durably. Those that are not there are passed over.
  absl::Status Destroy(const std::vector<std::string>& ids)
      ABSL_LOCKS_EXCLUDED(write_mu_, cache_mu_);
  // True: no file holds a byte of what was destroyed or wrapped anew before. False: RocksDB keeps
  // an old file; again after a pause.
  absl::StatusOr<bool> Scrub() ABSL_LOCKS_EXCLUDED(scrub_mu_, write_mu_);

  // Reads the file of master keys again, and wraps with its first key what others wrapped. Goes on
  // where it was interrupted when it is called again. The vault is to be scrubbed afterwards.
  // FAILED_PRECONDITION  as Open.
  absl::StatusOr<RotationReport> Rotate(bool dry_run) ABSL_LOCKS_EXCLUDED(write_mu_, cache_mu_);

  // Writes all rows into a file, synced. Import makes a vault of one; nothing may be at `path`.
  absl::Status Export(rocksdb::Env& env, const std::string& file) const;
  static absl::Status CheckExport(rocksdb::Env& env, const std::string& file);
  static absl::Status Import(rocksdb::Env& env, const std::string& file, const std::string& path);

 private:
  explicit KeyVault(KeyVaultOptions options);
  absl::Status Initialize();
  absl::Status CheckMasterKeys(const MasterKeys& keys) const;
  std::shared_ptr<const MasterKeys> master_keys() const ABSL_LOCKS_EXCLUDED(cache_mu_);
  absl::Status Write(rocksdb::WriteBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  // The newest key of the entity that is not doomed; null: there is none.
  absl::StatusOr<EntityKeyPtr> Newest(TopicId topic, absl::string_view digest) const;
  absl::StatusOr<EntityKeyPtr> Load(absl::string_view id) const;
  bool IsDoomed(const std::string& id) const ABSL_LOCKS_EXCLUDED(cache_mu_);
  absl::StatusOr<uint64_t> RewrapSome(const MasterKeys& keys, std::string& from)
      ABSL_LOCKS_EXCLUDED(write_mu_);
  absl::Status ForgetIdleMasterKeys(const std::vector<std::string>& idle)
      ABSL_LOCKS_EXCLUDED(write_mu_);
  absl::Status RewriteFiles() ABSL_EXCLUSIVE_LOCKS_REQUIRED(scrub_mu_)
      ABSL_LOCKS_EXCLUDED(write_mu_);

  const KeyVaultOptions options_;
  std::string id_;
  std::unique_ptr<rocksdb::Env> env_;  // Of the database.
  std::unique_ptr<rocksdb::DB> db_;

  // Held while files are written anew, which takes long for many keys: nobody waits for it who
  // makes keys. Before write_mu_.
  absl::Mutex scrub_mu_;
  std::vector<std::string> leaving_ ABSL_GUARDED_BY(scrub_mu_);

  absl::Mutex write_mu_;  // Held from reading what is there to the write. Before cache_mu_.
  bool dirty_ ABSL_GUARDED_BY(write_mu_) = false;  // Files hold what has to go.

  mutable absl::Mutex cache_mu_;  // Leaf.
  std::shared_ptr<const MasterKeys> master_keys_ ABSL_GUARDED_BY(cache_mu_);
  absl::flat_hash_set<std::string> doomed_ ABSL_GUARDED_BY(cache_mu_);
  // Of Destroy: what was read before one must not come into the cache after it.
  uint64_t destructions_ ABSL_GUARDED_BY(cache_mu_) = 0;
  mutable EntityKeyCache of_entity_ ABSL_GUARDED_BY(cache_mu_);
  mutable EntityKeyCache by_id_ ABSL_GUARDED_BY(cache_mu_);
};

// The vault of the store in `directory`; made, and remembered by the store, if there is a file of
// master keys and the store never had one. Null: there is neither. Before anybody else writes.
// FAILED_PRECONDITION  the store had a vault, and there is no file of master keys, or the vault is
//                      not there, or is another one. Else as KeyVault::Open.
absl::StatusOr<std::unique_ptr<KeyVault>> OpenVault(Store& store, const std::string& directory,
                                                    const std::string& master_key_file,
                                                    rocksdb::Env* env = nullptr);

}  // namespace tidemark::storage
