// The client's side of Consume: what it says, and how the stream begins and ends.
#include <algorithm>
#include <utility>

#include "server/base/error.h"
#include "server/rpc/byte_buffer.h"
#include "server/rpc/consume_call.h"
#include "server/rpc/consume_messages.h"
#include "server/rpc/status_mapping.h"
#include "server/rpc/stream_refusal.h"

namespace tidemark::rpc {
namespace {

// Beyond this the client's messages wait in HTTP/2.
constexpr int kPendingAcksMax = 1000;

}  // namespace

ConsumeCall::ConsumeCall(const RpcContext& context, groups::GroupCoordinator& groups,
                         ConsumerGroupsBase& service, CallQueue& queue)
    : context_(context),
      groups_(groups),
      service_(service),
      queue_(queue),
      count_(context.calls),
      metrics_(context.metrics.Method("ConsumerGroups/Consume")),
      stream_(&grpc_context_) {}

void ConsumeCall::Accept() {
  grpc_context_.AsyncNotifyWhenDone(done_.Start(shared_from_this()));
  service_.RequestConsume(&grpc_context_, &stream_, queue_.calls.get(), queue_.calls.get(),
                          accepted_.Start(shared_from_this()));
}

void ConsumeCall::Drain() {
  absl::MutexLock lock(&mu_);
  if (!draining_) {
    v1::ConsumeResponse response;
    response.mutable_draining();
    outbox_.push_back(std::move(response));
  }
  draining_ = true;
  end_when_quiet_ = true;
  if (end_status_.ok()) end_status_ = DrainingStatus();
  KickLocked();
}

void ConsumeCall::OnAssigned(std::vector<groups::AssignedPartition> partitions) {
  Receive(std::move(partitions));
}

void ConsumeCall::OnRevoked(std::vector<LogId> logs, absl::Time deadline, uint64_t number) {
  Receive(Revocation{std::move(logs), deadline, number});
}

void ConsumeCall::OnTaken(std::vector<LogId> logs) { Receive(Taking{std::move(logs)}); }

// What is on its way to the client already still arrives; nothing that is appended later does.
void ConsumeCall::OnPaused(bool paused) {
  absl::MutexLock lock(&mu_);
  paused_ = paused;
  KickLocked();
}

void ConsumeCall::OnClosed(absl::Status status) { EndSoon(std::move(status)); }

void ConsumeCall::OnAccepted(bool ok) {
  if (!ok) return done_.Drop();
  active_.emplace(context_.calls);
  AcceptConsume(context_, groups_, service_, queue_);
  metrics_.StreamOpened();
  registered_ = context_.calls.AddStream(weak_from_this(), this);
  if (!registered_) return EndSoon(StreamRefused(context_.calls, context_.limits));
  absl::MutexLock lock(&mu_);
  SetAlarmLocked();
  StartReadLocked();
}

void ConsumeCall::StartReadLocked() {
  if (reading_ || ended_ || end_when_quiet_ || joining_) return;
  if (pending_acks_ >= kPendingAcksMax) return;
  reading_ = true;
  stream_.Read(&request_, read_.Start(shared_from_this()));
}

void ConsumeCall::OnRead(bool ok) {
  v1::ConsumeRequest request;
  std::shared_ptr<groups::Member> member;
  {
    absl::MutexLock lock(&mu_);
    reading_ = false;
    if (ended_) return;
    member = member_;
  }
  if (!ok) return Leave(Goodbye::kNone);  // The client closed its side, or is gone.
  const FlatBytes bytes = Flatten(request_);
  request_.Clear();
  if (!request.ParseFromArray(bytes.bytes.data(), static_cast<int>(bytes.bytes.size()))) {
    return EndSoon(InvalidField("request", "is malformed", "MALFORMED"));
  }
  const absl::Status status = Handle(request, std::move(member));
  if (!status.ok()) return EndSoon(status);
  absl::MutexLock lock(&mu_);
  StartReadLocked();
}

absl::Status ConsumeCall::Handle(const v1::ConsumeRequest& request,
                                 std::shared_ptr<groups::Member> member) {
  if (member == nullptr) {
    if (!request.has_join()) return InvalidField("join", "must be the first message");
    return StartJoin(request.join());
  }
  switch (request.message_case()) {
    case v1::ConsumeRequest::kCredits:
      AddCredits(request.credits());
      return absl::OkStatus();
    case v1::ConsumeRequest::kAck:
      if (request.ack().has_ids()) return StartEventAck(request.ack().ids());
      return StartAck(request.ack(), *member);
    case v1::ConsumeRequest::kRelease: {
      auto partitions = FromProto(request.release(), context_.limits);
      if (!partitions.ok()) return partitions.status();
      const std::optional<uint64_t> revocation =
          request.release().has_revocation() ? std::make_optional(request.release().revocation())
                                             : std::nullopt;
      member->Release(*partitions, revocation);
      return absl::OkStatus();
    }
    case v1::ConsumeRequest::kLeave:
      Leave(Goodbye::kSaid);
      return absl::OkStatus();
    case v1::ConsumeRequest::kNack:
      return StartNack(request.nack());
    case v1::ConsumeRequest::kExtend:
      return StartExtend(request.extend());
    case v1::ConsumeRequest::kJoin:
      return InvalidField("join", "must be the first message only");
    case v1::ConsumeRequest::MESSAGE_NOT_SET:
      break;
  }
  return InvalidField("message", "is not set, or of an unknown kind");
}

absl::Status ConsumeCall::StartJoin(const v1::Join& join) {
  absl::StatusOr<groups::JoinRequest> request =
      FromProto(join, context_.limits, grpc_context_.peer());
  if (!request.ok()) return request.status();
  deliveries_max_ = std::max<uint32_t>(1, join.deliveries_max());
  absl::MutexLock lock(&mu_);
  joining_ = true;
  credit_events_ = join.has_credits() ? join.credits().events() : kDefaultCreditEvents;
  credit_bytes_ = join.has_credits() ? join.credits().bytes() : kDefaultCreditBytes;
  // The coordinator may answer before it returns, so not under the lock.
  context_.readers.Schedule([call = shared_from_this(), request = *std::move(request)]() mutable {
    call->groups_.Join(std::move(request), call, [call](absl::StatusOr<groups::JoinResult> result) {
      call->OnJoined(std::move(result));
    });
  });
  return absl::OkStatus();
}

void ConsumeCall::OnJoined(absl::StatusOr<groups::JoinResult> result) {
  if (!result.ok()) return EndSoon(result.status());
  absl::MutexLock lock(&mu_);
  joining_ = false;
  if (ended_ || cancelled_) return;  // `result` goes, and with it the membership.
  member_ = result->member;
  work_ = result->work;
  outbox_.push_back(JoinedMessage(*result));
  StartReadLocked();
  KickLocked();
}

void ConsumeCall::AddCredits(const v1::Credits& credits) {
  const auto add = [](uint64_t& sum, uint64_t more) {
    sum = more > UINT64_MAX - sum ? UINT64_MAX : sum + more;
  };
  {
    absl::MutexLock lock(&mu_);
    add(credit_events_, credits.events());
    add(credit_bytes_, credits.bytes());
  }
  KickHere();
}

absl::Status ConsumeCall::StartAck(const v1::Ack& ack, groups::Member& member) {
  if (work() != nullptr) {
    return InvalidField("ack.up_to", "is for PARTITION_ORDERED groups: this group acks by ids");
  }
  auto offsets = FromProto(ack, context_.limits);
  if (!offsets.ok()) return offsets.status();
  {
    absl::MutexLock lock(&mu_);
    ++pending_acks_;
  }
  member.Ack(*std::move(offsets),
             [call = shared_from_this()](absl::StatusOr<groups::AckResult> result) {
               call->OnAcked(std::move(result));
             });
  return absl::OkStatus();
}

void ConsumeCall::OnAcked(absl::StatusOr<groups::AckResult> result) {
  if (!result.ok()) EndSoon(result.status());
  absl::MutexLock lock(&mu_);
  --pending_acks_;
  if (result.ok()) outbox_.push_back(AckConfirmedMessage(*result));
  StartReadLocked();
  KickLocked();
}

void ConsumeCall::Leave(Goodbye goodbye) {
  std::shared_ptr<groups::Member> member;
  std::shared_ptr<groups::WorkMember> work;
  {
    absl::MutexLock lock(&mu_);
    end_when_quiet_ = true;
    member = member_;
    if (goodbye == Goodbye::kSaid) work = work_;
    KickLocked();
  }
  if (work != nullptr) work->GiveBack();
  if (member != nullptr) member->Leave();
}

void ConsumeCall::SetAlarmLocked() {
  alarm_.Set(queue_.calls.get(), base::DueAfter(context_.heartbeat_interval / 2),
             alarm_op_.Start(shared_from_this()));
}

void ConsumeCall::OnAlarm(bool ok) {
  absl::MutexLock lock(&mu_);
  if (!ok || ended_) return;
  const absl::Duration silent = absl::Nanoseconds(base::MonotonicNanos() - last_write_nanos_);
  heartbeat_due_ = member_ != nullptr && silent >= context_.heartbeat_interval / 2;
  SetAlarmLocked();
  if (heartbeat_due_) KickLocked();
}

void ConsumeCall::OnDone(bool) {
  absl::MutexLock lock(&mu_);
  cancelled_ = true;
  KickLocked();
}

void ConsumeCall::EndSoon(absl::Status status) {
  absl::MutexLock lock(&mu_);
  end_now_ = true;
  if (end_status_.ok()) end_status_ = std::move(status);
  KickLocked();
}

void ConsumeCall::EndNow(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  if (end_status_.ok()) end_status_ = status;
  EndLocked();
}

void ConsumeCall::EndLocked() {
  if (ended_) return;
  ended_ = true;
  alarm_.Cancel();
  if (registered_) context_.calls.RemoveStream(this);
  metrics_.StreamClosed(cancelled_ ? absl::StatusCode::kCancelled : end_status_.code());
  // Leaving calls listeners, so it happens without the lock.
  context_.readers.Schedule([member = std::move(member_), work = std::move(work_),
                             feed = std::move(feed_), draining = draining_] {
    // That the server goes is no failure of the member's.
    if (draining && work != nullptr) work->GiveBack();
  });
  stream_.Finish(ToGrpc(end_status_), finished_.Start(shared_from_this()));
}

void ConsumeCall::OnFinished(bool) {}

void AcceptConsume(const RpcContext& context, groups::GroupCoordinator& groups,
                   ConsumerGroupsBase& service, CallQueue& queue) {
  std::make_shared<ConsumeCall>(context, groups, service, queue)->Accept();
}

}  // namespace tidemark::rpc
