// ConsumerGroups.Consume: a member's stream.
//
// How.     Like read_stream.cc one thing goes out at a time. What comes in (group events, confirmed
//          acks, the client's messages) goes into an inbox or outbox under the lock and kicks the
//          pump, which takes from the inbox first, then writes the outbox, then deliveries while
//          there are credits.
// Threads. The client's messages are handled on a queue's thread, group events and confirmations
//          come on any thread and must not block, so they only fill the boxes.
#include <grpcpp/alarm.h>
#include <grpcpp/support/async_stream.h>

#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "server/base/error.h"
#include "server/base/system_clock.h"
#include "server/delivery/partition_feed.h"
#include "server/rpc/batch_encoder.h"
#include "server/rpc/byte_buffer.h"
#include "server/rpc/consume_messages.h"
#include "server/rpc/convert.h"
#include "server/rpc/data_plane.h"
#include "server/rpc/status_mapping.h"
#include "server/rpc/stream_refusal.h"

namespace tidemark::rpc {
namespace {

// Beyond this the client's messages wait in HTTP/2.
constexpr int kPendingAcksMax = 1000;

struct Revocation {
  std::vector<LogId> logs;
  absl::Time deadline;
};
struct Taking {
  std::vector<LogId> logs;
};
using GroupEvent = std::variant<std::vector<groups::AssignedPartition>, Revocation, Taking>;

class ConsumeCall final : public Drainable,
                          public groups::MemberListener,
                          public std::enable_shared_from_this<ConsumeCall> {
 public:
  ConsumeCall(const RpcContext& context, groups::GroupCoordinator& groups,
              ConsumerGroupsBase& service, grpc::ServerCompletionQueue& queue)
      : context_(context),
        groups_(groups),
        service_(service),
        queue_(queue),
        count_(context.calls),
        metrics_(context.metrics.Method("ConsumerGroups/Consume")),
        stream_(&grpc_context_) {}

  void Accept() {
    grpc_context_.AsyncNotifyWhenDone(done_.Start(shared_from_this()));
    service_.RequestConsume(&grpc_context_, &stream_, &queue_, &queue_,
                            accepted_.Start(shared_from_this()));
  }

  void Drain() override {
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

  // groups::MemberListener
  void OnAssigned(std::vector<groups::AssignedPartition> partitions) override {
    Receive(std::move(partitions));
  }
  void OnRevoked(std::vector<LogId> logs, absl::Time deadline) override {
    Receive(Revocation{std::move(logs), deadline});
  }
  void OnTaken(std::vector<LogId> logs) override { Receive(Taking{std::move(logs)}); }
  void OnClosed(absl::Status status) override { EndSoon(std::move(status)); }

 private:
  void OnAccepted(bool ok) {
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

  // --- What the client says.

  void StartReadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (reading_ || ended_ || end_when_quiet_ || joining_) return;
    if (pending_acks_ >= kPendingAcksMax) return;
    reading_ = true;
    stream_.Read(&request_, read_.Start(shared_from_this()));
  }

  void OnRead(bool ok) {
    v1::ConsumeRequest request;
    std::shared_ptr<groups::Member> member;
    {
      absl::MutexLock lock(&mu_);
      reading_ = false;
      if (ended_) return;
      member = member_;
    }
    if (!ok) return Leave();  // The client closed its side, or is gone.
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

  absl::Status Handle(const v1::ConsumeRequest& request, std::shared_ptr<groups::Member> member) {
    if (member == nullptr) {
      if (!request.has_join()) return InvalidField("join", "must be the first message");
      return StartJoin(request.join());
    }
    switch (request.message_case()) {
      case v1::ConsumeRequest::kCredits:
        AddCredits(request.credits());
        return absl::OkStatus();
      case v1::ConsumeRequest::kAck:
        return StartAck(request.ack(), *member);
      case v1::ConsumeRequest::kRelease: {
        auto partitions = FromProto(request.release(), context_.limits);
        if (!partitions.ok()) return partitions.status();
        member->Release(*partitions);
        return absl::OkStatus();
      }
      case v1::ConsumeRequest::kLeave:
        Leave();
        return absl::OkStatus();
      case v1::ConsumeRequest::kNack:
        return NoFeature("consume.nack", "this server does not take nacks yet");
      case v1::ConsumeRequest::kExtend:
        return NoFeature("consume.extend", "this server has no leases to extend yet");
      case v1::ConsumeRequest::kJoin:
        return InvalidField("join", "must be the first message only");
      case v1::ConsumeRequest::MESSAGE_NOT_SET:
        break;
    }
    return InvalidField("message", "is not set, or of an unknown kind");
  }

  absl::Status StartJoin(const v1::Join& join) {
    absl::StatusOr<groups::JoinRequest> request =
        FromProto(join, context_.limits, grpc_context_.peer());
    if (!request.ok()) return request.status();
    absl::MutexLock lock(&mu_);
    joining_ = true;
    credit_events_ = join.has_credits() ? join.credits().events() : kDefaultCreditEvents;
    credit_bytes_ = join.has_credits() ? join.credits().bytes() : kDefaultCreditBytes;
    // The coordinator may answer before it returns, so not under the lock.
    context_.readers.Schedule([call = shared_from_this(), request = *std::move(request)]() mutable {
      call->groups_.Join(
          std::move(request), call,
          [call](absl::StatusOr<groups::JoinResult> result) { call->OnJoined(std::move(result)); });
    });
    return absl::OkStatus();
  }

  void OnJoined(absl::StatusOr<groups::JoinResult> result) {
    if (!result.ok()) return EndSoon(result.status());
    absl::MutexLock lock(&mu_);
    joining_ = false;
    if (ended_ || cancelled_) return;  // `result` goes, and with it the membership.
    feed_ = delivery::PartitionFeed::Create(context_.log.reader(),
                                            {.filter = log::Filter(result->group.filter),
                                             .batch_bytes_max = context_.limits.batch_bytes_max},
                                            [weak = weak_from_this()] {
                                              if (const auto call = weak.lock()) call->Kick();
                                            });
    filtered_ = !result->group.filter.empty();
    member_ = result->member;
    outbox_.push_back(JoinedMessage(*result));
    StartReadLocked();
    KickLocked();
  }

  void AddCredits(const v1::Credits& credits) {
    const auto add = [](uint64_t& sum, uint64_t more) {
      sum = more > UINT64_MAX - sum ? UINT64_MAX : sum + more;
    };
    absl::MutexLock lock(&mu_);
    add(credit_events_, credits.events());
    add(credit_bytes_, credits.bytes());
    KickLocked();
  }

  absl::Status StartAck(const v1::Ack& ack, groups::Member& member) {
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

  void OnAcked(absl::StatusOr<groups::AckResult> result) {
    if (!result.ok()) EndSoon(result.status());
    absl::MutexLock lock(&mu_);
    --pending_acks_;
    if (result.ok()) outbox_.push_back(AckConfirmedMessage(*result));
    StartReadLocked();
    KickLocked();
  }

  // No more messages come; what is acked is still confirmed.
  void Leave() {
    std::shared_ptr<groups::Member> member;
    {
      absl::MutexLock lock(&mu_);
      end_when_quiet_ = true;
      member = member_;
      KickLocked();
    }
    if (member != nullptr) member->Leave();
  }

  // --- What goes out.

  void Receive(GroupEvent event) {
    absl::MutexLock lock(&mu_);
    inbox_.push_back(std::move(event));
    KickLocked();
  }

  void Kick() {
    absl::MutexLock lock(&mu_);
    KickLocked();
  }

  // Never pumps on the caller's thread, which may be a committing one.
  void KickLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    kicked_ = true;
    if (pumping_ || ended_) return;
    pumping_ = true;
    context_.readers.Schedule([call = shared_from_this()] { call->Pump(); });
  }

  // Requires that pumping_ is ours, on a thread that may wait for the disk.
  void Pump() {
    while (true) {
      GroupEvent event;
      bool has_event = false;
      {
        absl::MutexLock lock(&mu_);
        kicked_ = false;
        if (!StepLocked()) return;
        if (!inbox_.empty()) {
          event = std::move(inbox_.front());
          inbox_.pop_front();
          has_event = true;
        }
      }
      if (has_event) {
        if (absl::Status status = Apply(event); !status.ok()) return EndNow(status);
        continue;
      }
      absl::StatusOr<bool> wrote = Deliver();
      if (!wrote.ok()) return EndNow(wrote.status());
      if (*wrote) return;
      absl::MutexLock lock(&mu_);
      if (!kicked_) {
        pumping_ = false;
        return;
      }
    }
  }

  // Ends the stream or writes what waits; false if it did.
  bool StepLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (cancelled_ || end_now_) {
      EndLocked();
      return false;
    }
    if (!outbox_.empty()) {
      const v1::ConsumeResponse response = std::move(outbox_.front());
      outbox_.pop_front();
      WriteLocked(Serialize(response));
      return false;
    }
    if (end_when_quiet_ && pending_acks_ == 0) {
      EndLocked();
      return false;
    }
    if (heartbeat_due_) {
      heartbeat_due_ = false;
      v1::ConsumeResponse response;
      FillTime(context_.clock.Now(), *response.mutable_heartbeat()->mutable_time());
      WriteLocked(Serialize(response));
      return false;
    }
    return true;
  }

  absl::Status Apply(const GroupEvent& event) {
    if (const auto* assigned = std::get_if<std::vector<groups::AssignedPartition>>(&event)) {
      return ApplyAssigned(*assigned);
    }
    if (const auto* taken = std::get_if<Taking>(&event)) {
      for (const LogId log : taken->logs) {
        feed_->Remove(log);
        assigned_.erase(log);
      }
      return absl::OkStatus();
    }
    const auto& revoked = std::get<Revocation>(event);
    v1::ConsumeResponse response;
    FillTime(revoked.deadline, *response.mutable_revoked()->mutable_deadline());
    for (const LogId log : revoked.logs) {
      feed_->Remove(log);
      const auto it = assigned_.find(log);
      if (it == assigned_.end()) continue;
      v1::TopicPartition& out = *response.mutable_revoked()->add_partitions();
      out.set_topic(it->second.topic);
      out.set_partition(it->second.partition.value());
      assigned_.erase(it);
    }
    absl::MutexLock lock(&mu_);
    outbox_.push_back(std::move(response));
    return absl::OkStatus();
  }

  absl::Status ApplyAssigned(const std::vector<groups::AssignedPartition>& partitions) {
    for (const groups::AssignedPartition& assigned : partitions) {
      absl::StatusOr<log::PartitionPtr> partition =
          context_.log.OpenPartition(*assigned.topic, assigned.partition);
      if (!partition.ok()) return partition.status();
      feed_->Remove(assigned.log);
      assigned_[assigned.log] = {.topic = assigned.topic->name(), .partition = assigned.partition};
      feed_->Add({.topic = assigned.topic,
                  .index = assigned.partition,
                  .partition = *std::move(partition),
                  .next = assigned.from,
                  .until = delivery::kEndless});
    }
    caught_up_ = false;
    absl::MutexLock lock(&mu_);
    outbox_.push_back(AssignedMessage(partitions));
    return absl::OkStatus();
  }

  // Writes the next delivery, if there is one and the client has credit for it.
  absl::StatusOr<bool> Deliver() {
    delivery::FeedLimits limits;
    {
      absl::MutexLock lock(&mu_);
      if (member_ == nullptr || end_when_quiet_ || credit_events_ == 0 || credit_bytes_ == 0) {
        return false;
      }
      limits = {.events_max = credit_events_, .bytes_max = credit_bytes_};
    }
    absl::StatusOr<delivery::FeedItem> item = feed_->Next(limits, log::MayWait::kYes);
    if (!item.ok()) return item.status();
    if (!item->from_tail) caught_up_ = false;
    switch (item->kind) {
      case delivery::FeedItem::Kind::kSlice:
        return DeliverSlice(item->slice, *item->partition);
      case delivery::FeedItem::Kind::kGap:
        return WriteGap(*item);
      case delivery::FeedItem::Kind::kScanned:
        ReportScan(*item->partition);
        Kick();
        return false;
      case delivery::FeedItem::Kind::kDeleted:
        return NoSuch("topic", item->partition->topic->name(), ": it was deleted");
      default:
        return OnNothingLeft();
    }
  }

  absl::StatusOr<bool> DeliverSlice(const log::EventSlice& slice,
                                    const delivery::FeedPartition& partition) {
    const LogId log = partition.partition->log();
    const uint64_t last_delta =
        slice.offset_deltas.empty() ? slice.count - 1 : slice.offset_deltas.back();
    const Offset delivered_end = slice.base_offset + (last_delta + 1);
    const std::shared_ptr<groups::Member> member = this->member();
    if (!member->Progress(log, delivered_end, slice.next, slice.count)) {
      feed_->Remove(log);  // Revoked meanwhile; the group's event is on its way.
      Kick();
      return false;
    }
    context_.metrics.read_batches_total.Increment();
    context_.metrics.read_bytes_total.Increment(static_cast<double>(slice.bytes));
    const grpc::ByteBuffer message =
        EncodeDelivery(slice, partition.topic->name(), partition.index);
    absl::MutexLock lock(&mu_);
    credit_events_ -= std::min<uint64_t>(credit_events_, slice.count);
    credit_bytes_ -= std::min(credit_bytes_, slice.bytes);
    WriteLocked(message);
    return true;
  }

  absl::StatusOr<bool> WriteGap(const delivery::FeedItem& item) {
    v1::ConsumeResponse response;
    v1::Gap& gap = *response.mutable_gap();
    gap.set_topic(item.partition->topic->name());
    gap.set_partition(item.partition->index.value());
    gap.set_from_offset(item.gap_from.value());
    gap.set_until_offset(item.partition->next.value());
    gap.set_reason(v1::GAP_REASON_RETENTION);
    ReportScan(*item.partition);
    absl::MutexLock lock(&mu_);
    WriteLocked(Serialize(response));
    return true;
  }

  absl::StatusOr<bool> OnNothingLeft() {
    // What the filter passed since the last delivery counts as read.
    if (filtered_) {
      for (const delivery::FeedPartition* partition : feed_->partitions()) ReportScan(*partition);
    }
    if (caught_up_ || feed_->empty()) return false;
    caught_up_ = true;
    v1::ConsumeResponse response;
    response.mutable_caught_up();
    absl::MutexLock lock(&mu_);
    WriteLocked(Serialize(response));
    return true;
  }

  void ReportScan(const delivery::FeedPartition& partition) {
    // False means revoked: then the next owner scans it again.
    (void)member()->Progress(partition.partition->log(), partition.next, partition.next, 0);
  }

  std::shared_ptr<groups::Member> member() {
    absl::MutexLock lock(&mu_);
    return member_;
  }

  void WriteLocked(const grpc::ByteBuffer& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    last_write_nanos_ = base::MonotonicNanos();
    stream_.Write(message, written_.Start(shared_from_this()));
  }

  void OnWritten(bool ok) {
    {
      absl::MutexLock lock(&mu_);
      cancelled_ = cancelled_ || !ok;
    }
    context_.readers.Schedule([call = shared_from_this()] { call->Pump(); });
  }

  // --- Time and ends.

  void SetAlarmLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    alarm_.Set(&queue_, base::DueAfter(context_.heartbeat_interval / 2),
               alarm_op_.Start(shared_from_this()));
  }

  void OnAlarm(bool ok) {
    absl::MutexLock lock(&mu_);
    if (!ok || ended_) return;
    const absl::Duration silent = absl::Nanoseconds(base::MonotonicNanos() - last_write_nanos_);
    heartbeat_due_ = member_ != nullptr && silent >= context_.heartbeat_interval / 2;
    SetAlarmLocked();
    if (heartbeat_due_) KickLocked();
  }

  void OnDone(bool) {
    absl::MutexLock lock(&mu_);
    cancelled_ = true;
    KickLocked();
  }

  // From any thread: the stream ends with `status` as soon as nothing is being written.
  void EndSoon(absl::Status status) {
    absl::MutexLock lock(&mu_);
    end_now_ = true;
    if (end_status_.ok()) end_status_ = std::move(status);
    KickLocked();
  }

  // Requires that pumping_ is ours.
  void EndNow(const absl::Status& status) {
    absl::MutexLock lock(&mu_);
    if (end_status_.ok()) end_status_ = status;
    EndLocked();
  }

  void EndLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (ended_) return;
    ended_ = true;
    alarm_.Cancel();
    if (registered_) context_.calls.RemoveStream(this);
    metrics_.StreamClosed(cancelled_ ? absl::StatusCode::kCancelled : end_status_.code());
    // Leaving calls listeners, so it happens without the lock.
    context_.readers.Schedule([member = std::move(member_), feed = std::move(feed_)] {});
    stream_.Finish(ToGrpc(end_status_), finished_.Start(shared_from_this()));
  }

