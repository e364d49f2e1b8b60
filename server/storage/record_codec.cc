#include "server/storage/record_codec.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/storage/coding.h"

namespace tidemark::storage {
namespace {

using Json = nlohmann::json;

absl::Status Damaged(absl::string_view kind, absl::string_view why) {
  return absl::DataLossError(absl::StrCat("damaged ", kind, " record: ", why));
}

// Parses JSON and fills a record by `fill`, which may throw what nlohmann throws.
template <typename Record, typename Fill>
absl::StatusOr<Record> FromJson(absl::string_view kind, absl::string_view bytes, Fill fill) {
  try {
    Record record;
    fill(Json::parse(bytes.begin(), bytes.end()), record);
    return record;
  } catch (const Json::exception& e) {
    return Damaged(kind, e.what());
  }
}

// The enumerator `value` of E, whose last one is `last`.
template <typename E>
E ToEnum(int64_t value, E last) {
  if (value < 0 || value > static_cast<int64_t>(last)) {
    throw Json::other_error::create(501, absl::StrCat("unknown enumerator ", value), nullptr);
  }
  return static_cast<E>(value);
}

template <typename T>
std::optional<T> Optional(const Json& json, const char* name) {
  if (!json.contains(name)) return std::nullopt;
  return json.at(name).get<T>();
}

Json ConfigToJson(const TopicConfig& config) {
  Json json{{"partitions", config.partitions},
            {"durability", config.durability == Durability::kMemory ? "memory" : "synced"},
            {"compression", static_cast<int>(config.compression)},
            {"index_keys", config.index_keys},
            {"compact", config.compact},
            {"encrypt_by_key", config.encrypt_by_key},
            {"description", config.description}};
  if (config.retention_max_age_us) json["retention_max_age_us"] = *config.retention_max_age_us;
  if (config.retention_max_bytes) json["retention_max_bytes"] = *config.retention_max_bytes;
  return json;
}

TopicConfig ConfigFromJson(const Json& json) {
  TopicConfig config;
  config.partitions = json.at("partitions").get<uint32_t>();
  const std::string durability = json.at("durability").get<std::string>();
  if (durability != "memory" && durability != "synced") {
    throw Json::other_error::create(501, "unknown durability " + durability, nullptr);
  }
  config.durability = durability == "memory" ? Durability::kMemory : Durability::kSynced;
  config.compression = ToEnum(json.at("compression").get<int64_t>(), Compression::kZstd);
  config.index_keys = json.at("index_keys").get<bool>();
  config.compact = json.at("compact").get<bool>();
  config.encrypt_by_key = json.at("encrypt_by_key").get<bool>();
  config.description = json.at("description").get<std::string>();
  config.retention_max_age_us = Optional<uint64_t>(json, "retention_max_age_us");
  config.retention_max_bytes = Optional<uint64_t>(json, "retention_max_bytes");
  return config;
}

// Keys of events may be any UTF-8; JSON holds them as they are.
Json GroupToJson(const GroupRecord& record) {
  Json json{{"id", record.id.value()},
            {"name", record.name},
            {"topics", record.topics},
            {"types", record.filter.types},
            {"keys", record.filter.keys},
            {"mode", static_cast<int>(record.mode)},
            {"start", {{"kind", static_cast<int>(record.start.kind)}}},
            {"create_time_us", record.create_time_us}};
  if (record.start.kind == GroupStart::Kind::kTime) json["start"]["time_us"] = record.start.time_us;
  Json& retry = json["retry"];
  retry["initial_backoff_us"] = record.retry.initial_backoff_us;
  retry["backoff_factor"] = record.retry.backoff_factor;
  retry["max_backoff_us"] = record.retry.max_backoff_us;
  retry["block_key_after_dead_letter"] = record.retry.block_key_after_dead_letter;
  retry["lease_us"] = record.retry.lease_us;
  retry["skip_delayed"] = record.retry.skip_delayed;
  if (record.retry.max_attempts) retry["max_attempts"] = *record.retry.max_attempts;
  if (record.paused_time_us) json["paused_time_us"] = *record.paused_time_us;
  return json;
}

void GroupFromJson(const Json& json, GroupRecord& record) {
  record.id = GroupId(json.at("id").get<uint64_t>());
  record.name = json.at("name").get<std::string>();
  record.topics = json.at("topics").get<std::vector<std::string>>();
  record.filter.types = json.at("types").get<std::vector<std::string>>();
  record.filter.keys = json.at("keys").get<std::vector<std::string>>();
  record.mode = ToEnum(json.at("mode").get<int64_t>(), GroupMode::kUnordered);
  record.start.kind = ToEnum(json.at("start").at("kind").get<int64_t>(), GroupStart::Kind::kTime);
  record.start.time_us = Optional<uint64_t>(json.at("start"), "time_us").value_or(0);
  const Json& retry = json.at("retry");
  record.retry.initial_backoff_us = retry.at("initial_backoff_us").get<uint64_t>();
  record.retry.backoff_factor = retry.at("backoff_factor").get<double>();
  record.retry.max_backoff_us = retry.at("max_backoff_us").get<uint64_t>();
  record.retry.block_key_after_dead_letter = retry.at("block_key_after_dead_letter").get<bool>();
  record.retry.max_attempts = Optional<uint32_t>(retry, "max_attempts");
  // Groups of before there were leases lack them.
  record.retry.lease_us = Optional<uint64_t>(retry, "lease_us").value_or(RetryPolicy{}.lease_us);
  record.retry.skip_delayed = Optional<bool>(retry, "skip_delayed").value_or(false);
  record.create_time_us = json.at("create_time_us").get<uint64_t>();
  record.paused_time_us = Optional<uint64_t>(json, "paused_time_us");
}

}  // namespace

std::string EncodeStoreRecord(const StoreRecord& record) {
  return Json{{"format_version", record.format_version}, {"store_id", record.store_id},
              {"next_topic_id", record.next_topic_id},   {"next_log_id", record.next_log_id},
              {"next_group_id", record.next_group_id},   {"vault_id", record.vault_id}}
      .dump();
}

absl::StatusOr<StoreRecord> DecodeStoreRecord(absl::string_view bytes) {
  return FromJson<StoreRecord>("store", bytes, [](const Json& json, StoreRecord& record) {
    record.format_version = json.at("format_version").get<int>();
    record.store_id = json.at("store_id").get<std::string>();
    record.next_topic_id = json.at("next_topic_id").get<uint64_t>();
    record.next_log_id = json.at("next_log_id").get<uint32_t>();
    record.next_group_id = json.at("next_group_id").get<uint64_t>();
    record.vault_id = Optional<std::string>(json, "vault_id").value_or("");
  });
}

std::string EncodeTopicRecord(const TopicRecord& record) {
  return Json{{"id", record.id.value()},
              {"name", record.name},
              {"first_log", record.first_log.value()},
              {"create_time_us", record.create_time_us},
              {"update_time_us", record.update_time_us},
              {"config", ConfigToJson(record.config)}}
      .dump();
}

absl::StatusOr<TopicRecord> DecodeTopicRecord(absl::string_view bytes) {
  return FromJson<TopicRecord>("topic", bytes, [](const Json& json, TopicRecord& record) {
    record.id = TopicId(json.at("id").get<uint64_t>());
    record.name = json.at("name").get<std::string>();
    record.first_log = LogId(json.at("first_log").get<uint32_t>());
    record.create_time_us = json.at("create_time_us").get<uint64_t>();
    record.update_time_us = json.at("update_time_us").get<uint64_t>();
    record.config = ConfigFromJson(json.at("config"));
  });
}

std::string EncodeGroupRecord(const GroupRecord& record) { return GroupToJson(record).dump(); }

absl::StatusOr<GroupRecord> DecodeGroupRecord(absl::string_view bytes) {
  return FromJson<GroupRecord>("group", bytes, GroupFromJson);
}

std::string EncodeCommitMark(const CommitMark& mark) {
  std::string out;
  AppendLittle64(out, mark.position.value());
  AppendLittle64(out, mark.append_time_us);
  return out;
}

absl::StatusOr<CommitMark> DecodeCommitMark(absl::string_view bytes) {
  if (bytes.size() != 16) return Damaged("commit mark", "wrong length");
  return CommitMark{.position = Position(LoadLittle64(bytes.data())),
                    .append_time_us = LoadLittle64(bytes.data() + 8)};
}

std::string EncodeLogStart(const LogStart& start) {
  std::string out;
  AppendLittle64(out, start.start.value());
  AppendLittle64(out, start.end.value());
  AppendLittle64(out, start.end_bytes);
  return out;
}

absl::StatusOr<LogStart> DecodeLogStart(absl::string_view bytes) {
  if (bytes.size() != 24) return Damaged("log start", "wrong length");
  const LogStart start{.start = Offset(LoadLittle64(bytes.data())),
                       .end = Offset(LoadLittle64(bytes.data() + 8)),
                       .end_bytes = LoadLittle64(bytes.data() + 16)};
  if (start.start > start.end) return Damaged("log start", "it is behind the end");
  return start;
}

std::string EncodeCompaction(const LogCompaction& compaction) {
  std::string out;
  AppendLittle64(out, compaction.clean_until.value());
  AppendLittle64(out, compaction.kept);
  return out;
}

absl::StatusOr<LogCompaction> DecodeCompaction(absl::string_view bytes) {
  if (bytes.size() != 16) return Damaged("log compaction", "wrong length");
  return LogCompaction{.clean_until = Offset(LoadLittle64(bytes.data())),
                       .kept = LoadLittle64(bytes.data() + 8)};
}

std::string EncodeSuperseded(const SupersededBatch& batch) {
  std::string out(1, static_cast<char>(batch.compression));
  AppendLittle32(out, batch.bytes);
  return out;
}

absl::StatusOr<SupersededBatch> DecodeSuperseded(absl::string_view data_key,
                                                 absl::string_view bytes) {
  if (bytes.size() != 5) return Damaged("superseded batch", "wrong length");
  const auto compression = static_cast<unsigned char>(bytes[0]);
  if (compression > static_cast<unsigned char>(Compression::kZstd)) {
    return Damaged("superseded batch", "unknown compression");
  }
  return SupersededBatch{.data_key = std::string(data_key),
                         .compression = static_cast<Compression>(compression),
                         .bytes = LoadLittle32(bytes.data() + 1)};
}

}  // namespace tidemark::storage
