#include "server/rpc/frame_guard.h"

#include <algorithm>
#include <cstring>

namespace tidemark::rpc {
namespace {

enum class FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kWindowUpdate = 8,
  kContinuation = 9,
};
constexpr uint8_t kFlagEndStream = 0x1;
constexpr uint8_t kFlagAck = 0x1;
constexpr uint8_t kFlagEndHeaders = 0x4;

// A call that is reset sooner was not made to be answered.
constexpr int64_t kRapidNanos = 10'000'000;

}  // namespace

absl::string_view NameOf(Violation violation) {
  switch (violation) {
    case Violation::kNone:
      return "none";
    case Violation::kStreams:
      return "streams";
    case Violation::kUnfinishedRequests:
      return "unfinished_requests";
    case Violation::kHeaderBytes:
      return "header_bytes";
    case Violation::kResets:
      return "resets";
    case Violation::kIdleFrames:
      return "idle_frames";
  }
  return "";
}

bool Allowance::Take(int64_t now_nanos) {
  // `used_` falls with time; what is less than one stays in since_nanos_.
  const int64_t back = (now_nanos - since_nanos_) / (1'000'000'000 / per_second_);
  if (back >= used_) {
    used_ = 0;
    since_nanos_ = now_nanos;
  } else {
    used_ -= back;
    since_nanos_ += back * (1'000'000'000 / per_second_);
  }
  if (used_ >= burst_) return false;
  ++used_;
  return true;
}

FrameGuard::~FrameGuard() {
  unfinished_total_.fetch_sub(static_cast<int64_t>(unfinished_.size()), std::memory_order_relaxed);
}

Violation FrameGuard::Look(absl::string_view bytes, int64_t now_nanos) {
  if (now_nanos - settling_since_nanos_ > kRapidNanos) {
    settled_stream_ = settling_stream_;
    settling_stream_ = newest_stream_;
    settling_since_nanos_ = now_nanos;
  }
  while (true) {
    const uint64_t skipped = std::min<uint64_t>(skip_, bytes.size());
    skip_ -= skipped;
    bytes.remove_prefix(skipped);
    if (bytes.empty()) return Violation::kNone;
    const uint64_t taken = std::min<uint64_t>(kHeadBytes - head_bytes_, bytes.size());
    std::memcpy(head_ + head_bytes_, bytes.data(), taken);
    head_bytes_ += taken;
    bytes.remove_prefix(taken);
    if (head_bytes_ < kHeadBytes) return Violation::kNone;
    head_bytes_ = 0;
    if (const Violation found = Begin(now_nanos); found != Violation::kNone) return found;
  }
}

Violation FrameGuard::Begin(int64_t now_nanos) {
  skip_ = static_cast<uint64_t>(head_[0]) << 16 | static_cast<uint64_t>(head_[1]) << 8 | head_[2];
  const uint8_t flags = head_[4];
  const uint32_t stream =
      (static_cast<uint32_t>(head_[5]) << 24 | static_cast<uint32_t>(head_[6]) << 16 |
       static_cast<uint32_t>(head_[7]) << 8 | head_[8]) &
      0x7fffffff;
  switch (static_cast<FrameType>(head_[3])) {
    case FrameType::kData:
      if ((flags & kFlagEndStream) != 0) {
        Finish(stream);
        return Violation::kNone;
      }
      return skip_ == 0 ? Idle(now_nanos) : Violation::kNone;
    case FrameType::kHeaders:
      return BeginHeaders(stream, skip_, flags);
    case FrameType::kContinuation:
      return AddHeaderBytes(skip_, flags, now_nanos);
    case FrameType::kReset:
      return Reset(stream, now_nanos);
    case FrameType::kSettings:
      if ((flags & kFlagAck) != 0) confirmed_ = true;
      return Idle(now_nanos);
    case FrameType::kWindowUpdate:  // Readers send many; they cost little.
      return Violation::kNone;
    default:
      return Idle(now_nanos);
  }
}

Violation FrameGuard::BeginHeaders(uint32_t stream, uint64_t bytes, uint8_t flags) {
  header_block_bytes_ = bytes;
  if (bytes > limits_.header_block_bytes_max) return Violation::kHeaderBytes;
  if (stream > newest_stream_) {
    newest_stream_ = stream;
    ++opened_;
    if (!confirmed_ && opened_ > std::min(limits_.streams_max, limits_.unconfirmed_streams_max)) {
      return Violation::kStreams;
    }
    if ((flags & kFlagEndStream) == 0) return Open(stream);
  } else if ((flags & kFlagEndStream) != 0) {
    Finish(stream);
  }
  return Violation::kNone;
}

Violation FrameGuard::AddHeaderBytes(uint64_t bytes, uint8_t flags, int64_t now_nanos) {
  header_block_bytes_ += bytes;
  if (header_block_bytes_ > limits_.header_block_bytes_max) return Violation::kHeaderBytes;
  return (flags & kFlagEndHeaders) != 0 ? Violation::kNone : Idle(now_nanos);
}

Violation FrameGuard::Reset(uint32_t stream, int64_t now_nanos) {
  Finish(stream);
  if (stream <= settled_stream_) return Violation::kNone;
  return resets_.Take(now_nanos) ? Violation::kNone : Violation::kResets;
}

Violation FrameGuard::Open(uint32_t stream) {
  unfinished_.insert(stream);
  const int64_t total = unfinished_total_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (unfinished_.size() > limits_.streams_max) return Violation::kStreams;
  return total > limits_.unfinished_total_max ? Violation::kUnfinishedRequests : Violation::kNone;
}

void FrameGuard::Finish(uint32_t stream) {
  if (unfinished_.erase(stream) == 0) return;
  unfinished_total_.fetch_sub(1, std::memory_order_relaxed);
}

Violation FrameGuard::Idle(int64_t now_nanos) {
  return idle_.Take(now_nanos) ? Violation::kNone : Violation::kIdleFrames;
}

}  // namespace tidemark::rpc
