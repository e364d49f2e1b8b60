#include "client/cli/utf8.h"

#include <cstdint>

namespace tidemark::cli {
namespace {

CodePoint Invalid(unsigned char byte) { return {.value = byte, .bytes = 1, .valid = false}; }

// The smallest value that needs a sequence of this many bytes; below it the sequence is overlong.
constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};

size_t ColumnsOf(char32_t c) {
  const bool combining = (c >= 0x0300 && c <= 0x036f) || (c >= 0x1ab0 && c <= 0x1aff) ||
                         (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f) ||
                         c == 0x200b || c == 0x200d;
  if (combining) return 0;
  const bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
                    (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
                    (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
                    (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
                    (c >= 0x20000 && c <= 0x3fffd);
  return wide ? 2 : 1;
}

}  // namespace

CodePoint DecodeFirst(absl::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {.value = first, .bytes = 1, .valid = true};
  size_t bytes = 0;
  char32_t value = 0;
  if ((first & 0xe0) == 0xc0) {
    bytes = 2;
    value = first & 0x1f;
  } else if ((first & 0xf0) == 0xe0) {
    bytes = 3;
    value = first & 0x0f;
  } else if ((first & 0xf8) == 0xf0) {
    bytes = 4;
    value = first & 0x07;
  } else {
    return Invalid(first);
  }
  if (text.size() < bytes) return Invalid(first);
  for (size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return Invalid(first);
    value = (value << 6) | (next & 0x3f);
  }
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kSmallest[bytes] || surrogate || value > 0x10ffff) return Invalid(first);
  return {.value = value, .bytes = bytes, .valid = true};
}

bool IsValidUtf8(absl::string_view text) {
  while (!text.empty()) {
    const CodePoint c = DecodeFirst(text);
    if (!c.valid) return false;
    text.remove_prefix(c.bytes);
  }
  return true;
}

bool IsPlainText(absl::string_view text) {
  while (!text.empty()) {
    const CodePoint c = DecodeFirst(text);
    if (!c.valid || IsControl(c.value)) return false;
    text.remove_prefix(c.bytes);
  }
  return true;
}

size_t DisplayWidth(absl::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const CodePoint c = DecodeFirst(text);
    columns += c.valid ? ColumnsOf(c.value) : 1;
    text.remove_prefix(c.bytes);
  }
  return columns;
}

}  // namespace tidemark::cli
