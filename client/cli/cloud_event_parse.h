// CloudEvents 1.0 in the JSON format, structured mode: one line of text to one event.
//
// What becomes of the members:
//   specversion        optional here; "1.0" if there
//   type               required
//   id, source, subject, time, datacontenttype   Event.id, source, key, time, content_type
//   data               any JSON value. Its text is stored as it stands in the line, so that digits
//                      and the order of members survive; but a string under a content type that is
//                      not JSON is stored as its characters ("text/plain": hello, no quotes)
//   data_base64        the bytes; not together with data
//   tidemarkpartition, tidemarkoffset, tidemarkappendtime   dropped: they say where an event was
//                      read, so that what `tidemark read` prints can be appended again
//   any other          an extension attribute: text, number or boolean, kept as text; null: absent
// A content type is "application/json" if there is `data` and no datacontenttype.
#ifndef TIDEMARK_CLIENT_CLI_CLOUD_EVENT_PARSE_H_
#define TIDEMARK_CLIENT_CLI_CLOUD_EVENT_PARSE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tidemark/event.h"

namespace tidemark::cli {

// Names of the members that tell where an event is stored.
inline constexpr absl::string_view kPartitionAttribute = "tidemarkpartition";
inline constexpr absl::string_view kOffsetAttribute = "tidemarkoffset";
inline constexpr absl::string_view kAppendTimeAttribute = "tidemarkappendtime";

// Sets `event` to what `line` says.
// INVALID_ARGUMENT  the line is not JSON or not an event; the message says where and why. `event`
//                   is then unspecified.
absl::Status ParseCloudEvent(absl::string_view line, Event* event);

// True if `name` is a member of the CloudEvents format itself, or one of ours, and so no extension.
bool IsReservedMember(absl::string_view name);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_CLOUD_EVENT_PARSE_H_
