// EventStore.AppendStream: many requests in flight, answered in order.
//
// How.     Each request gets a slot at the end of a queue; its outcome, whenever it comes, goes
// into
//          the slot; the front is written as soon as it has one. Reading pauses while the slots are
//          at their limit, which HTTP/2 flow control passes on to the client.
// Threads. Reads complete on a queue's thread, outcomes arrive on a committing thread: one lock.
//          Answers are written by the queue's thread, but for one that is alone in its commit.
#include <grpcpp/support/async_stream.h>

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/rpc/append_decoder.h"
#include "server/rpc/append_encoder.h"
#include "server/rpc/byte_buffer.h"
#include "server/rpc/data_plane.h"
#include "server/rpc/offset_commits.h"
#include "server/rpc/status_mapping.h"
#include "server/rpc/stream_refusal.h"

namespace tidemark::rpc {
namespace {

// Each stream takes turns with all others, whatever connection it is on.
log::FlowId NextFlow() {
  static std::atomic<uint64_t> next{1};
  return log::FlowId{next.fetch_add(1, std::memory_order_relaxed)};
}

class AppendStreamCall final : public Drainable,
                               public Answering,
                               public std::enable_shared_from_this<AppendStreamCall> {
 public:
  AppendStreamCall(const RpcContext& context, groups::GroupCoordinator& groups,
                   EventStoreBase& service, CallQueue& queue)
      : context_(context),
        groups_(groups),
        service_(service),
        queue_(queue),
        count_(context.calls),
        metrics_(context.metrics.Method("EventStore/AppendStream")),
        stream_(&grpc_context_) {}

  void Accept() {
    service_.RequestAppendStream(&grpc_context_, &stream_, queue_.calls.get(), queue_.calls.get(),
                                 accepted_.Start(shared_from_this()));
  }

  void Drain() override {
    absl::MutexLock lock(&mu_);
    EndReadingLocked(DrainingStatus());
  }

 private:
  struct Slot {
    uint64_t bytes = 0;
    std::optional<grpc::ByteBuffer> outcome;
  };

  void OnAccepted(bool ok) {
    if (!ok) return;
    active_.emplace(context_.calls);
    AcceptAppendStream(context_, groups_, service_, queue_);
    metrics_.StreamOpened();
    registered_ = context_.calls.AddStream(weak_from_this(), this);
    absl::MutexLock lock(&mu_);
    if (!registered_) return EndReadingLocked(StreamRefused(context_.calls, context_.limits));
    StartReadLocked();
  }

  void StartReadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    reading_ = true;
    stream_.Read(&request_, read_.Start(shared_from_this()));
  }

  void OnRead(bool ok) {
    uint64_t id = 0;
    {
      absl::MutexLock lock(&mu_);
      reading_ = false;
      if (!ok) return EndReadingLocked(absl::OkStatus());  // The client closed its side.
      if (reading_ended_) return;  // Draining: this request is not taken, and the client knows.
      id = next_id_;
    }
    const auto bytes = std::make_shared<RequestBytes>(request_);
    bool is_message = true;
    absl::StatusOr<DecodedAppend> append = DecodeAppend(
        bytes, context_.limits, context_.log.catalog(), static_cast<uint32_t>(id), &is_message);
    {
      absl::MutexLock lock(&mu_);
      if (!is_message) {
        return EndReadingLocked(InvalidField("request", "is not an AppendRequest", "MALFORMED"));
      }
      if (reading_ended_) return;
      ++next_id_;
      slots_.push_back({.bytes = bytes->size(), .outcome = std::nullopt});
      inflight_bytes_ += bytes->size();
    }
    Append(id, std::move(append));
    absl::MutexLock lock(&mu_);
    ContinueReadingLocked();
  }

  void ContinueReadingLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (reading_ || reading_ended_) return;
    if (slots_.size() >= context_.limits.append_stream_inflight_requests_max ||
        inflight_bytes_ >= context_.limits.append_stream_inflight_bytes_max) {
      return;  // Goes on when an answer is written.
    }
    StartReadLocked();
  }

  void Append(uint64_t id, absl::StatusOr<DecodedAppend> append) {
    absl::Status status = append.status();
    if (status.ok()) status = TakePart(groups_, *append);
    if (!status.ok()) {
      absl::MutexLock lock(&mu_);
      SlotOfLocked(id).outcome = EncodeAppendOutcome(status, "", context_.log.catalog());
      return WriteNextLocked();
    }
    append->request.flow = flow_;
    append->request.in_order = true;
    log::TopicPtr topic = append->request.topic;
    context_.log.Append(std::move(append->request),
                        [call = shared_from_this(), id, topic = std::move(topic)](
                            const absl::StatusOr<log::AppendResult>& result) {
                          call->OnResult(id, *topic, result);
                        });
  }

