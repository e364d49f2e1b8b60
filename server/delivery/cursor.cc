#include "server/delivery/cursor.h"

#include <cstring>

#include "absl/strings/escaping.h"
#include "server/base/crc32c.h"
#include "server/base/error.h"
#include "server/log/wire.h"

namespace tidemark::delivery {
namespace {

// The cursor is a small message in wire format: 1 = topic id, then pairs of 2 = partition and
// 3 = offset, and at the end 4 = checksum (fixed32) of all before it.
constexpr uint32_t kTopicField = 1;
constexpr uint32_t kPartitionField = 2;
constexpr uint32_t kOffsetField = 3;
constexpr char kChecksumTag = (4 << 3) | 5;
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
  for (const auto& [partition, offset] : cursor.next) {
    AppendNumber(bytes, kPartitionField, partition.value());
    AppendNumber(bytes, kOffsetField, offset.value());
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
    if (field.number == kTopicField) cursor.topic = TopicId(field.number_value);
    if (field.number == kPartitionField) {
      cursor.next.emplace_back(PartitionIndex(static_cast<uint32_t>(field.number_value)),
                               Offset(0));
    }
    if (field.number == kOffsetField) {
      if (cursor.next.empty()) return NotACursor();
      cursor.next.back().second = Offset(field.number_value);
    }
  }
  if (!reader.ok()) return NotACursor();
  return cursor;
}

}  // namespace tidemark::delivery
