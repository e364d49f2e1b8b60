#include "bench/load/group_progress.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace tidemark::bench {
namespace {

// Patience is counted in turns: a machine that stood still for a minute has used up one of them.
constexpr absl::Duration kTurn = absl::Seconds(1);
constexpr int kJoinTurns = 10;
constexpr int kAckTurns = 30;

}  // namespace

void GroupProgress::OnJoined() {
  absl::MutexLock lock(&mu_);
  ++joined_;
}

void GroupProgress::OnAcked(uint64_t events) {
  absl::MutexLock lock(&mu_);
  acked_ += events;
}

void GroupProgress::Fail(absl::Status reason) {
  absl::MutexLock lock(&mu_);
  if (acked_ < events_ && failure_.ok()) failure_ = std::move(reason);
}

bool GroupProgress::AllJoinedLocked() const { return !failure_.ok() || joined_ >= members_; }
bool GroupProgress::EndedLocked() const { return !failure_.ok() || acked_ >= events_; }

absl::Status GroupProgress::AwaitJoined() {
  absl::MutexLock lock(&mu_);
  for (int turn = 0; turn < kJoinTurns; ++turn) {
    if (mu_.AwaitWithTimeout(absl::Condition(this, &GroupProgress::AllJoinedLocked), kTurn)) {
      return failure_;
    }
  }
  return absl::DeadlineExceededError(
      absl::StrCat("of ", members_, " members ", joined_, " joined within ", kJoinTurns, " s"));
}

absl::Status GroupProgress::AwaitAcked() {
  absl::MutexLock lock(&mu_);
  uint64_t before = acked_;
  for (int turn = 0; turn < kAckTurns; ++turn) {
    if (mu_.AwaitWithTimeout(absl::Condition(this, &GroupProgress::EndedLocked), kTurn)) {
      if (!failure_.ok() || acked_ == events_) return failure_;
      return absl::DataLossError(
          absl::StrCat("of ", events_, " events ", acked_, " acks were confirmed"));
    }
    if (acked_ > before) turn = 0;
    before = acked_;
  }
  return absl::DeadlineExceededError(absl::StrCat("of ", events_, " events ", acked_,
                                                  " acks were confirmed, and then none for ",
                                                  kAckTurns, " s"));
}

}  // namespace tidemark::bench
