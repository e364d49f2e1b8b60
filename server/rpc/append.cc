// EventStore.Append: decode, hand to the log, answer when it is durable.
#include <grpcpp/support/async_unary_call.h>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/hash/hash.h"
#include "server/base/system_clock.h"
#include "server/rpc/append_decoder.h"
#include "server/rpc/append_encoder.h"
#include "server/rpc/byte_buffer.h"
#include "server/rpc/data_plane.h"
#include "server/rpc/status_mapping.h"
#include "server/rpc/stream_refusal.h"

namespace tidemark::rpc {
namespace {

// Requests without a key go to the partitions in turn.
uint32_t NextSpread() {
  static std::atomic<uint32_t> next{0};
  return next.fetch_add(1, std::memory_order_relaxed);
}

// Calls of one connection take turns with those of others.
log::FlowId FlowOf(const grpc::ServerContext& context) {
  return log::FlowId{absl::HashOf(context.peer())};
}

class AppendCall final : public Answering, public std::enable_shared_from_this<AppendCall> {
 public:
  AppendCall(const RpcContext& context, EventStoreBase& service, CallQueue& queue)
      : context_(context),
        service_(service),
        queue_(queue),
        count_(context.calls),
        metrics_(context.metrics.Method("EventStore/Append")),
        responder_(&grpc_context_) {}

  void Accept() {
    service_.RequestAppend(&grpc_context_, &request_, &responder_, queue_.calls.get(),
                           queue_.calls.get(), accepted_.Start(shared_from_this()));
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return;  // The server shuts down.
    active_.emplace(context_.calls);
    AcceptAppend(context_, service_, queue_);
    begin_nanos_ = base::MonotonicNanos();
    if (context_.calls.draining()) return Refuse(DrainingStatus());
    absl::StatusOr<log::AppendRequest> append =
        DecodeAppend(std::make_shared<RequestBytes>(request_), context_.limits,
                     context_.log.catalog(), NextSpread());
    if (!append.ok()) return Refuse(append.status());
    topic_ = append->topic;
    append->flow = FlowOf(grpc_context_);
    context_.log.Append(*std::move(append),
                        [call = shared_from_this()](absl::StatusOr<log::AppendResult> result) {
                          call->OnResult(std::move(result));
                        });
  }

  // On a committing thread. What is answered alone is answered at once; where there are more, the
  // queue's thread sends them together.
  void OnResult(absl::StatusOr<log::AppendResult> result) {
    result_ = std::move(result);
    if (result_.ok() && result_->alone) return Answer();
    queue_.answers.Post(shared_from_this());
  }

  void Answer() override {
    if (!result_.ok()) return Refuse(result_.status());
    Count(absl::StatusCode::kOk);
    responder_.Finish(EncodeAppendResponse(*result_, topic_->name()), grpc::Status::OK,
                      finished_.Start(shared_from_this()));
  }

  void Refuse(const absl::Status& status) {
    Count(status.code());
    responder_.FinishWithError(ToGrpc(status), finished_.Start(shared_from_this()));
  }

  void Count(absl::StatusCode code) {
    metrics_.Done(code, absl::Nanoseconds(base::MonotonicNanos() - begin_nanos_));
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
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  log::TopicPtr topic_;
  absl::StatusOr<log::AppendResult> result_;
  int64_t begin_nanos_ = 0;
  Op<AppendCall> accepted_{&AppendCall::OnAccepted};
  Op<AppendCall> finished_{&AppendCall::OnFinished};
};

}  // namespace

void AcceptAppend(const RpcContext& context, EventStoreBase& service, CallQueue& queue) {
  std::make_shared<AppendCall>(context, service, queue)->Accept();
}

}  // namespace tidemark::rpc
