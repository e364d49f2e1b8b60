// The loop of a consumer's session, its handling of events, and what it sends.
#include "client/cpp/src/consumer_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/connection.h"
#include "client/cpp/src/consume_wire.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/handler_run.h"
#include "client/cpp/src/status_codec.h"
#include "client/cpp/src/steady_time.h"
#include "tidemark/errors.h"

namespace tidemark::internal {
namespace {

// After this much handling the stream is looked at: a revocation should not wait long, and looking
// costs about a microsecond.
constexpr int kEventsBetweenLooks = 64;
constexpr absl::Duration kTimeBetweenLooks = absl::Milliseconds(1);
// Of one message, where batches are small.
constexpr uint32_t kDeliveriesMax = 100;
// Beyond this acks gather until some are confirmed.
constexpr int kAcksUnansweredMax = 8;

}  // namespace

ConsumerSession::ConsumerSession(const Client& client, const ConsumerOptions& options,
                                 const Consumer::Handler& handler, bool until_caught_up,
                                 OffsetCommitter* committer, ConsumerCounters* counters)
    : client_(client),
      options_(options),
      handler_(handler),
      until_caught_up_(until_caught_up),
      committer_(committer),
      counters_(*counters),
      stream_(client.connection()->channel(), kConsumeMethod),
      queue_({options.events_ahead_max, options.bytes_ahead_max}),
      last_contact_(SteadyNow()) {
  ++counters_.connections;
  if (committer_ != nullptr) committer_->Begin();
  StartPool();
}

ConsumerSession::End ConsumerSession::Run() {
  while (!end_) {
    TakeResults();
    if (counters_.stop_requested) BeginLeaving(absl::OkStatus());
    if (end_) break;
    SendAcksIfDue();
    SendExtensionsIfDue();
    SendCreditsIfDue();
    PumpOut();
    const bool can_handle = CanHandle();
    const RawStream::Signal signal =
        stream_.Wait(can_handle ? absl::ZeroDuration() : UntilNextDeadline());
    if (signal != RawStream::Signal::kTimeout) {
      OnSignal(signal);
    } else if (can_handle) {
      HandleSome();
    } else {
      OnTimeout();
    }
  }
  return *end_;
}

absl::Duration ConsumerSession::UntilNextDeadline() const {
  absl::Time next = last_contact_ + options_.silence_max;
  next = std::min(next, leave_deadline_);
  if (!leaving_ && acks_unanswered_ < kAcksUnansweredMax) {
    const absl::Time dirty_since = std::min(book_.dirty_since(), work_book_.dirty_since());
    next = std::min(next, dirty_since + options_.ack_interval);
  }
  if (!leaving_) next = std::min(next, work_book_.extend_at());
  if (pool_ == nullptr && !queue_.empty() && !leaving_ && !draining_) {
    next = std::min(next, retry_at_);
  }
  return std::max(next - SteadyNow(), absl::ZeroDuration());
}

void ConsumerSession::OnSignal(RawStream::Signal signal) {
  switch (signal) {
    case RawStream::Signal::kStarted:
      SendJoin();
      ReadOn();
      break;
    case RawStream::Signal::kRead:
      last_contact_ = SteadyNow();
      OnMessage(stream_.TakeMessage());
      ReadOn();
      break;
    case RawStream::Signal::kEnded:
      OnStreamEnd();
      break;
    case RawStream::Signal::kTimeout:
    case RawStream::Signal::kWake:
    case RawStream::Signal::kWritten:
      break;
  }
}

void ConsumerSession::ReadOn() {
  if (!queue_.overfull()) stream_.Read();
}

void ConsumerSession::OnTimeout() {
  const absl::Time now = SteadyNow();
  if (now >= leave_deadline_) {
    Finish(EndKind::kFailed,
           absl::DeadlineExceededError(absl::StrCat(
               "the server did not confirm the last acknowledgements of group '", options_.group,
               "' within ", absl::FormatDuration(options_.leave_timeout),
               "; some events may be delivered again")));
  } else if (now - last_contact_ >= options_.silence_max) {
    Finish(EndKind::kBroken, absl::UnavailableError(absl::StrCat(
                                 "the stream of group '", options_.group, "' was silent for ",
                                 absl::FormatDuration(options_.silence_max))));
  }
}

void ConsumerSession::Finish(EndKind kind, const absl::Status& status) {
  if (!end_) end_ = End{kind, status};
}

bool ConsumerSession::CanHandle() const {
  if (pool_ != nullptr) return CanDispatch();
  return !queue_.empty() && !leaving_ && !draining_ && SteadyNow() >= retry_at_;
}

void ConsumerSession::HandleSome() {
  const absl::Time look_at = SteadyNow() + kTimeBetweenLooks;
  for (int i = 0; i < kEventsBetweenLooks && CanHandle() && !end_; ++i) {
    if (pool_ != nullptr) {
      Dispatch();
    } else if (std::holds_alternative<Batch>(queue_.front())) {
      HandleEvent();
    } else {
      OnQueuedNote();
    }
    if (AcksAreDue() || counters_.stop_requested || SteadyNow() >= look_at) break;
  }
  // While the handler worked nobody listened, so that time is not silence.
  last_contact_ = SteadyNow();
  ReadOn();
}

void ConsumerSession::HandleEvent() {
  const ReceivedEvent& event = queue_.current();
  if (absl::Status status = CallHandler(handler_, event); !status.ok()) {
    ++counters_.events_failed;
    OnHandlerError(status);
    return;
  }
  ++counters_.events_handled;
  PassCurrent();
}

void ConsumerSession::PassCurrent() {
  book_.Handled(queue_.current_partition(), queue_.current().offset, SteadyNow());
  queue_.Pop();
  attempts_ = 0;
}

absl::Status ConsumerSession::FailedAt(const ReceivedEvent& event, const absl::Status& error) {
  return WithPrefix(error,
                    absl::StrCat("the handler failed at topic '", event.topic, "' partition ",
                                 event.partition, " offset ", event.offset, ": "));
}

void ConsumerSession::OnHandlerError(const absl::Status& error) {
  const ReceivedEvent& event = queue_.current();
  const Verdict verdict = JudgeFailure(options_, event, error, ++attempts_);
  switch (verdict.action) {
    case FailureAction::kDeadLetter:
    case FailureAction::kStop:
      BeginLeaving(FailedAt(event, error));
      break;
    case FailureAction::kRetry:
      retry_at_ = SteadyNow() + verdict.pause;
      break;
    case FailureAction::kSkip:
      PassCurrent();
      break;
  }
}

void ConsumerSession::OnQueuedNote() {
  if (const auto* gap = std::get_if<Gap>(&queue_.front())) {
    counters_.gap_events += gap->until_offset - gap->from_offset;
    if (options_.on_gap) options_.on_gap(*gap);
    queue_.Pop();
    return;
  }
  const auto mark = std::get<DeliveryQueue::CaughtUpMark>(queue_.front());
  queue_.Pop();
  if (options_.on_caught_up) options_.on_caught_up();
  // A partition that came after it has a past of its own.
  if (until_caught_up_ && mark.assignments == assignments_) BeginLeaving(absl::OkStatus());
}

void ConsumerSession::Send(const v1::ConsumeRequest& request) {
  const grpc::Slice slice(request.SerializeAsString());
  out_.emplace_back(&slice, 1);
}

void ConsumerSession::PumpOut() {
  if (out_.empty() || !stream_.can_write()) return;
  stream_.Write(out_.front());
  out_.pop_front();
}

void ConsumerSession::SendJoin() {
  v1::ConsumeRequest request;
  v1::Join& join = *request.mutable_join();
  FillJoin(client_, options_, join);
  if (IsWork(options_.mode) && options_.retry) {
    ToProto(*options_.retry, join.mutable_retry_policy());
  }
  join.set_deliveries_max(kDeliveriesMax);
  join.mutable_credits()->set_events(options_.events_ahead_max);
  join.mutable_credits()->set_bytes(options_.bytes_ahead_max);
  Send(request);
}

void ConsumerSession::SendAcks() {
  if (is_work()) return SendEventAcks();
  const std::vector<TopicPartitionOffset> acks = book_.TakeAcks();
  if (acks.empty()) return;
  if (committer_ != nullptr) return Commit(acks);
  v1::ConsumeRequest request;
  for (const TopicPartitionOffset& ack : acks) {
    v1::TopicPartitionOffset& proto = *request.mutable_ack()->mutable_up_to()->add_offsets();
    proto.set_topic(ack.topic);
    proto.set_partition(ack.partition);
    proto.set_offset(ack.offset);
  }
  ++acks_unanswered_;
  Send(request);
}

void ConsumerSession::Commit(const std::vector<TopicPartitionOffset>& acks) {
  std::vector<OffsetCommit> offsets;
  for (const TopicPartitionOffset& ack : acks) {
    offsets.push_back({.group = options_.group,
                       .topic = ack.topic,
                       .partition = ack.partition,
                       .offset = ack.offset,
                       .member_id = member_id_,
                       .assignment = assignment_of_[{ack.topic, ack.partition}]});
  }
  const absl::Status status = committer_->Commit(std::move(offsets));
  last_contact_ = SteadyNow();
  if (status.ok()) {
    book_.Answered();
    for (const TopicPartitionOffset& ack : acks) book_.Confirm(ack);
    if (options_.on_committed) options_.on_committed(acks);
    return;
  }
  const bool fenced = ReasonOf(status) == "FENCED";
  if (fenced) ++counters_.acks_fenced;
  // What was handled since the last commit goes with it, and is delivered again.
  Finish(fenced || IsBrokenConnection(status) || IsOverload(status) ? EndKind::kBroken
                                                                    : EndKind::kFailed,
         status);
}

bool ConsumerSession::AcksAreDue() const {
  return dirty_events() >= options_.ack_events_max ||
         (committer_ != nullptr && book_.dirty_events() > 0 && committer_->IsFull());
}

void ConsumerSession::SendAcksIfDue() {
  if (dirty_events() == 0 || acks_unanswered_ >= kAcksUnansweredMax) return;
  const bool nothing_left = pool_ == nullptr ? !CanHandle() : pool_->in_hand() == 0;
  const absl::Time dirty_since = std::min(book_.dirty_since(), work_book_.dirty_since());
  if (AcksAreDue() || nothing_left || SteadyNow() - dirty_since >= options_.ack_interval) {
    SendAcks();
  }
}

void ConsumerSession::SendCreditsIfDue() {
  if (!joined_ || leaving_ || finishing_ || draining_) return;
  const std::optional<DeliveryQueue::Credits> grant = queue_.TakeGrant();
  if (!grant) return;
  v1::ConsumeRequest request;
  request.mutable_credits()->set_events(grant->events);
  request.mutable_credits()->set_bytes(grant->bytes);
  Send(request);
}

void ConsumerSession::BeginLeaving(const absl::Status& reason) {
  if (leaving_ || finishing_) return;
  leave_reason_ = reason;
  queue_.Clear();
  if (pool_ == nullptr) return Leave();
  finishing_ = true;
  pool_->DropAll();
  stream_.Wake();  // Look at what is dropped.
}

void ConsumerSession::Leave() {
  leaving_ = true;
  if (!joined_) {
    Finish(EndKind::kLeft, leave_reason_);
    return;
  }
  leave_deadline_ = SteadyNow() + options_.leave_timeout;
  SendAcks();
  v1::ConsumeRequest request;
  request.mutable_leave();
  Send(request);
  ReadOn();
}

}  // namespace tidemark::internal
