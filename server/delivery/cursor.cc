#include "server/delivery/cursor.h"

#include <cstring>

#include "absl/strings/escaping.h"
#include "server/base/crc32c.h"
#include "server/base/error.h"
#include "server/log/wire.h"

namespace tidemark::delivery {
namespace {

// The cursor is a small message in wire format: 1 = topic id, 5 = 1 if backward, then for each
// partition 2 = partition, 3 = next offset and, backward, 6 = oldest offset, and at the end
// 4 = checksum (fixed32) of all before it.
constexpr uint32_t kTopicField = 1;
constexpr uint32_t kPartitionField = 2;
constexpr uint32_t kOffsetField = 3;
constexpr char kChecksumTag = (4 << 3) | 5;
constexpr uint32_t kBackwardField = 5;
constexpr uint32_t kOldestField = 6;
constexpr size_t kChecksumBytes = 1 + sizeof(uint32_t);

void AppendNumber(std::string& out, uint32_t field, uint64_t value) {
  log::AppendVarint(out, static_cast<uint64_t>(field) << 3);
  log::AppendVarint(out, value);
}

absl::Status NotACursor() {
  return InvalidField(
      "start.after_cursor",
      "is not a cursor of this server. Use one from CaughtUp, Checkpoint or Draining",
      "INVALID_CURSOR");
}

}  // namespace

std::string EncodeCursor(const Cursor& cursor) {
  std::string bytes;
  AppendNumber(bytes, kTopicField, cursor.topic.value());
  const bool backward = cursor.direction == log::Direction::kBackward;
  if (backward) AppendNumber(bytes, kBackwardField, 1);
  for (const Cursor::Place& place : cursor.places) {
    AppendNumber(bytes, kPartitionField, place.partition.value());
    AppendNumber(bytes, kOffsetField, place.next.value());
    if (backward) AppendNumber(bytes, kOldestField, place.oldest.value());
  }
  const uint32_t checksum = base::Crc32c(bytes);
  bytes.push_back(kChecksumTag);
  bytes.append(reinterpret_cast<const char*>(&checksum), sizeof(checksum));
  return absl::WebSafeBase64Escape(bytes);
}

absl::StatusOr<Cursor> DecodeCursor(absl::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes) || bytes.size() < kChecksumBytes) {
    return NotACursor();
  }
  const absl::string_view checked(bytes.data(), bytes.size() - kChecksumBytes);
  uint32_t checksum = 0;
  std::memcpy(&checksum, checked.data() + checked.size() + 1, sizeof(checksum));
  if (bytes[checked.size()] != kChecksumTag || base::Crc32c(checked) != checksum) {
    return NotACursor();
  }
  Cursor cursor;
  log::WireReader reader(checked);
  log::WireField field;
  while (reader.Next(field)) {
    switch (field.number) {
      case kTopicField:
        cursor.topic = TopicId(field.number_value);
        break;
      case kBackwardField:
        cursor.direction = log::Direction::kBackward;
        break;
      case kPartitionField:
        cursor.places.push_back(
            {.partition = PartitionIndex(static_cast<uint32_t>(field.number_value))});
        break;
      case kOffsetField:
      case kOldestField: {
        if (cursor.places.empty()) return NotACursor();
        Cursor::Place& place = cursor.places.back();
        (field.number == kOffsetField ? place.next : place.oldest) = Offset(field.number_value);
        break;
      }
      default:
        break;  // Of a later version.
    }
  }
  if (!reader.ok()) return NotACursor();
  return cursor;
}

}  // namespace tidemark::delivery
