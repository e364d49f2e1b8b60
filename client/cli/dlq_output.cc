#include "client/cli/dlq_output.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string PlaceOf(const EventId& id) {
  return absl::StrCat(id.topic, "/", id.partition, "/", id.offset);
}

std::string TypeOf(const DeadLetter& letter) {
  return letter.event.has_value() ? letter.event->type : "-";
}
std::string KeyOf(const DeadLetter& letter) {
  return letter.event.has_value() && !letter.event->key.empty() ? letter.event->key : "-";
}
std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

Json EventToJson(const DeadLetter& letter) {
  if (!letter.event.has_value()) return Json();
  const Event& event = *letter.event;
  Json json{{"id", event.id}, {"type", event.type}, {"source", event.source}};
  if (!event.key.empty()) json["subject"] = event.key;
  if (event.time.has_value()) json["time"] = FormatRfc3339(*event.time);
  if (!event.content_type.empty()) json["datacontenttype"] = event.content_type;
  json["data"] = event.data;
  for (const auto& [name, value] : event.attributes) json[name] = value;
  return json;
}

}  // namespace

std::string FormatDeadLetters(const std::vector<DeadLetter>& letters, bool color) {
  Table table(
      {{"PLACE"}, {"TYPE"}, {"KEY"}, {"ATTEMPTS", Table::Align::kRight}, {"SINCE"}, {"REASON"}});
  for (const DeadLetter& letter : letters) {
    table.AddRow({PlaceOf(letter.id), TypeOf(letter), KeyOf(letter), absl::StrCat(letter.attempts),
                  FormatRfc3339(absl::FromUnixSeconds(absl::ToUnixSeconds(letter.dead_time))),
                  OrDash(letter.reason)});
  }
  return table.Format(color);
}

std::string FormatDeadLetter(const DeadLetter& letter, bool color) {
  std::vector<std::pair<std::string, std::string>> fields = {
      {"place", PlaceOf(letter.id)},
      {"reason", OrDash(letter.reason)},
      {"attempts", absl::StrCat(letter.attempts)},
      {"last client", OrDash(letter.last_client)},
      {"first delivery", FormatRfc3339(letter.first_time)},
      {"given up", FormatRfc3339(letter.dead_time)}};
  if (!letter.event.has_value()) {
    fields.emplace_back("event", "can no longer be read");
    return FormatFields(fields, color);
  }
  fields.emplace_back("type", letter.event->type);
  fields.emplace_back("key", OrDash(letter.event->key));
  fields.emplace_back("id", OrDash(letter.event->id));
  fields.emplace_back("data", letter.event->data);
  return FormatFields(fields, color);
}

Json DeadLettersToJson(const std::vector<DeadLetter>& letters) {
  Json json = Json::array();
  for (const DeadLetter& letter : letters) {
    json.push_back({{"topic", letter.id.topic},
                    {"partition", letter.id.partition},
                    {"offset", letter.id.offset},
                    {"reason", letter.reason},
                    {"attempts", letter.attempts},
                    {"last_client", letter.last_client},
                    {"first_time", FormatRfc3339(letter.first_time)},
                    {"dead_time", FormatRfc3339(letter.dead_time)},
                    {"event", EventToJson(letter)}});
  }
  return json;
}

}  // namespace tidemark::cli
