// EventStore.Read and EventStore.Subscribe: one state machine that moves a session's items into a
// stream.
//
// How.     Two things go on: looking for the next item (pumping) and writing one; each once at a
//          time. What happens meanwhile (new events, a heartbeat due, draining) sets a flag that
//          the next look finds. What is in memory is given out on the thread at hand, and the next
//          item is looked for after gRPC took the last one. History is read on a reader thread,
//          a page a turn, and ahead of the writes while the client is the faster one.
// Bounds.  A slow client costs the message gRPC holds and the page it was cut from. Ahead of it
//          are at most kAheadBytesMax and one batch, and nothing if the client keeps us waiting.
//          All streams together: SendBudget. While others wait for room, a client that takes
//          nothing for kSlowAfter is let go of.
#include <grpcpp/alarm.h>
#include <grpcpp/support/async_stream.h>

#include <algorithm>
#include <atomic>
#include <deque>
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

// What may wait to be written while history is read: enough to hide a page's reading behind the
// sending of the page before, and little enough to stay in a core's cache.
constexpr uint64_t kAheadBytesMin = 128ull << 10;
constexpr uint64_t kAheadBytesMax = 512ull << 10;
// After giving out so much a session goes to the end of the queue of reader threads, if others are
// in it.
constexpr uint64_t kTurnBytes = 256ull << 10;
// A smaller message that is followed by another is not sent off on its own.
constexpr uint64_t kHintBytesMax = 16ull << 10;
// A client that takes nothing for so long is not waited for at shutdown.
constexpr absl::Duration kStuckAfter = absl::Milliseconds(500);
// And this long while others wait for the room that its history takes.
constexpr absl::Duration kSlowAfter = absl::Seconds(2);

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
                             public SendBudget::Waiter,
                             public Answering,
                             public std::enable_shared_from_this<ReadStreamCall<Method>> {
 public:
  ReadStreamCall(const RpcContext& context, EventStoreBase& service, CallQueue& queue)
      : context_(context),
        service_(service),
        queue_(queue),
        count_(context.calls),
        metrics_(context.metrics.Method(Method::kName)),
        writer_(&grpc_context_) {}

  void Accept() {
    grpc_context_.AsyncNotifyWhenDone(done_.Start(this->shared_from_this()));
    (service_.*Method::kRequest)(&grpc_context_, &request_, &writer_, queue_.calls.get(),
                                 queue_.calls.get(), accepted_.Start(this->shared_from_this()));
  }

  void Drain() override {
    {
      absl::MutexLock lock(&mu_);
      draining_ = true;
      if (ended_) return;
      if (!watching_) WatchLocked();
    }
    Kick();
    context_.sends.Hurry(this);
  }

  void OnRoom() override { PumpOnReader(); }

  void Answer() override {
    woken_.store(false, std::memory_order_release);
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
          if (const auto call = weak.lock()) call->Wake();
        });
    if (!session.ok()) return End(session.status());
    session_ = *std::move(session);
    SetHeartbeat();
    Pump(log::MayWait::kNo);
  }

  // Has the queue's thread look, which also answers the appends of the same commit.
  void Wake() {
    if (!woken_.exchange(true, std::memory_order_acq_rel)) {
      queue_.answers.Post(this->shared_from_this());
    }
  }

  // Looks for the next item, unless somebody does already or will after a write.
  void Kick() {
    {
      absl::MutexLock lock(&mu_);
      kicked_ = true;
      if (pumping_ || writing_ || end_.has_value()) return;
      pumping_ = true;
    }
    Pump(log::MayWait::kNo);
  }

  // Others are live, and this one has yet to catch up. Of who pumps.
  bool HoldsBack() const {
    return !session_->live() && context_.pace.holds_back(base::MonotonicNanos());
  }

  // What is at hand, when history's turn comes.
  void PumpInTurn() {
    context_.readers.Schedule([call = this->shared_from_this()] { call->Pump(log::MayWait::kNo); });
  }

  void PumpOnReader() {
    context_.readers.Schedule([call = this->shared_from_this()] {
      call->Pump(log::MayWait::kYes);
      call->context_.sends.Leave();
    });
  }

  // Requires that pumping_ is ours. Ends with a write under way, the work handed to a reader
  // thread, the end known, or nothing to do.
  void Pump(log::MayWait may_wait) {
    const bool on_reader = may_wait == log::MayWait::kYes;
    uint64_t given_bytes = 0;
    while (true) {
      // Who holds back writes each message from the turn it was read in.
      const bool holds_back = HoldsBack();
      if (!BeginLook(/*ahead=*/on_reader && !holds_back)) return;
      if (given_bytes >= kTurnBytes) {
        if (context_.readers.crowded()) return PumpOnReader();
        given_bytes = 0;
      }
      absl::StatusOr<ReadSession::Item> item =
          session_->Next(may_wait, holds_back ? base::HistoryPace::kShortTurnBytes : UINT64_MAX);
      if (!item.ok()) return End(item.status());
      switch (item->kind) {
        case ReadSession::Item::Kind::kEnd:
          return End(absl::OkStatus());
        case ReadSession::Item::Kind::kNeedsStore:
          // Nothing is at hand here, so nothing is held while it waits.
          if (context_.sends.Enter(this->weak_from_this(), writes_ > 1)) PumpOnReader();
          return;
        case ReadSession::Item::Kind::kIdle: {
          absl::MutexLock lock(&mu_);
          behind_ = false;
          if (kicked_) break;
          pumping_ = false;
          return;
        }
        default: {
          const bool is_batch = item->kind == ReadSession::Item::Kind::kBatch;
          if (is_batch && session_->live()) {
            context_.pace.LiveDelivered(item->slice.bytes, base::MonotonicNanos());
          }
          const grpc::ByteBuffer message = Encode(*item);
          // A turn ends by what was looked at, too.
          given_bytes += on_reader ? std::max<uint64_t>(message.Length(), kTurnBytes / 64) : 0;
          absl::MutexLock lock(&mu_);
          behind_ = (on_reader || behind_) && item->kind != ReadSession::Item::Kind::kCaughtUp;
          PutLocked(message);
        }
      }
    }
  }

  // What comes before the next item. False: looking is over for now, and pumping_ no longer ours.
  bool BeginLook(bool ahead) {
    absl::MutexLock lock(&mu_);
    kicked_ = false;
    if (cancelled_) {
      EndLocked(absl::CancelledError("the client is gone"));
      return false;
    }
    if (writing_ && !(ahead && ahead_bytes_ < ahead_bytes_max_)) {
      pumping_ = false;
      return false;
    }
    if (draining_) {
      PutLocked(DrainingMessage());
      EndLocked(DrainingStatus());
      return false;
    }
    if (std::exchange(heartbeat_due_, false)) PutLocked(HeartbeatMessage());
    return true;
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
        gap.set_reason(ToProto(item.gap_reason));
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

  void PutLocked(const grpc::ByteBuffer& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!writing_) return WriteLocked(message);
    ahead_bytes_ += message.Length();
    ahead_.push_back(message);
    ChargeLocked();
  }

  // What the stream holds: the messages, and while it is behind the page they were cut from.
  void ChargeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const uint64_t page_bytes = writing_ && behind_ ? kTurnBytes : 0;
    const uint64_t bytes = std::max(page_bytes, writing_bytes_ + ahead_bytes_);
    if (bytes == charged_bytes_) return;
    context_.sends.Change(std::exchange(charged_bytes_, bytes), bytes);
  }

  void WriteLocked(const grpc::ByteBuffer& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    writing_ = true;
    writing_bytes_ = message.Length();
    ChargeLocked();
    last_write_nanos_ = base::MonotonicNanos();
    if (behind_ && !watching_) WatchLocked();
    grpc::WriteOptions options;
    if (!ahead_.empty() && message.Length() <= kHintBytesMax) options.set_buffer_hint();
    writer_.Write(message, options, written_.Start(this->shared_from_this()));
  }

  void OnWritten(bool ok) {
    bool reading_ahead = false;
    {
      absl::MutexLock lock(&mu_);
      writing_ = false;
      writing_bytes_ = 0;
      ++writes_;
      if (!ok) cancelled_ = kicked_ = true;
      WriteNextLocked();
      if (pumping_ || end_.has_value() || ahead_bytes_ > ahead_bytes_max_ / 2) return;
      pumping_ = true;
      reading_ahead = writing_ && behind_;
    }
    if (reading_ahead) return PumpOnReader();
    if (HoldsBack()) return PumpInTurn();
    Pump(log::MayWait::kNo);
  }

  void WriteNextLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (cancelled_) {
      ahead_.clear();
      ahead_bytes_ = 0;
      ChargeLocked();
    }
    if (!ahead_.empty()) {
      const grpc::ByteBuffer message = ahead_.front();  // Refers to the same memory.
      ahead_.pop_front();
      ahead_bytes_ -= message.Length();
      return WriteLocked(message);
    }
    ChargeLocked();
    if (end_.has_value()) return FinishLocked();
    // The client waits for us.
    if (behind_) {
      ahead_bytes_max_ = std::clamp(2 * ahead_bytes_max_, kAheadBytesMin, kAheadBytesMax);
    }
  }

  void SetHeartbeat() {
    absl::MutexLock lock(&mu_);
    if (ended_) return;
    alarm_.Set(queue_.calls.get(), base::DueAfter(context_.heartbeat_interval / 2),
               alarm_op_.Start(this->shared_from_this()));
  }

  // Twice an interval: due if nothing was written for half of it.
  void OnAlarm(bool ok) {
    if (!ok) return;  // Cancelled: the stream ends.
    {
      absl::MutexLock lock(&mu_);
      if (ended_) return;
      heartbeat_due_ = SilentLocked() >= context_.heartbeat_interval / 2;
    }
    SetHeartbeat();
    Kick();
  }

  absl::Duration SilentLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return absl::Nanoseconds(base::MonotonicNanos() - last_write_nanos_);
  }

  void WatchLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    watching_ = true;
    watch_.Set(queue_.calls.get(), base::DueAfter(kStuckAfter),
               watch_op_.Start(this->shared_from_this()));
  }

  // Who takes nothing is let go of: while draining, and while others wait for room.
  void OnWatch(bool ok) {
    absl::MutexLock lock(&mu_);
    watching_ = false;
    if (!ok || ended_) return;
    const absl::Duration silent = writing_ ? SilentLocked() : absl::ZeroDuration();
    if (draining_ && silent >= kStuckAfter) return grpc_context_.TryCancel();
    if (behind_ && silent >= kSlowAfter && context_.sends.crowded()) {
      context_.metrics.slow_readers_total.Increment();
      return grpc_context_.TryCancel();
    }
    if (draining_ || (behind_ && writing_)) WatchLocked();
  }

  // gRPC saw the call end: cancelled, broken, or finished by us.
  void OnDone(bool) {
    {
      absl::MutexLock lock(&mu_);
      if (ended_) return;
      cancelled_ = true;
    }
    Kick();
    context_.sends.Hurry(this);
  }

  // Requires that pumping_ is ours: nobody looks any more. What waits to be written goes first.
  void End(const absl::Status& status) {
    absl::MutexLock lock(&mu_);
    EndLocked(status);
  }

  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (end_.has_value()) return;
    end_ = status;
    pumping_ = false;
    if (!writing_) WriteNextLocked();
  }

  void FinishLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    ended_ = true;
    alarm_.Cancel();
    watch_.Cancel();
    if (registered_) context_.calls.RemoveStream(this);
    metrics_.StreamClosed(end_->code());
    writer_.Finish(ToGrpc(*end_), finished_.Start(this->shared_from_this()));
  }

  void OnFinished(bool) {}

  const RpcContext& context_;
  EventStoreBase& service_;
  CallQueue& queue_;
  CallCount count_;
  std::optional<ActiveCall> active_;
  metrics::MethodMetrics& metrics_;
  grpc::ServerContext grpc_context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_;
  bool registered_ = false;
  std::atomic<bool> woken_ = false;       // Listed with the queue's answers.
  std::unique_ptr<ReadSession> session_;  // Of who pumps.

  absl::Mutex mu_;  // Then CallRegistry's.
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mu_);
  grpc::Alarm watch_ ABSL_GUARDED_BY(mu_);
  bool pumping_ ABSL_GUARDED_BY(mu_) = false;  // Or opening: somebody will look.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool kicked_ ABSL_GUARDED_BY(mu_) = false;  // Look again before going idle.
  bool heartbeat_due_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);  // To finish with once all is written.
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  int64_t last_write_nanos_ ABSL_GUARDED_BY(mu_) = base::MonotonicNanos();
  // Read from the store, not yet written; only while writing_.
  std::deque<grpc::ByteBuffer> ahead_ ABSL_GUARDED_BY(mu_);
  uint64_t ahead_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t writing_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::atomic<uint64_t> writes_ = 0;                   // Completed.
  bool watching_ ABSL_GUARDED_BY(mu_) = false;         // watch_ is set.
  uint64_t charged_bytes_ ABSL_GUARDED_BY(mu_) = 0;    // In context_.sends.
  uint64_t ahead_bytes_max_ ABSL_GUARDED_BY(mu_) = 0;  // Grows while the client keeps up.
  bool behind_ ABSL_GUARDED_BY(mu_) = true;            // The last item came from a reader thread.

  using Call = ReadStreamCall<Method>;
  Op<Call> accepted_{&Call::OnAccepted};
  Op<Call> written_{&Call::OnWritten};
  Op<Call> alarm_op_{&Call::OnAlarm};
  Op<Call> watch_op_{&Call::OnWatch};
  Op<Call> done_{&Call::OnDone};
  Op<Call> finished_{&Call::OnFinished};
};

}  // namespace

void AcceptRead(const RpcContext& context, EventStoreBase& service, CallQueue& queue) {
  std::make_shared<ReadStreamCall<ReadMethod>>(context, service, queue)->Accept();
}

void AcceptSubscribe(const RpcContext& context, EventStoreBase& service, CallQueue& queue) {
  std::make_shared<ReadStreamCall<SubscribeMethod>>(context, service, queue)->Accept();
}

}  // namespace tidemark::rpc
