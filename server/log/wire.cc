#include "server/log/wire.h"

#include <cstring>

namespace tidemark::log {
namespace {

constexpr int kTagBytesMax = 5;  // Also of lengths.
constexpr int kNumberBytesMax = 10;

}  // namespace

bool WireReader::ReadLongVarint(int bytes_max, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 7 * bytes_max && p_ != end_; shift += 7) {
    const auto byte = static_cast<uint8_t>(*p_++);
    if (shift == 63 && byte > 1) break;  // More than 64 bits.
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  ok_ = false;
  return false;
}

bool WireReader::Next(WireField& field) {
  if (!ok_ || p_ == end_) return false;
  const char* const begin = p_;
  uint64_t tag = 0;
  if (!ReadVarint(kTagBytesMax, tag)) return false;
  const uint64_t number = tag >> 3;
  ok_ = number >= 1 && number <= 0x1fffffff;
  if (!ok_) return false;
  field.number = static_cast<uint32_t>(number);
  field.type = static_cast<WireType>(tag & 7);
  const auto left = static_cast<uint64_t>(end_ - p_);
  switch (field.type) {
    case WireType::kVarint:
      if (!ReadVarint(kNumberBytesMax, field.number_value)) return false;
      break;
    case WireType::kFixed64:
      ok_ = left >= 8;
      if (!ok_) return false;
      std::memcpy(&field.number_value, p_, 8);
      p_ += 8;
      break;
    case WireType::kFixed32: {
      ok_ = left >= 4;
      if (!ok_) return false;
      uint32_t value = 0;
      std::memcpy(&value, p_, 4);
      field.number_value = value;
      p_ += 4;
      break;
    }
    case WireType::kBytes: {
      uint64_t size = 0;
      if (!ReadVarint(kTagBytesMax, size)) return false;
      ok_ = size <= static_cast<uint64_t>(end_ - p_);
      if (!ok_) return false;
      field.bytes = absl::string_view(p_, size);
      p_ += size;
      break;
    }
    default:  // Groups were never part of proto3.
      ok_ = false;
      return false;
  }
  field.whole = absl::string_view(begin, p_ - begin);
  return true;
}

uint64_t WireFieldBytes(absl::string_view head) {
  WireReader whole(head);
  WireField field;
  if (whole.Next(field)) return field.whole.size();
  // Only a field with a content may be longer than its head.
  WireReader reader(head);
  uint64_t tag = 0;
  uint64_t size = 0;
  if (!reader.ReadVarint(kTagBytesMax, tag) || !reader.ReadVarint(kTagBytesMax, size)) return 0;
  const uint64_t number = tag >> 3;
  const bool has_content = (tag & 7) == static_cast<uint64_t>(WireType::kBytes);
  if (number < 1 || number > 0x1fffffff || !has_content) return 0;
  return static_cast<uint64_t>(reader.p_ - head.data()) + size;
}

void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void AppendBytesHeader(std::string& out, uint32_t field_number, uint64_t size) {
  AppendVarint(
      out, (static_cast<uint64_t>(field_number) << 3) | static_cast<uint64_t>(WireType::kBytes));
  AppendVarint(out, size);
}

}  // namespace tidemark::log
