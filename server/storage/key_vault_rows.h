// The rows of the vault of keys (key_vault.h says what they are); private to server/storage.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "server/base/ids.h"

namespace tidemark::storage {

inline constexpr char kVaultIdKey[] = "S";
inline constexpr char kScrubMarkKey[] = "Z";  // Something to write; see KeyVault::Scrub.
inline constexpr char kMasterKeyPrefix = 'M';
inline constexpr char kEntityKeyPrefix = 'D';

struct EntityKeyRow {
  TopicId topic;
  std::string digest;
  uint64_t create_time_us = 0;
  std::string wrapped;
};

std::string EncodeEntityKeyRow(const EntityKeyRow& row);
// False: that is no such row.
bool ParseEntityKeyRow(absl::string_view value, EntityKeyRow& row);

std::string MasterKeyRow(absl::string_view name);
std::string EntityKeyRowKey(absl::string_view id);
// The prefix of the rows of all keys of an entity, and such a row.
std::string EntityRowPrefix(TopicId topic, absl::string_view digest);
std::string EntityRowKey(TopicId topic, absl::string_view digest, absl::string_view id);
std::string DestroyedRowKey(absl::string_view id);
std::string TimeValue(uint64_t time_us);

}  // namespace tidemark::storage
