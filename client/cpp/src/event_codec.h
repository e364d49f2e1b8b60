// Events to and from the wire format of tidemark.v1.Event.
//
// Threads. Pure functions.
#ifndef TIDEMARK_CLIENT_SRC_EVENT_CODEC_H_
#define TIDEMARK_CLIENT_SRC_EVENT_CODEC_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tidemark/event.h"

namespace tidemark::internal {

// The tag of `repeated Event events = 2`, in AppendRequest as in EventBatch.
constexpr char kEventsTag = 0x12;

// The encoded size of an event, without tag and length.
size_t EncodedSize(const Event& event);

// Writes EncodedSize(event) bytes; returns one past the last.
char* EncodeEvent(const Event& event, char* out);

// Reads an encoded event into views of it. False: malformed.
bool DecodeEvent(absl::string_view encoded, EventView* event);

// Whether DecodeEvent and the attributes would succeed; cheaper, as it fills nothing in.
bool IsWellFormedEvent(absl::string_view encoded);

// Reads a google.protobuf.Timestamp. False: malformed.
bool DecodeTimestamp(absl::string_view encoded, absl::Time* time);

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_EVENT_CODEC_H_
