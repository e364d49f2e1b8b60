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

}  // namespace tidemark::storage
