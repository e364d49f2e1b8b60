#include "server/rpc/stream_limit.h"

#include <algorithm>

namespace tidemark::rpc {
namespace {

constexpr int64_t kSecondNanos = 1'000'000'000;

// SETTINGS_MAX_CONCURRENT_STREAMS, the only one in the frame.
std::string SettingsFrame(uint64_t streams) {
  std::string frame = {0, 0, 6, static_cast<char>(FrameType::kSettings), 0, 0, 0, 0, 0, 0, 3};
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(streams >> shift));
  return frame;
}

}  // namespace

StreamLimit::~StreamLimit() { pressure_.Change(-shorts_, shorts_ > 0 ? -1 : 0, 0, 0); }

void StreamLimit::Opened(uint32_t stream, int64_t now_nanos) {
  absl::MutexLock lock(&mu_);
  if (open_.try_emplace(stream).second) TellLocked({.shorts = 1}, now_nanos);
}

void StreamLimit::Reset(uint32_t stream, int64_t now_nanos) {
  absl::MutexLock lock(&mu_);
  Changes changes;
  EndLocked(stream, changes);
  TellLocked(changes, now_nanos);
}

void StreamLimit::Sent(absl::string_view bytes, int64_t now_nanos) {
  absl::MutexLock lock(&mu_);
  Changes changes;
  sent_.Walk(bytes, [&](const FrameHead& head, size_t) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    TakeSentLocked(head, changes);
    return true;
  });
  TellLocked(changes, now_nanos);
}

void StreamLimit::TakeSentLocked(const FrameHead& head, Changes& changes) {
  switch (head.type) {
    case FrameType::kReset:
      return EndLocked(head.stream, changes);
    case FrameType::kData:
    case FrameType::kHeaders:
      if (head.Has(FrameHead::kEndStream)) return EndLocked(head.stream, changes);
      if (const auto it = open_.find(head.stream); it != open_.end() && it->second.is_short) {
        it->second.is_short = false;
        --changes.shorts;
      }
      return;
    case FrameType::kSettings:
      if (!head.Has(FrameHead::kAck)) ++settings_sent_;
      return;
    default:
      return;
  }
}

void StreamLimit::EndLocked(uint32_t stream, Changes& changes) {
  const auto it = open_.find(stream);
  if (it == open_.end()) return;
  if (it->second.is_short) --changes.shorts;
  ++changes.ended;
  open_.erase(it);
}

void StreamLimit::CountEndedLocked(int64_t ended, int64_t now_nanos) {
  if (const int64_t passed = now_nanos - second_began_nanos_; passed > kSecondNanos) {
    ended_before_ = passed > 2 * kSecondNanos ? 0 : ended_now_;
    ended_now_ = 0;
    second_began_nanos_ = now_nanos;
  }
  ended_now_ += ended;
}

void StreamLimit::TellLocked(const Changes& changes, int64_t now_nanos) {
  CountEndedLocked(changes.ended, now_nanos);
  const bool was_busy = shorts_ > 0;
  shorts_ += changes.shorts;
  const bool is_busy = shorts_ > 0;
  pressure_.Change(changes.shorts, (is_busy ? 1 : 0) - (was_busy ? 1 : 0), changes.ended,
                   now_nanos);
}

std::string StreamLimit::Announce() {
  absl::MutexLock lock(&mu_);
  // gRPC's own come first.
  if (settings_sent_ == 0 || !sent_.between_frames()) return "";
  const bool answers_calls = ended_now_ + ended_before_ >= kAnsweredMin;
  const uint64_t share = answers_calls ? pressure_.share() : 0;
  uint64_t limit = streams_max_;
  if (share > 0) {
    const uint64_t longs = open_.size() - static_cast<uint64_t>(shorts_);
    limit = std::min(streams_max_, longs + share);
    // Small changes are not worth a frame.
    const uint64_t room = announced_ - std::min(announced_, longs);
    if (room >= share * 3 / 4 && room <= share * 5 / 4) return "";
  }
  if (limit == announced_) return "";
  announced_before_ = announced_;
  announced_ = limit;
  ours_.push_back(++settings_sent_);
  return SettingsFrame(limit);
}

void StreamLimit::NotAnnounced() {
  absl::MutexLock lock(&mu_);
  announced_ = announced_before_;
  ours_.pop_back();
  --settings_sent_;
}

bool StreamLimit::Acknowledged() {
  absl::MutexLock lock(&mu_);
  ++settings_acknowledged_;
  if (ours_.empty() || ours_.front() != settings_acknowledged_) return false;
  ours_.pop_front();
  return true;
}

}  // namespace tidemark::rpc
