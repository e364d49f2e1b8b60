#include "server/rpc/frame_guard.h"

#include <algorithm>

namespace tidemark::rpc {
namespace {

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
  Violation found = Violation::kNone;
  received_.Walk(bytes, [&](const FrameHead& head, size_t end) {
    found = Begin(head, end, now_nanos);
    return found == Violation::kNone;
  });
  return found;
}

Violation FrameGuard::Begin(const FrameHead& head, size_t end, int64_t now_nanos) {
  switch (head.type) {
    case FrameType::kData:
      if (head.Has(FrameHead::kEndStream)) {
        Finish(head.stream);
        return Violation::kNone;
      }
      return head.payload_bytes == 0 ? Idle(now_nanos) : Violation::kNone;
    case FrameType::kHeaders:
      return BeginHeaders(head, now_nanos);
    case FrameType::kContinuation:
      return AddHeaderBytes(head.payload_bytes, head.flags, now_nanos);
    case FrameType::kReset:
      if (announced_ != nullptr) announced_->Reset(head.stream, now_nanos);
      return Reset(head.stream, now_nanos);
    case FrameType::kSettings:
      if (head.Has(FrameHead::kAck)) Acknowledge(end);
      return Idle(now_nanos);
    case FrameType::kWindowUpdate:  // Readers send many; they cost little.
      return Violation::kNone;
    default:
      return Idle(now_nanos);
  }
}

void FrameGuard::Acknowledge(size_t end) {
  confirmed_ = true;
  if (announced_ == nullptr || !announced_->Acknowledged()) return;
  // One that came in two pieces is partly gone to gRPC, and goes there as a whole.
  if (end >= FrameHead::kBytes) our_frame_ = end - FrameHead::kBytes;
}

Violation FrameGuard::BeginHeaders(const FrameHead& head, int64_t now_nanos) {
  header_block_bytes_ = head.payload_bytes;
  if (head.payload_bytes > limits_.header_block_bytes_max) return Violation::kHeaderBytes;
  if (head.stream > newest_stream_) {
    newest_stream_ = head.stream;
    ++opened_;
    if (!confirmed_ && opened_ > std::min(limits_.streams_max, limits_.unconfirmed_streams_max)) {
      return Violation::kStreams;
    }
    if (announced_ != nullptr) announced_->Opened(head.stream, now_nanos);
    if (!head.Has(FrameHead::kEndStream)) return Open(head.stream);
  } else if (head.Has(FrameHead::kEndStream)) {
    Finish(head.stream);
  }
  return Violation::kNone;
}

Violation FrameGuard::AddHeaderBytes(uint64_t bytes, uint8_t flags, int64_t now_nanos) {
  header_block_bytes_ += bytes;
  if (header_block_bytes_ > limits_.header_block_bytes_max) return Violation::kHeaderBytes;
  return (flags & FrameHead::kEndHeaders) != 0 ? Violation::kNone : Idle(now_nanos);
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