  // On a committing thread. What is answered alone is answered at once; where there are more, the
  // queue's thread sends them together.
  void OnResult(uint64_t id, const log::Topic& topic,
                const absl::StatusOr<log::AppendResult>& result) {
    grpc::ByteBuffer outcome = EncodeAppendOutcome(result, topic.name(), context_.log.catalog());
    absl::MutexLock lock(&mu_);
    SlotOfLocked(id).outcome = std::move(outcome);
    if (result.ok() && result->alone) return WriteNextLocked();
    if (writing_ || posted_ || !slots_.front().outcome.has_value()) return;
    posted_ = true;
    queue_.answers.Post(shared_from_this());
  }

  void Answer() override {
    absl::MutexLock lock(&mu_);
    posted_ = false;
    WriteNextLocked();
    ContinueReadingLocked();
  }

  Slot& SlotOfLocked(uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return slots_[id - first_id_];
  }

  void WriteNextLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (writing_ || finished_) return;
    if (slots_.empty()) {
      if (reading_ended_) FinishLocked();
      return;
    }
    if (!slots_.front().outcome.has_value()) return;
    const grpc::ByteBuffer outcome = *std::move(slots_.front().outcome);
    inflight_bytes_ -= slots_.front().bytes;
    slots_.pop_front();
    ++first_id_;
    if (broken_) return WriteNextLocked();  // Nobody listens; only count down.
    writing_ = true;
    grpc::WriteOptions options;
    // More follows at once: let gRPC send both together. Not the first: it carries the headers, and
    // gRPC holds its completion back until they are sent, which the hint does not make it do.
    const bool more = !slots_.empty() && slots_.front().outcome.has_value();
    if (more && written_once_) options.set_buffer_hint();
    written_once_ = true;
    stream_.Write(outcome, options, written_.Start(shared_from_this()));
  }

  void OnWritten(bool ok) {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    if (!ok) {
      broken_ = true;
      EndReadingLocked(absl::CancelledError("the client is gone"));
    }
    WriteNextLocked();
    ContinueReadingLocked();
  }

  // No request is taken any more; the stream ends with `status` when all are answered.
  void EndReadingLocked(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!reading_ended_) end_status_ = std::move(status);
    reading_ended_ = true;
    WriteNextLocked();
  }

  void FinishLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    finished_ = true;
    if (registered_) context_.calls.RemoveStream(this);
    metrics_.StreamClosed(end_status_.code());
    stream_.Finish(ToGrpc(end_status_), finished_op_.Start(shared_from_this()));
  }

  void OnFinished(bool) {}

  const RpcContext& context_;
  groups::GroupCoordinator& groups_;
  EventStoreBase& service_;
  CallQueue& queue_;
  CallCount count_;
  std::optional<ActiveCall> active_;
  metrics::MethodMetrics& metrics_;
  grpc::ServerContext grpc_context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  const log::FlowId flow_ = NextFlow();
  bool registered_ = false;

  absl::Mutex mu_;  // Then CallRegistry's.
  grpc::ByteBuffer request_;
  std::deque<Slot> slots_ ABSL_GUARDED_BY(mu_);  // Of requests first_id_ to next_id_.
  uint64_t first_id_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t inflight_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool reading_ended_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool written_once_ ABSL_GUARDED_BY(mu_) = false;
  bool posted_ ABSL_GUARDED_BY(mu_) = false;  // Answer will be called.
  bool broken_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mu_);

  Op<AppendStreamCall> accepted_{&AppendStreamCall::OnAccepted};
  Op<AppendStreamCall> read_{&AppendStreamCall::OnRead};
  Op<AppendStreamCall> written_{&AppendStreamCall::OnWritten};
  Op<AppendStreamCall> finished_op_{&AppendStreamCall::OnFinished};
};

}  // namespace

void AcceptAppendStream(const RpcContext& context, groups::GroupCoordinator& groups,
                        EventStoreBase& service, CallQueue& queue) {
  std::make_shared<AppendStreamCall>(context, groups, service, queue)->Accept();
}

}  // namespace tidemark::rpc
