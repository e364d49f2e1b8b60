#include "server/storage/key_vault_rows.h"

#include "absl/strings/str_cat.h"
#include "server/storage/coding.h"
#include "server/storage/key_digest.h"

namespace tidemark::storage {
namespace {

constexpr size_t kFixedBytes = 8 + kKeyDigestBytes + 8;

}  // namespace

std::string EncodeEntityKeyRow(const EntityKeyRow& row) {
  std::string value;
  AppendBig64(value, row.topic.value());
  value.append(row.digest);
  AppendBig64(value, row.create_time_us);
  value.append(row.wrapped);
  return value;
}

bool ParseEntityKeyRow(absl::string_view value, EntityKeyRow& row) {
  if (value.size() <= kFixedBytes) return false;
  row.topic = TopicId(LoadBig64(value.data()));
  row.digest = std::string(value.substr(8, kKeyDigestBytes));
  row.create_time_us = LoadBig64(value.data() + 8 + kKeyDigestBytes);
  row.wrapped = std::string(value.substr(kFixedBytes));
  return true;
}

std::string MasterKeyRow(absl::string_view name) {
  return absl::StrCat(absl::string_view(&kMasterKeyPrefix, 1), name);
}

std::string EntityKeyRowKey(absl::string_view id) {
  return absl::StrCat(absl::string_view(&kEntityKeyPrefix, 1), id);
}

std::string EntityRowPrefix(TopicId topic, absl::string_view digest) {
  std::string key = "K";
  AppendBig64(key, topic.value());
  key.append(digest.data(), digest.size());
  return key;
}

std::string EntityRowKey(TopicId topic, absl::string_view digest, absl::string_view id) {
  return absl::StrCat(EntityRowPrefix(topic, digest), id);
}

std::string DestroyedRowKey(absl::string_view id) { return absl::StrCat("X", id); }

std::string TimeValue(uint64_t time_us) {
  std::string value;
  AppendBig64(value, time_us);
  return value;
}

}  // namespace tidemark::storage
