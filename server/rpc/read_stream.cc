// EventStore.Read and EventStore.Subscribe: one state machine that moves a session's items into a
// stream.
//
// How.     One thing is under way at a time: looking for the next item (pumping) or writing one.
//          What happens meanwhile (new events, a heartbeat due, draining) sets a flag that the next
//          look finds. What is in memory is given out on the thread at hand; the disk is read on a
//          reader thread. The next item is looked for only after gRPC took the last one, so a slow
//          client holds one batch.
#include <grpcpp/alarm.h>
#include <grpcpp/support/async_stream.h>

#include <memory>
#include <optional>
#include <utility>

#include "server/base/error.h"
#include "server/base/system_clock.h"
#include "server/rpc/batch_encoder.h"
#include "server/rpc/byte_buffer.h"
#include "server/rpc/convert.h"
#include "server/rpc/data_plane.h"
#include "server/rpc/read_request.h"
#include "server/rpc/status_mapping.h"
#include "server/rpc/stream_refusal.h"

namespace tidemark::rpc {
namespace {

using delivery::ReadSession;

// What differs between the two methods.
struct ReadMethod {
  using Request = v1::ReadRequest;
  static constexpr char kName[] = "EventStore/Read";
  static constexpr auto kAccept = &AcceptRead;
  static constexpr auto kRequest = &EventStoreBase::RequestRead;
};
struct SubscribeMethod {
  using Request = v1::SubscribeRequest;
  static constexpr char kName[] = "EventStore/Subscribe";
  static constexpr auto kAccept = &AcceptSubscribe;
  static constexpr auto kRequest = &EventStoreBase::RequestSubscribe;
};

template <typename Method>
class ReadStreamCall final : public Drainable,
                             public std::enable_shared_from_this<ReadStreamCall<Method>> {
 public:
  ReadStreamCall(const RpcContext& context, EventStoreBase& service,
                 grpc::ServerCompletionQueue& queue)
      : context_(context),
        service_(service),
        queue_(queue),
        count_(context.calls),
        metrics_(context.metrics.Method(Method::kName)),
        writer_(&grpc_context_) {}

  void Accept() {
    grpc_context_.AsyncNotifyWhenDone(done_.Start(this->shared_from_this()));
    (service_.*Method::kRequest)(&grpc_context_, &request_, &writer_, &queue_, &queue_,
                                 accepted_.Start(this->shared_from_this()));
  }

  void Drain() override {
    {
      absl::MutexLock lock(&mu_);
      draining_ = true;
    }
    Kick();
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return done_.Drop();  // gRPC reports the end only of calls that began.
    active_.emplace(context_.calls);
    Method::kAccept(context_, service_, queue_);
    metrics_.StreamOpened();
    typename Method::Request request;
    const FlatBytes bytes = Flatten(request_);
    request_.Clear();
    {
      absl::MutexLock lock(&mu_);
      pumping_ = true;
    }
    if (!request.ParseFromArray(bytes.bytes.data(), static_cast<int>(bytes.bytes.size()))) {
      return End(InvalidField("request", "is malformed", "MALFORMED"));
    }
    registered_ = context_.calls.AddStream(this->weak_from_this(), this);
    if (!registered_) return End(StreamRefused(context_.calls, context_.limits));
    absl::StatusOr<delivery::ReadSpec> spec =
        FromProto(request, context_.limits, context_.log.catalog());
    if (!spec.ok()) return End(spec.status());
    context_.readers.Schedule([call = this->shared_from_this(), spec = *std::move(spec)]() mutable {
      call->Open(std::move(spec));
    });
  }

  void Open(delivery::ReadSpec spec) {
    absl::StatusOr<std::unique_ptr<ReadSession>> session =
        ReadSession::Open(context_.log, std::move(spec), [weak = this->weak_from_this()] {
          // On a committing thread: leave it at once.
          if (const auto call = weak.lock()) {
            call->context_.readers.Schedule([call] { call->Kick(); });
          }
        });
    if (!session.ok()) return End(session.status());
    session_ = *std::move(session);
    SetHeartbeat();
    Pump(log::MayWait::kYes);
  }

  // Looks for the next item, unless somebody does already.
  void Kick() {
    {
      absl::MutexLock lock(&mu_);
      kicked_ = true;
      if (pumping_ || ended_) return;
      pumping_ = true;
    }
    Pump(log::MayWait::kNo);
  }

  // Requires that pumping_ is ours. Ends with a write under way, the work handed to a reader
  // thread, the stream ended, or nothing to do.
  void Pump(log::MayWait may_wait) {
    while (true) {
      bool heartbeat = false;
      {
        absl::MutexLock lock(&mu_);
        kicked_ = false;
        if (cancelled_) return EndLocked(absl::CancelledError("the client is gone"));
        if (drained_) return EndLocked(DrainingStatus());
        if (draining_) {
          drained_ = true;
          return WriteLocked(DrainingMessage());
        }
        heartbeat = std::exchange(heartbeat_due_, false);
      }
      if (heartbeat) return Write(HeartbeatMessage());
      absl::StatusOr<ReadSession::Item> item = session_->Next(may_wait);
      if (!item.ok()) return End(item.status());
      if (item->kind == ReadSession::Item::Kind::kEnd) return End(absl::OkStatus());
      if (item->kind == ReadSession::Item::Kind::kNeedsStore) {
        context_.readers.Schedule(
            [call = this->shared_from_this()] { call->Pump(log::MayWait::kYes); });
        return;
      }
      if (item->kind != ReadSession::Item::Kind::kIdle) return Write(Encode(*item));
      absl::MutexLock lock(&mu_);
      if (!kicked_) {
        pumping_ = false;
        return;
      }
    }
  }

  grpc::ByteBuffer Encode(const ReadSession::Item& item) {
    const std::string& topic = session_->topic().name();
    v1::ReadResponse response;
    switch (item.kind) {
      case ReadSession::Item::Kind::kBatch:
        context_.metrics.read_batches_total.Increment();
        context_.metrics.read_bytes_total.Increment(static_cast<double>(item.slice.bytes));
        return EncodeReadBatch(item.slice, topic, item.partition);
      case ReadSession::Item::Kind::kCaughtUp:
        response.mutable_caught_up()->set_cursor(item.cursor);
        break;
      case ReadSession::Item::Kind::kFellBehind:
        response.mutable_fell_behind();
        break;
      case ReadSession::Item::Kind::kCheckpoint:
        response.mutable_checkpoint()->set_cursor(item.cursor);
        break;
      default: {
        v1::Gap& gap = *response.mutable_gap();
        gap.set_topic(topic);
        gap.set_partition(item.partition.value());
        gap.set_from_offset(item.gap.from.value());
        gap.set_until_offset(item.gap.until.value());
        gap.set_reason(v1::GAP_REASON_RETENTION);
      }
    }
    return Serialize(response);
  }

  grpc::ByteBuffer DrainingMessage() {
    v1::ReadResponse response;
    response.mutable_draining();
    if (session_ != nullptr) response.mutable_draining()->set_cursor(session_->CursorText());
    return Serialize(response);
  }

  // A stream that moved without a match says where it is.
  grpc::ByteBuffer HeartbeatMessage() {
    v1::ReadResponse response;
    if (session_->TakeMoved()) {
      response.mutable_checkpoint()->set_cursor(session_->CursorText());
    } else {
      FillTime(context_.clock.Now(), *response.mutable_heartbeat()->mutable_time());
    }
    return Serialize(response);
  }

  void Write(const grpc::ByteBuffer& message) {
    absl::MutexLock lock(&mu_);
    if (cancelled_) return EndLocked(absl::CancelledError("the client is gone"));
    WriteLocked(message);
  }

  void WriteLocked(const grpc::ByteBuffer& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    last_write_nanos_ = base::MonotonicNanos();
    writer_.Write(message, written_.Start(this->shared_from_this()));
  }

  void OnWritten(bool ok) {
    if (!ok) return End(absl::CancelledError("the client is gone"));
    Pump(log::MayWait::kNo);
  }

  void SetHeartbeat() {
    absl::MutexLock lock(&mu_);
    if (ended_) return;
    alarm_.Set(&queue_, base::DueAfter(context_.heartbeat_interval / 2),
               alarm_op_.Start(this->shared_from_this()));
  }

  // Twice an interval: due if nothing was written for half of it.
  void OnAlarm(bool ok) {
    if (!ok) return;  // Cancelled: the stream ends.
    {
      absl::MutexLock lock(&mu_);
      if (ended_) return;
      const absl::Duration silent = absl::Nanoseconds(base::MonotonicNanos() - last_write_nanos_);
      heartbeat_due_ = silent >= context_.heartbeat_interval / 2;
    }
    SetHeartbeat();
    Kick();
  }

  // gRPC saw the call end: cancelled, broken, or finished by us.
  void OnDone(bool) {
    {
      absl::MutexLock lock(&mu_);
      if (ended_) return;
      cancelled_ = true;
    }
    Kick();
  }

  void End(const absl::Status& status) {
    absl::MutexLock lock(&mu_);
    EndLocked(status);
  }

  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (ended_) return;
    ended_ = true;
    alarm_.Cancel();
    if (registered_) context_.calls.RemoveStream(this);
    metrics_.StreamClosed(status.code());
    writer_.Finish(ToGrpc(status), finished_.Start(this->shared_from_this()));
  }