  void OnFinished(bool) {}

  const RpcContext& context_;
  groups::GroupCoordinator& groups_;
  ConsumerGroupsBase& service_;
  grpc::ServerCompletionQueue& queue_;
  CallCount count_;
  std::optional<ActiveCall> active_;
  metrics::MethodMetrics& metrics_;
  grpc::ServerContext grpc_context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  grpc::ByteBuffer request_;  // Of the read under way.
  bool registered_ = false;

  // Of who pumps; made before the first pump that uses them.
  std::shared_ptr<delivery::PartitionFeed> feed_;
  absl::flat_hash_map<LogId, groups::TopicPartition> assigned_;  // And not revoked.
  bool filtered_ = false;
  bool caught_up_ = false;

  absl::Mutex mu_;  // Then CallRegistry's.
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<groups::Member> member_ ABSL_GUARDED_BY(mu_);  // Set once joined.
  std::deque<GroupEvent> inbox_ ABSL_GUARDED_BY(mu_);
  std::deque<v1::ConsumeResponse> outbox_ ABSL_GUARDED_BY(mu_);
  uint64_t credit_events_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t credit_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  int pending_acks_ ABSL_GUARDED_BY(mu_) = 0;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool joining_ ABSL_GUARDED_BY(mu_) = false;
  bool pumping_ ABSL_GUARDED_BY(mu_) = false;  // Or writing: somebody will look.
  bool kicked_ ABSL_GUARDED_BY(mu_) = false;
  bool heartbeat_due_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool end_when_quiet_ ABSL_GUARDED_BY(mu_) = false;  // Once pending acks are confirmed.
  bool end_now_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mu_);
  int64_t last_write_nanos_ ABSL_GUARDED_BY(mu_) = base::MonotonicNanos();

  Op<ConsumeCall> accepted_{&ConsumeCall::OnAccepted};
  Op<ConsumeCall> read_{&ConsumeCall::OnRead};
  Op<ConsumeCall> written_{&ConsumeCall::OnWritten};
  Op<ConsumeCall> alarm_op_{&ConsumeCall::OnAlarm};
  Op<ConsumeCall> done_{&ConsumeCall::OnDone};
  Op<ConsumeCall> finished_{&ConsumeCall::OnFinished};
};

}  // namespace

void AcceptConsume(const RpcContext& context, groups::GroupCoordinator& groups,
                   ConsumerGroupsBase& service, grpc::ServerCompletionQueue& queue) {
  std::make_shared<ConsumeCall>(context, groups, service, queue)->Accept();
}

}  // namespace tidemark::rpc
