// A consumer's session in a group whose members acknowledge event by event.
#include <algorithm>
#include <utility>

#include "client/cpp/src/consumer_session.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/handler_run.h"
#include "client/cpp/src/steady_time.h"

namespace tidemark::internal {
namespace {

// Of one Ack, Nack or Extend: well below what the server takes, and what fits a request.
constexpr size_t kEventsOfMessageMax = 20'000;

void AddIds(const WorkBook::Events& events, google::protobuf::RepeatedPtrField<v1::EventId>* ids) {
  for (const auto& [partition, offsets] : events) {
    for (const uint64_t offset : offsets) {
      v1::EventId& id = *ids->Add();
      id.set_topic(partition.first);
      id.set_partition(partition.second);
      id.set_offset(offset);
    }
  }
}

}  // namespace

void ConsumerSession::SetMode(const v1::GroupConfig& group) {
  mode_ = static_cast<GroupMode>(group.mode());
  if (!is_work()) return;
  if (group.retry_policy().has_lease())
    work_book_.SetLease(FromProto(group.retry_policy().lease()));
  StartPool();
}

void ConsumerSession::Hold(const BatchData& batch) {
  const AckBook::Partition partition(std::string(batch.topic), batch.partition);
  const absl::Time now = SteadyNow();
  const uint64_t delivery = queue_.batches() + 1;  // It is to be the queue's next.
  for (size_t i = 0; i < batch.events; ++i) {
    work_book_.Receive(partition, batch.OffsetAt(i), delivery, now);
  }
}

// On a lane's thread.
HandlerPool::Outcome ConsumerSession::RunWork(const ReceivedEvent& event) {
  using Kind = HandlerPool::Outcome::Kind;
  if (counters_.stop_requested) return {.kind = Kind::kDropped};  // It goes back, untouched.
  const absl::Status status = CallHandler(handler_, event);
  if (status.ok()) {
    ++counters_.events_handled;
    return {.kind = Kind::kDone};
  }
  ++counters_.events_failed;
  FailureVerdict verdict = JudgeWork(options_, event, status);
  switch (verdict.action) {
    case FailureAction::kSkip:
      return {.kind = Kind::kDone};
    case FailureAction::kStop:
      return {.kind = Kind::kStop, .error = FailedAt(event, status)};
    case FailureAction::kRetry:
    case FailureAction::kDeadLetter:
      break;
  }
  return {.kind = Kind::kFailed, .verdict = std::move(verdict)};
}

bool ConsumerSession::IsBehindFailed(const AckBook::Partition& partition,
                                     const ReceivedEvent& event) {
  if (failed_.empty() || mode_ != GroupMode::kKeyOrdered || event.event.key.empty()) return false;
  const auto failed = failed_.find({partition, std::string(event.event.key)});
  if (failed == failed_.end()) return false;
  if (event.offset < failed->second.offset) return false;
  const bool again = event.offset == failed->second.offset;
  if (!again && queue_.first_batch() <= failed->second.batches_max) return true;
  failed_.erase(failed);
  return false;
}

void ConsumerSession::DispatchWork() {
  const ReceivedEvent& event = queue_.current();
  const AckBook::Partition& partition = queue_.current_partition();
  const uint64_t delivery = queue_.first_batch();
  if (!work_book_.Holds(partition, event.offset, delivery, SteadyNow())) {
    queue_.Pop();
  } else if (IsBehindFailed(partition, event)) {
    work_book_.Forget(partition, event.offset, delivery);
    queue_.Pop();
  } else {
    const bool ordered = mode_ == GroupMode::kKeyOrdered;
    pool_->Add({partition, event, std::get<Batch>(queue_.front()),
                ordered ? event.event.key : absl::string_view(), delivery});
    queue_.Pop();
  }
}

void ConsumerSession::TakeWorkResult(const HandlerPool::Result& result) {
  using Kind = HandlerPool::Outcome::Kind;
  if (result.outcome.kind == Kind::kDone) {
    return work_book_.Done(result.partition, result.offset, SteadyNow());
  }
  const bool held = work_book_.Holds(result.partition, result.offset, result.delivery, SteadyNow());
  work_book_.Forget(result.partition, result.offset, result.delivery);
  if (result.outcome.kind == Kind::kFailed && held) SendNack(result);
}

void ConsumerSession::SendNack(const HandlerPool::Result& result) {
  const FailureVerdict& verdict = result.outcome.verdict;
  v1::ConsumeRequest request;
  v1::Nack& nack = *request.mutable_nack();
  AddIds({{result.partition, {result.offset}}}, nack.mutable_ids());
  if (verdict.delay) ToProto(*verdict.delay, nack.mutable_delay());
  nack.set_dead_letter(verdict.action == FailureAction::kDeadLetter);
  nack.set_reason(verdict.reason);
  ++nacks_sent_;
  if (!result.key.empty()) {
    failed_[{result.partition, result.key}] = {.offset = result.offset, .nack = nacks_sent_};
  }
  work_book_.Sent();
  Send(request);
}

void ConsumerSession::SendEventAcks() {
  while (work_book_.dirty_events() > 0) {
    v1::ConsumeRequest request;
    for (auto& [partition, offsets] : work_book_.TakeAcks(kEventsOfMessageMax)) {
      v1::EventSet& set = *request.mutable_ack()->mutable_ids()->add_sets();
      set.set_topic(partition.first);
      set.set_partition(partition.second);
      set.mutable_offsets()->Add(offsets.begin(), offsets.end());
    }
    work_book_.Sent();
    ++acks_unanswered_;
    Send(request);
  }
}

void ConsumerSession::SendExtensionsIfDue() {
  if (leaving_ || SteadyNow() < work_book_.extend_at()) return;
  while (true) {
    const WorkBook::Events events = work_book_.TakeExtensions(kEventsOfMessageMax, SteadyNow());
    if (events.empty()) return;
    v1::ConsumeRequest request;
    AddIds(events, request.mutable_extend()->mutable_ids());
    ToProto(work_book_.lease(), request.mutable_extend()->mutable_lease());
    Send(request);
  }
}

void ConsumerSession::OnNackConfirmed(const v1::NackConfirmed& confirmed) {
  work_book_.Answered();
  ++nacks_answered_;
  counters_.events_retried += confirmed.retried();
  counters_.dead_letters += confirmed.dead_letters();
  counters_.acks_fenced += static_cast<uint64_t>(confirmed.rejected_size());
  for (auto it = failed_.begin(); it != failed_.end();) {
    Failed& failed = it->second;
    if (failed.nack == nacks_answered_) failed.batches_max = queue_.batches();
    const bool passed = failed.batches_max < queue_.first_batch();
    it = passed ? failed_.erase(it) : std::next(it);
  }
}

void ConsumerSession::OnExtendConfirmed(const v1::ExtendConfirmed& confirmed) {
  for (const v1::EventRejected& event : confirmed.rejected()) {
    work_book_.Forget({event.id().topic(), event.id().partition()}, event.id().offset());
  }
}

}  // namespace tidemark::internal
