#include "server/storage/erasure_record.h"

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/storage/coding.h"

namespace tidemark::storage {
namespace {

using Json = nlohmann::json;

absl::Status Damaged(absl::string_view why) {
  return absl::DataLossError(absl::StrCat("damaged erasure record: ", why));
}

void FromJson(const Json& json, ErasureRecord& record) {
  record.id = json.at("id").get<uint64_t>();
  record.topic = TopicId(json.at("topic_id").get<uint64_t>());
  record.topic_name = json.at("topic").get<std::string>();
  record.first_log = LogId(json.at("first_log").get<uint32_t>());
  record.partitions = json.at("partitions").get<uint32_t>();
  record.key_digest = absl::HexStringToBytes(json.at("key_digest").get<std::string>());
  record.types = json.at("types").get<std::vector<std::string>>();
  record.events = json.at("events").get<uint64_t>();
  if (json.contains("entity_keys")) {  // Records of format 3 have none.
    for (const Json& id : json.at("entity_keys")) {
      record.entity_keys.push_back(absl::HexStringToBytes(id.get<std::string>()));
    }
  }
  record.reason = json.at("reason").get<std::string>();
  record.actor = json.at("actor").get<std::string>();
  record.request_time_us = json.at("request_time_us").get<uint64_t>();
  record.complete_time_us = json.at("complete_time_us").get<uint64_t>();
  record.state = static_cast<ErasureState>(json.at("state").get<int>());
  if (!json.contains("span")) return;
  const Json& span = json.at("span");
  record.span = {.partition = PartitionIndex(span.at("partition").get<uint32_t>()),
                 .offsets = {.from = Offset(span.at("from").get<uint64_t>()),
                             .until = Offset(span.at("until").get<uint64_t>())}};
}

}  // namespace

std::string EncodeErasureRecord(const ErasureRecord& record) {
  Json json{{"id", record.id},
            {"topic_id", record.topic.value()},
            {"topic", record.topic_name},
            {"first_log", record.first_log.value()},
            {"partitions", record.partitions},
            {"key_digest", absl::BytesToHexString(record.key_digest)},
            {"types", record.types},
            {"events", record.events},
            {"reason", record.reason},
            {"actor", record.actor},
            {"request_time_us", record.request_time_us},
            {"complete_time_us", record.complete_time_us},
            {"state", static_cast<int>(record.state)}};
  if (!record.entity_keys.empty()) {
    Json ids = Json::array();
    for (const std::string& id : record.entity_keys) ids.push_back(absl::BytesToHexString(id));
    json["entity_keys"] = std::move(ids);
  }
  if (record.span.has_value()) {
    json["span"] = {{"partition", record.span->partition.value()},
                    {"from", record.span->offsets.from.value()},
                    {"until", record.span->offsets.until.value()}};
  }
  return json.dump();
}

absl::StatusOr<ErasureRecord> DecodeErasureRecord(absl::string_view bytes) {
  ErasureRecord record;
  try {
    FromJson(Json::parse(bytes.begin(), bytes.end()), record);
  } catch (const Json::exception& e) {
    return Damaged(e.what());
  }
  const int state = static_cast<int>(record.state);
  if (state < 0 || state > static_cast<int>(ErasureState::kComplete)) {
    return Damaged("unknown state");
  }
  return record;
}

std::string EncodeOffsetRanges(const std::vector<OffsetRange>& ranges) {
  std::string bytes;
  Offset end(0);
  for (const OffsetRange& range : ranges) {
    TM_CHECK_LE(end.value(), range.from.value());
    TM_CHECK_LT(range.from.value(), range.until.value());
    AppendVarint(bytes, range.from - end);
    AppendVarint(bytes, range.until - range.from);
    end = range.until;
  }
  return bytes;
}

absl::StatusOr<std::vector<OffsetRange>> DecodeOffsetRanges(absl::string_view bytes) {
  std::vector<OffsetRange> ranges;
  uint64_t end = 0;
  while (!bytes.empty()) {
    uint64_t skipped = 0;
    uint64_t length = 0;
    if (!TakeVarint(bytes, skipped) || !TakeVarint(bytes, length) || length == 0 ||
        skipped > UINT64_MAX - end || length > UINT64_MAX - end - skipped) {
      return Damaged("its offsets");
    }
    ranges.push_back({Offset(end + skipped), Offset(end + skipped + length)});
    end += skipped + length;
  }
  return ranges;
}

}  // namespace tidemark::storage
