#include "server/base/utf8.h"

#include <cstdint>
#include <cstring>

namespace tidemark::base {
namespace {

inline bool IsContinuation(uint8_t byte) { return (byte & 0xc0) == 0x80; }

// The length of the sequence that begins at `i`, or 0 if it is not well-formed.
size_t SequenceBytes(absl::string_view text, size_t i) {
  const auto at = [text](size_t j) { return static_cast<uint8_t>(text[j]); };
  const uint8_t lead = at(i);
  const size_t left = text.size() - i;
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return left >= 2 && IsContinuation(at(i + 1)) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (left < 3 || !IsContinuation(at(i + 1)) || !IsContinuation(at(i + 2))) return 0;
    if (lead == 0xe0 && at(i + 1) < 0xa0) return 0;   // Overlong.
    if (lead == 0xed && at(i + 1) >= 0xa0) return 0;  // Surrogate.
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (left < 4 || !IsContinuation(at(i + 1)) || !IsContinuation(at(i + 2)) ||
        !IsContinuation(at(i + 3))) {
      return 0;
    }
    if (lead == 0xf0 && at(i + 1) < 0x90) return 0;   // Overlong.
    if (lead == 0xf4 && at(i + 1) >= 0x90) return 0;  // Above U+10FFFF.
    return 4;
  }
  return 0;
}

// True if the eight bytes are ASCII and none is a control character. May say false of a space that
// follows one; the caller looks again, byte by byte.
bool AllPrintable(const char* bytes) {
  constexpr uint64_t kEach = 0x0101010101010101;
  uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  // The top bit of a byte is set by: itself; less than 0x20; 0x7f.
  return ((word | (word - 0x20 * kEach) | (word + kEach)) & (0x80 * kEach)) == 0;
}

template <bool kAllowControl>
bool Check(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    if (text.size() - i >= 8 && AllPrintable(text.data() + i)) {
      i += 8;
      continue;
    }
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte < 0x80) {
      if (!kAllowControl && (byte < 0x20 || byte == 0x7f)) return false;
      ++i;
      continue;
    }
    const size_t bytes = SequenceBytes(text, i);
    if (bytes == 0) return false;
    i += bytes;
  }
  return true;
}

}  // namespace

bool IsUtf8(absl::string_view text) { return Check<true>(text); }
bool IsPlainText(absl::string_view text) { return Check<false>(text); }

}  // namespace tidemark::base
