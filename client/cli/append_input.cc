#include "client/cli/append_input.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "client/cli/cloud_event_parse.h"
#include "client/cli/utf8.h"

namespace tidemark::cli {
namespace {

std::string GuessContentType(absl::string_view line) {
  const absl::string_view text = absl::StripLeadingAsciiWhitespace(line);
  const bool may_be_json = !text.empty() && (text[0] == '{' || text[0] == '[');
  if (may_be_json && nlohmann::json::accept(line.begin(), line.end())) return "application/json";
  return IsValidUtf8(line) ? "text/plain" : "application/octet-stream";
}

}  // namespace

absl::Status ParseLine(absl::string_view line, const RawFormat& raw, Event* event) {
  if (raw.type.empty()) return ParseCloudEvent(line, event);
  *event = Event();
  event->type = raw.type;
  event->key = raw.key;
  event->source = raw.source;
  event->content_type = raw.content_type.empty() ? GuessContentType(line) : raw.content_type;
  event->data.assign(line.data(), line.size());
  return absl::OkStatus();
}

}  // namespace tidemark::cli
