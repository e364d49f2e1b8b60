#include "client/cli/topic_output.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;

absl::string_view NameOf(std::optional<Durability> durability) {
  return durability == Durability::kMemory ? "memory" : "synced";
}

absl::string_view NameOf(std::optional<Compression> compression) {
  switch (compression.value_or(Compression::kNone)) {
    case Compression::kLz4:
      return "lz4";
    case Compression::kZstd:
      return "zstd";
    case Compression::kUnspecified:
    case Compression::kNone:
      return "none";
  }
  return "none";
}

// A limit that is none: there is no other way to take a limit back.
constexpr uint64_t kUnlimitedBytes = std::numeric_limits<uint64_t>::max();

bool IsLimited(const std::optional<absl::Duration>& max_age) {
  return max_age.has_value() && *max_age != absl::InfiniteDuration();
}

bool IsLimited(const std::optional<uint64_t>& max_bytes) {
  return max_bytes.has_value() && *max_bytes != kUnlimitedBytes;
}

std::string RetentionOf(const TopicConfig& config) {
  std::string text;
  if (IsLimited(config.max_age)) text = FormatDurationText(*config.max_age);
  if (IsLimited(config.max_bytes)) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", FormatBytes(*config.max_bytes),
                    " a partition");
  }
  return text.empty() ? "forever" : text;
}

}  // namespace

uint64_t CountEvents(const std::vector<Watermarks>& watermarks) {
  uint64_t events = 0;
  for (const Watermarks& w : watermarks) events += w.end_offset - w.start_offset;
  return events;
}

std::string FormatTopics(const std::vector<TopicInfo>& topics,
                         const std::vector<std::vector<Watermarks>>& watermarks, bool color) {
  if (topics.empty()) return "";
  Table table({{"TOPIC"},
               {"PARTITIONS", Table::Align::kRight},
               {"EVENTS", Table::Align::kRight},
               {"DURABILITY"},
               {"KEPT"},
               {"DESCRIPTION"}});
  for (size_t i = 0; i < topics.size(); ++i) {
    const TopicConfig& config = topics[i].config;
    table.AddRow({topics[i].name, absl::StrCat(topics[i].partitions),
                  GroupDigits(CountEvents(watermarks[i])), std::string(NameOf(config.durability)),
                  RetentionOf(config), config.description.value_or("")});
  }
  return table.Format(color);
}

std::string FormatTopic(const TopicInfo& topic, const std::vector<Watermarks>& watermarks,
                        bool color) {
  const TopicConfig& config = topic.config;
  std::vector<std::pair<std::string, std::string>> fields = {
      {"topic", topic.name},
      {"id", absl::StrCat(topic.id)},
      {"partitions", absl::StrCat(topic.partitions)},
      {"events", GroupDigits(CountEvents(watermarks))},
      {"durability", std::string(NameOf(config.durability))},
      {"kept", RetentionOf(config)},
      {"compression", std::string(NameOf(config.compression))},
      {"key index", config.index_keys.value_or(true) ? "yes" : "no"},
      {"compacted", config.compact.value_or(false) ? "yes" : "no"},
      {"encrypted", config.encrypt_by_key.value_or(false) ? "by key" : "no"},
      {"created", FormatRfc3339(topic.create_time)},
      {"changed", FormatRfc3339(topic.update_time)},
  };
  if (config.description.has_value() && !config.description->empty()) {
    fields.emplace_back("description", *config.description);
  }
  Table table({{"PARTITION", Table::Align::kRight},
               {"START", Table::Align::kRight},
               {"END", Table::Align::kRight},
               {"EVENTS", Table::Align::kRight}});
  for (const Watermarks& w : watermarks) {
    table.AddRow({absl::StrCat(w.partition), absl::StrCat(w.start_offset),
                  absl::StrCat(w.end_offset), GroupDigits(w.end_offset - w.start_offset)});
  }
  return absl::StrCat(FormatFields(fields, color), "\n", table.Format(color));
}

Json TopicToJson(const TopicInfo& topic, const std::vector<Watermarks>* watermarks) {
  const TopicConfig& config = topic.config;
  Json json;
  json["name"] = topic.name;
  json["id"] = topic.id;
  json["partitions"] = topic.partitions;
  json["durability"] = std::string(NameOf(config.durability));
  json["max_age_seconds"] =
      IsLimited(config.max_age) ? Json(absl::ToDoubleSeconds(*config.max_age)) : Json();
  json["max_bytes"] = IsLimited(config.max_bytes) ? Json(*config.max_bytes) : Json();
  json["compression"] = std::string(NameOf(config.compression));
  json["index_keys"] = config.index_keys.value_or(true);
  json["compact"] = config.compact.value_or(false);
  json["encrypt_by_key"] = config.encrypt_by_key.value_or(false);
  json["description"] = config.description.value_or("");
  json["create_time"] = FormatRfc3339(topic.create_time);
  json["update_time"] = FormatRfc3339(topic.update_time);
  if (watermarks == nullptr) return json;
  json["events"] = CountEvents(*watermarks);
  json["watermarks"] = Json::array();
  for (const Watermarks& w : *watermarks) {
    json["watermarks"].push_back({{"partition", w.partition},
                                  {"start_offset", w.start_offset},
                                  {"end_offset", w.end_offset}});
  }
  return json;
}

absl::StatusOr<absl::Duration> ParseMaxAge(absl::string_view text) {
  if (text == "forever") return absl::InfiniteDuration();
  auto duration = ParseDurationText(text);
  if (duration.ok()) return duration;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not \"forever\" or a duration such as 12h or 30d"));
}

absl::StatusOr<uint64_t> ParseMaxBytes(absl::string_view text) {
  if (text == "unlimited") return kUnlimitedBytes;
  const absl::Status error = absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not \"unlimited\" or a size such as 512MiB or 10GB"));
  size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(text[digits])) ++digits;
  uint64_t count = 0;
  if (!absl::SimpleAtoi(text.substr(0, digits), &count) || count == 0) return error;
  constexpr std::pair<absl::string_view, uint64_t> kUnits[] = {
      {"", 1},
      {"b", 1},
      {"kb", 1000},
      {"mb", 1000000},
      {"gb", 1000000000},
      {"tb", 1000000000000},
      {"kib", 1 << 10},
      {"mib", 1 << 20},
      {"gib", 1 << 30},
      {"tib", uint64_t{1} << 40},
  };
  const std::string unit = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text.substr(digits)));
  for (const auto& [name, bytes] : kUnits) {
    if (unit != name) continue;
    if (count > std::numeric_limits<uint64_t>::max() / bytes) return error;
    return count * bytes;
  }
  return error;
}

}  // namespace tidemark::cli
