// Cursors: where a stream is in a topic, as an opaque text that a client hands back.
//
// The text is base64url of: topic id, direction, then partition and next offset of each partition
// the stream reads (backward also the oldest offset there was), and a CRC-32C, so that a damaged or
// invented text is refused.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/ids.h"
#include "server/log/direction.h"

namespace tidemark::delivery {

struct Cursor {
  struct Place {
    PartitionIndex partition;
    Offset next;  // As in FeedPartition.
    // Backward: the start offset when the first stream opened, so that what retention takes before
    // the last one ends is not passed over in silence.
    Offset oldest = Offset(0);
    friend bool operator==(const Place&, const Place&) = default;
  };
  TopicId topic;
  log::Direction direction = log::Direction::kForward;
  std::vector<Place> places;  // By partition.
};

std::string EncodeCursor(const Cursor& cursor);
// INVALID_ARGUMENT  `text` is no cursor of ours.
absl::StatusOr<Cursor> DecodeCursor(absl::string_view text);

}  // namespace tidemark::delivery
