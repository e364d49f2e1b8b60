// Entity keys in memory, those used lately.
//
// How.     Two generations: what is used moves into the younger one; when that is full it becomes
//          the older one, and what was older goes.
// Threads. One thread at a time.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/base/aes_gcm.h"

namespace tidemark::storage {

inline constexpr size_t kEntityKeyIdBytes = 16;

// A random id, and what encrypts.
class EntityKey {
 public:
  // Of kEntityKeyIdBytes and base::kAesKeyBytes bytes.
  EntityKey(absl::string_view id, absl::string_view secret) {
    std::copy(id.begin(), id.end(), id_);
    std::copy(secret.begin(), secret.end(), secret_);
  }
  ~EntityKey() { base::Wipe(secret_, sizeof(secret_)); }
  EntityKey(const EntityKey&) = delete;
  EntityKey& operator=(const EntityKey&) = delete;

  absl::string_view id() const { return absl::string_view(id_, sizeof(id_)); }
  absl::string_view secret() const { return absl::string_view(secret_, sizeof(secret_)); }

 private:
  char id_[kEntityKeyIdBytes];
  char secret_[base::kAesKeyBytes];
};
using EntityKeyPtr = std::shared_ptr<const EntityKey>;

class EntityKeyCache {
 public:
  explicit EntityKeyCache(size_t bytes_max) : generation_bytes_max_(bytes_max / 2) {}

  // Null: it is not there.
  EntityKeyPtr Find(absl::string_view name) {
    if (const auto it = young_.find(name); it != young_.end()) return it->second;
    const auto it = old_.find(name);
    if (it == old_.end()) return nullptr;
    EntityKeyPtr key = it->second;
    Put(name, key);
    return key;
  }
  void Put(absl::string_view name, EntityKeyPtr key) {
    const size_t bytes = name.size() + kEntryBytes;
    if (young_bytes_ + bytes > generation_bytes_max_) {
      old_ = std::move(young_);
      young_.clear();
      young_bytes_ = 0;
    }
    if (young_.insert_or_assign(std::string(name), std::move(key)).second) young_bytes_ += bytes;
  }
  void Clear() {
    young_.clear();
    old_.clear();
    young_bytes_ = 0;
  }

 private:
  // Beside its name: a key with its counts, 80, and a place in a map that is 5/8 full.
  static constexpr size_t kEntryBytes = 176;

  const size_t generation_bytes_max_;
  size_t young_bytes_ = 0;
  absl::flat_hash_map<std::string, EntityKeyPtr> young_;
  absl::flat_hash_map<std::string, EntityKeyPtr> old_;
};

}  // namespace tidemark::storage
