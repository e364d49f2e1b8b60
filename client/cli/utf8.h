// UTF-8, one code point at a time.
#ifndef TIDEMARK_CLIENT_CLI_UTF8_H_
#define TIDEMARK_CLIENT_CLI_UTF8_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace tidemark::cli {

struct CodePoint {
  // The value, or, when `valid` is false, the offending byte.
  char32_t value = 0;
  // Bytes it takes, 1 to 4; 1 when it is not valid.
  size_t bytes = 1;
  // False: the byte does not begin a well-formed sequence (overlong, surrogate, cut off, ...).
  bool valid = false;
};

// Decodes the first code point of `text`, which must not be empty.
CodePoint DecodeFirst(absl::string_view text);

bool IsValidUtf8(absl::string_view text);

// True for C0, DEL and C1, which steer a terminal instead of showing something.
constexpr bool IsControl(char32_t c) { return c < 0x20 || (c >= 0x7f && c <= 0x9f); }

// True for characters that change the direction or the order in which others are shown.
constexpr bool IsBidiControl(char32_t c) {
  return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

// True for valid UTF-8 without control characters: what the server accepts as a text field.
bool IsPlainText(absl::string_view text);

// Columns the text takes on a terminal; wide East Asian characters and emoji count as two,
// combining marks as none.
size_t DisplayWidth(absl::string_view text);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_UTF8_H_
