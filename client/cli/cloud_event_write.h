// Events as CloudEvents 1.0 in the JSON format, structured mode: one event to one line of text.
#ifndef TIDEMARK_CLIENT_CLI_CLOUD_EVENT_WRITE_H_
#define TIDEMARK_CLIENT_CLI_CLOUD_EVENT_WRITE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "tidemark/event.h"

namespace tidemark::cli {

// Appends `event` to `out` as one JSON object without a line end.
//
// Data goes out as a JSON value when the content type is JSON and the bytes are valid JSON, as a
// string when it is text and valid UTF-8, and as data_base64 otherwise; so no byte is lost.
// CloudEvents requires `id` and `source`: without an id it is "TOPIC/PARTITION/OFFSET", without a
// source "tidemark:TOPIC". Attributes that carry the name of a member of the format are left out.
// `append_time` is received.append_time as text: the events of a batch share it.
void AppendCloudEvent(const ReceivedEvent& received, absl::string_view append_time,
                      std::string* out);

// Appends `text` as a JSON string. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(absl::string_view text, std::string* out);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_CLOUD_EVENT_WRITE_H_
