// The protobuf wire format, as much of it as events and batches need.
//
// Why by hand: a generated Event costs eight allocations; here reading gives views and writing
// fills a buffer that gRPC then sends without another copy.
//
// Threads. Plain values.
// Failure. A WireReader that meets malformed bytes answers false and stays where it is.
#ifndef TIDEMARK_CLIENT_SRC_WIRE_H_
#define TIDEMARK_CLIENT_SRC_WIRE_H_

#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace tidemark::internal {

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

constexpr uint32_t MakeTag(uint32_t field, WireType type) { return field << 3 | type; }

class WireReader {
 public:
  explicit WireReader(absl::string_view bytes)
      : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool done() const { return next_ == end_; }
  const char* position() const { return next_; }

  bool Varint(uint64_t* value) {
    const char* p = next_;
    uint64_t result = 0;
    for (int shift = 0; shift < 64 && p < end_; shift += 7) {
      const uint64_t byte = static_cast<unsigned char>(*p++);
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        *value = result;
        next_ = p;
        return true;
      }
    }
    return false;
  }

  bool Tag(uint32_t* tag) {
    uint64_t value;
    if (!Varint(&value) || value > UINT32_MAX || value >> 3 == 0) return false;
    *tag = static_cast<uint32_t>(value);
    return true;
  }

  bool Bytes(absl::string_view* bytes) {
    const char* const before = next_;
    uint64_t size;
    if (!Varint(&size) || size > static_cast<uint64_t>(end_ - next_)) {
      next_ = before;
      return false;
    }
    *bytes = absl::string_view(next_, size);
    next_ += size;
    return true;
  }

  bool Fixed32(uint32_t* value) {
    if (end_ - next_ < 4) return false;
    const auto* p = reinterpret_cast<const unsigned char*>(next_);
    *value = uint32_t{p[0]} | uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24;
    next_ += 4;
    return true;
  }

  // Passes the value behind `tag`.
  bool Skip(uint32_t tag) {
    uint64_t ignored;
    absl::string_view bytes;
    switch (tag & 7) {
      case kVarint:
        return Varint(&ignored);
      case kLengthDelimited:
        return Bytes(&bytes);
      case kFixed64:
        return Advance(8);
      case kFixed32:
        return Advance(4);
      default:
        return false;  // Groups: not in any message of ours.
    }
  }

 private:
  bool Advance(std::ptrdiff_t size) {
    if (end_ - next_ < size) return false;
    next_ += size;
    return true;
  }

  const char* next_;
  const char* end_;
};

inline size_t VarintSize(uint64_t value) {
  return (static_cast<size_t>(63 - __builtin_clzll(value | 1)) * 9 + 73) / 64;
}

// The size of a string, bytes or message field; `tag` below 128.
inline size_t BytesFieldSize(size_t size) { return 1 + VarintSize(size) + size; }

inline char* PutVarint(char* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

inline char* PutBytes(char* out, uint32_t tag, absl::string_view bytes) {
  *out++ = static_cast<char>(tag);
  out = PutVarint(out, bytes.size());
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_WIRE_H_
