// Protobuf's wire format, as far as the log has to look into what it stores.
//
// Threads. Plain functions on the caller's bytes; nothing is copied.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace tidemark::log {

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// One field of a message.
struct WireField {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t number_value = 0;  // kVarint, kFixed64, kFixed32.
  absl::string_view bytes;    // kBytes: the content.
  absl::string_view whole;    // Tag, length and content.
};

// Walks the fields of a message. Usage:
//   WireReader reader(message);
//   WireField field;
//   while (reader.Next(field)) ...
//   if (!reader.ok()) it was malformed: a cut field, a bad tag, a group.
// Refuses what Protobuf's own parsers refuse: tags and lengths of more than 5 bytes, too.
class WireReader {
 public:
  explicit WireReader(absl::string_view message)
      : p_(message.data()), end_(message.data() + message.size()) {}
  // False at the end, and where the message is malformed.
  bool Next(WireField& field);
  bool ok() const { return ok_; }

 private:
  friend uint64_t WireFieldBytes(absl::string_view head);
  // Nearly all tags and lengths are one byte.
  bool ReadVarint(int bytes_max, uint64_t& value) {
    if (p_ == end_ || static_cast<uint8_t>(*p_) >= 0x80) return ReadLongVarint(bytes_max, value);
    value = static_cast<uint8_t>(*p_++);
    return true;
  }
  bool ReadLongVarint(int bytes_max, uint64_t& value);

  const char* p_;
  const char* end_;
  bool ok_ = true;
};

// No tag with a number or a length is longer.
inline constexpr uint64_t kWireHeadBytesMax = 16;
// How long the field is that begins with `head`: its first kWireHeadBytesMax bytes, or all that is
// left of the message. 0: it is malformed.
uint64_t WireFieldBytes(absl::string_view head);

void AppendVarint(std::string& out, uint64_t value);
// Appends the tag and length that precede `size` bytes of content.
void AppendBytesHeader(std::string& out, uint32_t field_number, uint64_t size);

}  // namespace tidemark::log
