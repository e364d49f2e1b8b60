// The sender of a producer: one thread that connects, writes, reads answers and tells outcomes.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/ack_location.h"
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

void Producer::Impl::OnAnswer(const absl::StatusOr<AppendResult>& answer) {
  if (answer.ok()) backoff_.Reset();
  internal::SendWindow::Outcome outcome = window_.OnAnswer(answer);
  if (outcome.pause) Pause(internal::RetryDelayOf(answer.status()));
  {
    absl::MutexLock lock(&mu_);
    producer_id_ = window_.producer_id();
    stats_.requests_resent = window_.resent();
  }
  if (outcome.done != nullptr) Finish(std::move(outcome.done), answer);
  FailLost(std::move(outcome.lost));
  if (outcome.refused_count > 0) {
    TellRequestDone(answer);
    for (auto& callback : outcome.refused) std::move(callback.done)(answer.status());
    FinishEvents(outcome.refused_count, outcome.refused_bytes, outcome.refused_epoch,
                 outcome.refused.size() == outcome.refused_count, false, answer.status());
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

// Gives up what has waited too long: a stream that does not answer, then events.
void Producer::Impl::ExpireOld() {
  const absl::Time now = SteadyNow();
  const absl::Time sealed_limit = now - options_.delivery_timeout;
  const bool silent =
      window_.in_flight() > 0 &&
      now - std::max(window_.oldest_sent_at(), last_answer_at_) >= options_.request_timeout;
  const bool expired = window_.oldest_sealed_at() < sealed_limit;
  if (stream_ != nullptr && (silent || (expired && window_.in_flight() > 0))) {
    Break(absl::UnavailableError("the server does not answer"));
  }
  std::vector<RequestPtr> old = window_.TakeSealedBefore(sealed_limit);
  if (!old.empty()) {
    Fail(std::move(old), absl::DeadlineExceededError(absl::StrCat(
                             "no answer within the producer's delivery_timeout of ",
                             absl::FormatDuration(options_.delivery_timeout),
                             "; perhaps stored. The last failure: ", last_break_.ToString())));
  }
  old.clear();
  {
    absl::MutexLock lock(&mu_);
    if (!open_.empty() && open_since_ < sealed_limit) SealLocked();
    while (!ready_.empty() && ready_.front()->sealed_at < sealed_limit) {
      old.push_back(std::move(ready_.front()));
      ready_.pop_front();
    }
  }
  if (!old.empty()) {
    Fail(std::move(old), absl::DeadlineExceededError(absl::StrCat(
                             "not sent within the producer's delivery_timeout of ",
                             absl::FormatDuration(options_.delivery_timeout),
                             "; not stored. The last failure: ", last_break_.ToString())));
  }
}

void Producer::Impl::FailEverything(const absl::Status& status) {
  Fail(window_.TakeSealedBefore(absl::InfiniteFuture()), status);
  std::vector<RequestPtr> unsent;
  {
    absl::MutexLock lock(&mu_);
    SealLocked();
    std::move(ready_.begin(), ready_.end(), std::back_inserter(unsent));
    ready_.clear();
  }
  Fail(std::move(unsent), status);
}

void Producer::Impl::FailLost(std::vector<RequestPtr> requests) {
  if (requests.empty()) return;
  Fail(std::move(requests),
       absl::UnknownError("perhaps stored: copies sent over a broken connection may still arrive "
                          "behind a request that was given up; look before sending it again"));
}

void Producer::Impl::Fail(std::vector<RequestPtr> requests, const absl::Status& status) {
  for (RequestPtr& request : requests) Finish(std::move(request), status);
}

void Producer::Impl::Finish(RequestPtr request, const absl::StatusOr<AppendResult>& result) {
  TellRequestDone(result);
  const bool all_have_callbacks = request->callbacks.size() == request->event_count;
  if (result.ok() && !request->callbacks.empty()) {
    TellStored(request.get(), *result);
  } else {
    for (auto& callback : request->callbacks) std::move(callback.done)(result.status());
  }
  FinishEvents(request->event_count, request->events.size(), request->flush_epoch,
               all_have_callbacks, true, result.status());
}

void Producer::Impl::TellStored(internal::ProducerRequest* request, const AppendResult& result) {
  auto locations =
      internal::LocateEvents(request->bytes(), options_.partition, partitions_, result.ranges);
  if (!locations.ok()) {
    // The topic may be another of the same name by now.
    if (const auto topic = client_.GetTopic(topic_); topic.ok()) partitions_ = topic->partitions;
    locations =
        internal::LocateEvents(request->bytes(), options_.partition, partitions_, result.ranges);
  }
  Ack ack;
  ack.position = result.position;
  ack.append_time = result.append_time;
  ack.duplicate = result.duplicate;
  ack.durability = result.durability;
  for (auto& callback : request->callbacks) {
    if (!locations.ok()) {
      std::move(callback.done)(locations.status());
      continue;
    }
    ack.partition = (*locations)[callback.index].partition;
    ack.offset = (*locations)[callback.index].offset;
    std::move(callback.done)(ack);
  }
}

void Producer::Impl::TellRequestDone(const absl::StatusOr<AppendResult>& result) {
  RequestCallback* callback;
  {
    absl::MutexLock lock(&mu_);
    callback = &request_callback_;  // Set before the first Send, so it does not change now.
  }
  if (*callback) (*callback)(result);
}

void Producer::Impl::FinishEvents(uint32_t count, size_t bytes, uint64_t epoch,
                                  bool all_have_callbacks, bool request_done,
                                  const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  (status.ok() ? stats_.events_acked : stats_.events_failed) += count;
  if (status.ok() && request_done) ++stats_.requests_acked;
  if (!status.ok() && !all_have_callbacks && first_failure_.ok()) first_failure_ = status;
  buffered_bytes_ -= bytes;
  buffered_events_ -= count;
  const auto it = events_by_epoch_.find(epoch);
  it->second -= count;
  if (it->second == 0) events_by_epoch_.erase(it);
}

void Producer::Impl::ReplaceStream(std::unique_ptr<RawStream> stream) {
  {
    absl::MutexLock lock(&mu_);
    stream_.swap(stream);
  }
  // The old stream ends here, outside the lock.
}

}  // namespace tidemark