  void OnFinished(bool) {}

  const RpcContext& context_;
  EventStoreBase& service_;
  grpc::ServerCompletionQueue& queue_;
  CallCount count_;
  std::optional<ActiveCall> active_;
  metrics::MethodMetrics& metrics_;
  grpc::ServerContext grpc_context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_;
  bool registered_ = false;
  std::unique_ptr<ReadSession> session_;  // Of who pumps.

  absl::Mutex mu_;  // Then CallRegistry's.
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mu_);
  bool pumping_ ABSL_GUARDED_BY(mu_) = false;  // Or writing, or opening: somebody will look.
  bool kicked_ ABSL_GUARDED_BY(mu_) = false;   // Look again before going idle.
  bool heartbeat_due_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool drained_ ABSL_GUARDED_BY(mu_) = false;  // Draining was written.
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  int64_t last_write_nanos_ ABSL_GUARDED_BY(mu_) = base::MonotonicNanos();

  using Call = ReadStreamCall<Method>;
  Op<Call> accepted_{&Call::OnAccepted};
  Op<Call> written_{&Call::OnWritten};
  Op<Call> alarm_op_{&Call::OnAlarm};
  Op<Call> done_{&Call::OnDone};
  Op<Call> finished_{&Call::OnFinished};
};

}  // namespace

void AcceptRead(const RpcContext& context, EventStoreBase& service,
                grpc::ServerCompletionQueue& queue) {
  std::make_shared<ReadStreamCall<ReadMethod>>(context, service, queue)->Accept();
}

void AcceptSubscribe(const RpcContext& context, EventStoreBase& service,
                     grpc::ServerCompletionQueue& queue) {
  std::make_shared<ReadStreamCall<SubscribeMethod>>(context, service, queue)->Accept();
}

}  // namespace tidemark::rpc
