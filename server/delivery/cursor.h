// Cursors: where a stream is in a topic, as an opaque text that a client hands back.
//
// The text is base64url of: version, topic id, then partition and next offset of each partition the
// stream reads, and a CRC-32C, so that a damaged or invented text is refused.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/ids.h"

namespace tidemark::delivery {

struct Cursor {
  TopicId topic;
  std::vector<std::pair<PartitionIndex, Offset>> next;  // By partition.
};

std::string EncodeCursor(const Cursor& cursor);
// INVALID_ARGUMENT  `text` is no cursor of ours.
absl::StatusOr<Cursor> DecodeCursor(absl::string_view text);

}  // namespace tidemark::delivery
