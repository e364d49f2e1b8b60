// Fixed-width integers in bytes. Big-endian in keys, so that they sort as numbers; little-endian in
// values.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/base/internal/endian.h"
#include "absl/strings/string_view.h"

namespace tidemark::storage {

inline void AppendBig32(std::string& out, uint32_t value) {
  const uint32_t big = absl::big_endian::FromHost32(value);
  out.append(reinterpret_cast<const char*>(&big), sizeof(big));
}
inline void AppendBig64(std::string& out, uint64_t value) {
  const uint64_t big = absl::big_endian::FromHost64(value);
  out.append(reinterpret_cast<const char*>(&big), sizeof(big));
}
inline uint32_t LoadBig32(const char* p) { return absl::big_endian::Load32(p); }
inline uint64_t LoadBig64(const char* p) { return absl::big_endian::Load64(p); }

inline void AppendLittle32(std::string& out, uint32_t value) {
  const uint32_t little = absl::little_endian::FromHost32(value);
  out.append(reinterpret_cast<const char*>(&little), sizeof(little));
}
inline void AppendLittle64(std::string& out, uint64_t value) {
  const uint64_t little = absl::little_endian::FromHost64(value);
  out.append(reinterpret_cast<const char*>(&little), sizeof(little));
}
inline uint32_t LoadLittle32(const char* p) { return absl::little_endian::Load32(p); }
inline uint64_t LoadLittle64(const char* p) { return absl::little_endian::Load64(p); }

// Seven bits a byte, lowest first, the high bit set in all but the last.
inline void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}
// Takes a number off the front of `bytes`; false if there is none of at most 64 bits.
inline bool TakeVarint(absl::string_view& bytes, uint64_t& value) {
  value = 0;
  for (size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    if (i == 9 && byte > 1) return false;
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    bytes.remove_prefix(i + 1);
    return true;
  }
  return false;
}

}  // namespace tidemark::storage
