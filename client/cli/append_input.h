// Lines of input as events: CloudEvents, or raw lines that become the data of one kind of event.
#ifndef TIDEMARK_CLIENT_CLI_APPEND_INPUT_H_
#define TIDEMARK_CLIENT_CLI_APPEND_INPUT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tidemark/event.h"

namespace tidemark::cli {

// How raw lines become events.
struct RawFormat {
  // Empty: lines are not raw, but CloudEvents.
  std::string type;
  std::string key;
  std::string source;
  // Empty: application/json for a line that is a JSON object or array, text/plain for other UTF-8,
  // application/octet-stream for the rest.
  std::string content_type;
};

// INVALID_ARGUMENT  the line is no event; the message says why.
absl::Status ParseLine(absl::string_view line, const RawFormat& raw, Event* event);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_APPEND_INPUT_H_
