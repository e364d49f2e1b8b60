// The sender of a producer: one thread that connects, writes and reads answers.
#include <algorithm>
#include <utility>

#include "client/cpp/src/connection.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/producer_impl.h"
#include "client/cpp/src/status_codec.h"
#include "client/cpp/src/steady_time.h"

namespace tidemark {

using internal::RawStream;
using internal::SteadyNow;

namespace {

constexpr char kMethod[] = "/tidemark.v1.EventStore/AppendStream";
// How long the sender waits at most without looking: bounds the arithmetic, not the latency.
constexpr absl::Duration kWaitMax = absl::Hours(1);

}  // namespace

void Producer::Impl::RunSender() {
  while (AwaitWork()) {
    ExpireOld();
    if (stream_ == nullptr) {
      Connect();
      continue;
    }
    Pump();
    OnSignal(stream_->Wait(UntilNextDeadline()));
  }
  ReplaceStream(nullptr);
  FailLost(window_.OnBroken());
  FailEverything(absl::CancelledError("the producer was destroyed before the server answered"));
}

// Without a connection, sleeps until there is something to send and the pause is over. False: stop.
bool Producer::Impl::AwaitWork() {
  absl::MutexLock lock(&mu_);
  while (!stop_ && stream_ == nullptr) {
    const bool has_work = !window_.empty() || !ready_.empty() || !open_.empty();
    const absl::Duration pause = has_work ? resume_at_ - SteadyNow() : absl::InfiniteDuration();
    if (pause <= absl::ZeroDuration()) break;
    notified_ = false;
    mu_.AwaitWithTimeout(absl::Condition(&notified_), pause);
  }
  return !stop_;
}

void Producer::Impl::Connect() {
  if (SteadyNow() < resume_at_) return;
  auto stream = std::make_unique<RawStream>(client_.connection()->channel(), kMethod);
  last_answer_at_ = SteadyNow();
  ReplaceStream(std::move(stream));
  absl::MutexLock lock(&mu_);
  ++stats_.connections;
}

// Writes the next request, if there is one and the pipeline has room for it.
void Producer::Impl::Pump() {
  if (!stream_->can_write() || SteadyNow() < resume_at_) return;
  if (const auto* again = window_.SendAgain(SteadyNow())) {
    Write(*again);
    return;
  }
  const bool has_room = window_.in_flight() < options_.requests_in_flight_max &&
                        window_.bytes_in_flight() < options_.bytes_in_flight_max;
  if (!has_room || !window_.MayTakeNew()) return;
  if (RequestPtr request = TakeReady()) {
    Write(*window_.SendNew(std::move(request), SteadyNow()));
  }
}

Producer::Impl::RequestPtr Producer::Impl::TakeReady() {
  absl::MutexLock lock(&mu_);
  const bool due = open_is_due_ || SteadyNow() - open_since_ >= options_.linger;
  if (ready_.empty() && !open_.empty() && due) SealLocked();
  if (ready_.empty()) return nullptr;
  RequestPtr request = std::move(ready_.front());
  ready_.pop_front();
  return request;
}

void Producer::Impl::Write(const internal::ProducerRequest& request) {
  stream_->Write(
      internal::EncodeAppendRequest(topic_, options_.partition, window_.producer_id(), request));
}

absl::Duration Producer::Impl::UntilNextDeadline() {
  const absl::Time now = SteadyNow();
  absl::Time next = now + kWaitMax;
  if (resume_at_ > now) next = std::min(next, resume_at_);
  next = std::min(next, window_.oldest_sealed_at() + options_.delivery_timeout);
  if (window_.in_flight() > 0) {
    next = std::min(next,
                    std::max(window_.oldest_sent_at(), last_answer_at_) + options_.request_timeout);
  }
  absl::MutexLock lock(&mu_);
  notified_ = false;
  if (!ready_.empty()) {
    next = std::min(next, ready_.front()->sealed_at + options_.delivery_timeout);
  }
  const bool can_send = stream_->can_write() && now >= resume_at_ && window_.MayTakeNew() &&
                        window_.in_flight() < options_.requests_in_flight_max &&
                        window_.bytes_in_flight() < options_.bytes_in_flight_max;
  if (can_send && (!ready_.empty() || open_is_due_)) return absl::ZeroDuration();
  if (can_send && !open_.empty()) next = std::min(next, open_since_ + options_.linger);
  return std::max(next - now, absl::ZeroDuration());
}

void Producer::Impl::OnSignal(RawStream::Signal signal) {
  switch (signal) {
    case RawStream::Signal::kStarted:
      stream_->Read();
      break;
    case RawStream::Signal::kRead:
      OnMessage(stream_->TakeMessage());
      break;
    case RawStream::Signal::kEnded:
      OnStreamEnd(client_.connection()->Annotate(stream_->status()));
      break;
    case RawStream::Signal::kTimeout:
    case RawStream::Signal::kWake:
    case RawStream::Signal::kWritten:
      break;
  }
}

void Producer::Impl::OnMessage(const grpc::Slice& message) {
  stream_->Read();
  last_answer_at_ = SteadyNow();
  if (window_.in_flight() == 0 ||
      !response_.ParseFromArray(message.begin(), static_cast<int>(message.size()))) {
    Break(absl::InternalError("the server sent an answer that belongs to no request"));
    return;
  }
  if (response_.has_appended()) {
    OnAnswer(internal::FromProto(response_.appended()));
  } else {
    const v1::Error& error = response_.error();
    // An Error has the fields and numbers of google.rpc.Status, so its bytes are one.
    absl::Status status =
        internal::MakeStatus(error.code(), error.message(), error.SerializeAsString());
    if (status.ok()) status = absl::UnknownError("the server answered neither events nor an error");
    OnAnswer(status);
  }
}

void Producer::Impl::OnStreamEnd(const absl::Status& status) {
  const bool may_retry =
      status.ok() || internal::IsBrokenConnection(status) || internal::IsOverload(status);
  Break(status.ok() ? absl::UnavailableError("the server ended the stream") : status);
  if (!may_retry) FailEverything(status);
}

void Producer::Impl::Break(const absl::Status& cause) {
  last_break_ = cause;
  ReplaceStream(nullptr);
  FailLost(window_.OnBroken());
  Pause(internal::RetryDelayOf(cause));
}

void Producer::Impl::Pause(absl::Duration at_least) {
  resume_at_ = std::max(resume_at_, SteadyNow() + std::max(backoff_.Next(), at_least));
}

void Producer::Impl::ReplaceStream(std::unique_ptr<RawStream> stream) {
  {
    absl::MutexLock lock(&mu_);
    stream_.swap(stream);
  }
  // The old stream ends here, outside the lock.
}

}  // namespace tidemark
