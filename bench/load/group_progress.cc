#include "bench/load/group_progress.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace tidemark::bench {
namespace {

constexpr absl::Duration kJoinPatience = absl::Seconds(10);
constexpr absl::Duration kAckPatience = absl::Seconds(30);

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
  if (mu_.AwaitWithTimeout(absl::Condition(this, &GroupProgress::AllJoinedLocked), kJoinPatience)) {
    return failure_;
  }
  return absl::DeadlineExceededError(absl::StrCat("of ", members_, " members ", joined_,
                                                  " joined within ",
                                                  absl::FormatDuration(kJoinPatience)));
}

absl::Status GroupProgress::AwaitAcked() {
  absl::MutexLock lock(&mu_);
  uint64_t before = 0;
  do {
    before = acked_;
    if (!mu_.AwaitWithTimeout(absl::Condition(this, &GroupProgress::EndedLocked), kAckPatience)) {
      continue;
    }
    if (!failure_.ok() || acked_ == events_) return failure_;
    return absl::DataLossError(
        absl::StrCat("of ", events_, " events ", acked_, " acks were confirmed"));
  } while (acked_ > before);
  return absl::DeadlineExceededError(absl::StrCat("of ", events_, " events ", acked_,
                                                  " acks were confirmed, and then none for ",
                                                  absl::FormatDuration(kAckPatience)));
}

}  // namespace tidemark::bench
