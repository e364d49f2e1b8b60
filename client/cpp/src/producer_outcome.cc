// What becomes of a producer's events: stored, refused, expired; and who is told. On the sender.
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/ack_location.h"
#include "client/cpp/src/producer_impl.h"
#include "client/cpp/src/status_codec.h"
#include "client/cpp/src/steady_time.h"

namespace tidemark {

using internal::SteadyNow;

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

}  // namespace tidemark
