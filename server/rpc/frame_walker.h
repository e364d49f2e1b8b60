// FrameWalker: finds the headers of HTTP/2 frames in bytes that come in pieces of any size.
// Payloads are skipped where they lie.
//
// Threads. One at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace tidemark::rpc {

enum class FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kWindowUpdate = 8,
  kContinuation = 9,
};

struct FrameHead {
  static constexpr size_t kBytes = 9;
  static constexpr uint8_t kEndStream = 0x1;   // Of data and headers.
  static constexpr uint8_t kAck = 0x1;         // Of settings.
  static constexpr uint8_t kEndHeaders = 0x4;  // Of headers and continuations.

  uint64_t payload_bytes;
  FrameType type;
  uint8_t flags;
  uint32_t stream;

  bool Has(uint8_t flag) const { return (flags & flag) != 0; }
};

class FrameWalker {
 public:
  // `before_bytes` come before the first frame: a client's preface.
  explicit FrameWalker(uint64_t before_bytes) : skip_(before_bytes) {}

  // Calls on_frame(head, end) for each header that `bytes` complete, which ends at bytes[end];
  // stops when that answers false, after which the walker is of no further use.
  template <typename OnFrame>
  void Walk(absl::string_view bytes, OnFrame on_frame) {
    size_t at = 0;
    while (true) {
      const uint64_t skipped = std::min<uint64_t>(skip_, bytes.size() - at);
      skip_ -= skipped;
      at += skipped;
      if (at == bytes.size()) return;
      const size_t taken = std::min(FrameHead::kBytes - head_bytes_, bytes.size() - at);
      std::memcpy(head_ + head_bytes_, bytes.data() + at, taken);
      head_bytes_ += taken;
      at += taken;
      if (head_bytes_ < FrameHead::kBytes) return;
      head_bytes_ = 0;
      const FrameHead head = Decode();
      skip_ = head.payload_bytes;
      if (!on_frame(head, at)) return;
    }
  }

  // All that came were whole frames.
  bool between_frames() const { return skip_ == 0 && head_bytes_ == 0; }

 private:
  FrameHead Decode() const {
    return {
        .payload_bytes =
            static_cast<uint64_t>(head_[0]) << 16 | static_cast<uint64_t>(head_[1]) << 8 | head_[2],
        .type = static_cast<FrameType>(head_[3]),
        .flags = head_[4],
        .stream = (static_cast<uint32_t>(head_[5]) << 24 | static_cast<uint32_t>(head_[6]) << 16 |
                   static_cast<uint32_t>(head_[7]) << 8 | head_[8]) &
                  0x7fffffff};
  }

  uint64_t skip_;  // Bytes before the next frame's header.
  uint8_t head_[FrameHead::kBytes] = {};
  size_t head_bytes_ = 0;
};

}  // namespace tidemark::rpc
