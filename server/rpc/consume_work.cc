// Consume in groups of mode KEY_ORDERED and UNORDERED: events one by one, with leases.
#include <algorithm>
#include <utility>

#include "server/base/error.h"
#include "server/rpc/batch_encoder.h"
#include "server/rpc/byte_buffer.h"
#include "server/rpc/consume_call.h"
#include "server/rpc/convert.h"
#include "server/rpc/work_messages.h"

namespace tidemark::rpc {
namespace {

absl::Status WrongMode(absl::string_view message, absl::string_view next_step) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat(message, " does not fit the group's mode. ", next_step),
      {.reason = "GROUP_MODE_DIFFERS", .metadata = {{"message", std::string(message)}}});
}

// A message that has so much gets nothing more.
constexpr uint64_t kGatheredBytesMax = 64 << 10;

v1::ConsumeResponse GapMessage(const groups::WorkDelivery& delivery) {
  v1::ConsumeResponse response;
  v1::Gap& gap = *response.mutable_gap();
  gap.set_topic(delivery.topic->name());
  gap.set_partition(delivery.partition.value());
  gap.set_from_offset(delivery.gap->from.value());
  gap.set_until_offset(delivery.gap->until.value());
  gap.set_reason(ToProto(delivery.gap->reason));
  return response;
}

}  // namespace

void ConsumeCall::OnWork() { Kick(); }

std::shared_ptr<groups::WorkMember> ConsumeCall::work() {
  absl::MutexLock lock(&mu_);
  return work_;
}

absl::StatusOr<bool> ConsumeCall::DeliverWork(groups::WorkMember& work, uint64_t credit_events,
                                              uint64_t credit_bytes) {
  DeliveryMessage message;
  bool at_end = false;
  while (message.deliveries() < deliveries_max_ && message.bytes() < kGatheredBytesMax &&
         message.events() < credit_events && message.bytes() < credit_bytes) {
    const groups::LiveWork::Taken taken = work.Take({.events_max = credit_events - message.events(),
                                                     .bytes_max = credit_bytes - message.bytes()});
    if (!taken.delivery.has_value()) {
      at_end = taken.at_end;
      break;
    }
    if (!taken.from_tail) caught_up_ = false;
    const groups::WorkDelivery& delivery = *taken.delivery;
    if (delivery.gap.has_value()) {
      absl::MutexLock lock(&mu_);
      outbox_.push_back(GapMessage(delivery));
      if (message.deliveries() > 0) break;  // Then it is next.
      KickLocked();
      return false;
    }
    message.Add(delivery.slice, delivery.topic->name(), delivery.partition, delivery.attempts);
  }
  if (message.deliveries() > 0) {
    WriteDeliveries(message);
    return true;
  }
  if (!at_end || caught_up_) return false;
  caught_up_ = true;
  v1::ConsumeResponse response;
  response.mutable_caught_up();
  absl::MutexLock lock(&mu_);
  WriteLocked(Serialize(response));
  return true;
}

groups::EventsCallback ConsumeCall::AnswerEvents(
    absl::AnyInvocable<v1::ConsumeResponse(const groups::EventsResult&) &&> make) {
  {
    absl::MutexLock lock(&mu_);
    ++pending_acks_;
  }
  return [call = shared_from_this(),
          make = std::move(make)](absl::StatusOr<groups::EventsResult> result) mutable {
    if (!result.ok()) call->EndSoon(result.status());
    absl::MutexLock lock(&call->mu_);
    --call->pending_acks_;
    if (result.ok()) call->outbox_.push_back(std::move(make)(*result));
    call->StartReadLocked();
    call->KickLocked();
  };
}

absl::Status ConsumeCall::StartEventAck(const v1::AckIds& ids) {
  const std::shared_ptr<groups::WorkMember> work = this->work();
  if (work == nullptr) return WrongMode("ack.ids", "Use ack.up_to in a PARTITION_ORDERED group");
  absl::StatusOr<NamedEvents> named = FromProto(ids, context_.limits, work->work());
  if (!named.ok()) return named.status();
  const std::vector<groups::EventRef> events = named->events;
  work->Ack(events, AnswerEvents([named = *std::move(named)](const groups::EventsResult& result) {
              v1::ConsumeResponse response;
              v1::AckConfirmed& confirmed = *response.mutable_ack_confirmed();
              confirmed.set_acked_events(static_cast<uint32_t>(result.done));
              FillRejected(named, result, *confirmed.mutable_rejected_events());
              return response;
            }));
  return absl::OkStatus();
}

absl::Status ConsumeCall::StartNack(const v1::Nack& nack) {
  const std::shared_ptr<groups::WorkMember> work = this->work();
  if (work == nullptr) {
    return WrongMode("nack", "A PARTITION_ORDERED group delivers again what is not acked");
  }
  absl::StatusOr<NamedEvents> named =
      FromProto(nack.ids(), context_.limits, work->work(), "nack.ids");
  if (!named.ok()) return named.status();
  absl::StatusOr<groups::WorkQueue::NackOptions> options = NackOptionsFromProto(nack);
  if (!options.ok()) return options.status();
  const std::vector<groups::EventRef> events = named->events;
  work->Nack(events, *std::move(options),
             AnswerEvents([named = *std::move(named)](const groups::EventsResult& result) {
               v1::ConsumeResponse response;
               v1::NackConfirmed& confirmed = *response.mutable_nack_confirmed();
               confirmed.set_retried(static_cast<uint32_t>(result.done));
               confirmed.set_dead_letters(static_cast<uint32_t>(result.dead_letters));
               FillRejected(named, result, *confirmed.mutable_rejected());
               return response;
             }));
  return absl::OkStatus();
}

absl::Status ConsumeCall::StartExtend(const v1::Extend& extend) {
  const std::shared_ptr<groups::WorkMember> work = this->work();
  if (work == nullptr) return WrongMode("extend", "A PARTITION_ORDERED group has no leases");
  absl::StatusOr<NamedEvents> named =
      FromProto(extend.ids(), context_.limits, work->work(), "extend.ids");
  if (!named.ok()) return named.status();
  absl::StatusOr<absl::Duration> lease = LeaseFromProto(extend.lease(), "extend.lease");
  if (!lease.ok()) return lease.status();
  const std::vector<groups::EventRef> events = named->events;
  work->Extend(events, *lease,
               AnswerEvents([named = *std::move(named)](const groups::EventsResult& result) {
                 v1::ConsumeResponse response;
                 v1::ExtendConfirmed& confirmed = *response.mutable_extend_confirmed();
                 confirmed.set_extended(static_cast<uint32_t>(result.done));
                 FillRejected(named, result, *confirmed.mutable_rejected());
                 return response;
               }));
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
