#include "client/cli/cloud_event_write.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/cli/cloud_event_parse.h"
#include "client/cli/content_type.h"
#include "client/cli/time_text.h"
#include "client/cli/utf8.h"

namespace tidemark::cli {
namespace {

// True if the text is a JSON string when quotes are put around it.
bool NeedsNoEscape(absl::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) return false;  // Also bytes from 0x80 on.
  }
  return true;
}

void AppendMember(absl::string_view name, absl::string_view value, std::string* out) {
  absl::StrAppend(out, ",\"", name, "\":");
  AppendJsonString(value, out);
}

void AppendAttributes(const EventView& event, std::string* out) {
  auto attributes = event.Attributes();
  // They come in any order; the same event must always give the same line.
  std::sort(attributes.begin(), attributes.end());
  for (const auto& [name, value] : attributes) {
    if (name.empty() || IsReservedMember(name)) continue;
    out->push_back(',');
    AppendJsonString(name, out);
    out->push_back(':');
    AppendJsonString(value, out);
  }
}

// A line may not have a line end in it. In valid JSON they stand only between values.
void AppendOnOneLine(absl::string_view json, std::string* out) {
  const size_t begin = out->size();
  out->append(json.data(), json.size());
  if (json.find_first_of("\r\n") == absl::string_view::npos) return;
  for (size_t i = begin; i < out->size(); ++i) {
    if ((*out)[i] == '\n' || (*out)[i] == '\r') (*out)[i] = ' ';
  }
}

void AppendData(const EventView& event, std::string* out) {
  const absl::string_view data = event.data;
  if (data.empty()) return;
  if (IsJsonContentType(event.content_type)) {
    if (nlohmann::json::accept(data.begin(), data.end())) {
      out->append(",\"data\":");
      AppendOnOneLine(data, out);
      return;
    }
  } else if (IsTextContentType(event.content_type) && IsValidUtf8(data)) {
    AppendMember("data", data, out);
    return;
  }
  absl::StrAppend(out, ",\"data_base64\":\"", absl::Base64Escape(data), "\"");
}

}  // namespace

void AppendJsonString(absl::string_view text, std::string* out) {
  if (NeedsNoEscape(text)) {
    absl::StrAppend(out, "\"", text, "\"");
    return;
  }
  const nlohmann::json value(std::string(text.data(), text.size()));
  out->append(
      value.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace));
}

void AppendCloudEvent(const ReceivedEvent& received, absl::string_view append_time,
                      std::string* out) {
  const EventView& event = received.event;
  out->append("{\"specversion\":\"1.0\"");
  if (event.id.empty()) {
    AppendMember("id", absl::StrCat(received.topic, "/", received.partition, "/", received.offset),
                 out);
  } else {
    AppendMember("id", event.id, out);
  }
  if (event.source.empty()) {
    AppendMember("source", absl::StrCat("tidemark:", received.topic), out);
  } else {
    AppendMember("source", event.source, out);
  }
  AppendMember("type", event.type, out);
  if (!event.key.empty()) AppendMember("subject", event.key, out);
  if (event.time.has_value()) {
    absl::StrAppend(out, ",\"time\":\"", FormatRfc3339(*event.time), "\"");
  }
  if (!event.content_type.empty()) AppendMember("datacontenttype", event.content_type, out);
  AppendAttributes(event, out);
  absl::StrAppend(out, ",\"", kPartitionAttribute, "\":", received.partition, ",\"",
                  kOffsetAttribute, "\":", received.offset);
  AppendMember(kAppendTimeAttribute, append_time, out);
  AppendData(event, out);
  out->push_back('}');
}

}  // namespace tidemark::cli
