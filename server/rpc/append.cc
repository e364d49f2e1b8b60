// EventStore.Append: decode, hand to the log, answer when it is durable.
#include <grpcpp/support/async_unary_call.h>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

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

class AppendCall final : public std::enable_shared_from_this<AppendCall> {
 public:
  AppendCall(const RpcContext& context, EventStoreBase& service, grpc::ServerCompletionQueue& queue)
      : context_(context),
        service_(service),
        queue_(queue),
        count_(context.calls),
        metrics_(context.metrics.Method("EventStore/Append")),
        responder_(&grpc_context_) {}

  void Accept() {
    service_.RequestAppend(&grpc_context_, &request_, &responder_, &queue_, &queue_,
                           accepted_.Start(shared_from_this()));
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return;  // The server shuts down.
    active_.emplace(context_.calls);
    AcceptAppend(context_, service_, queue_);
    begin_nanos_ = base::MonotonicNanos();
    if (context_.calls.draining()) return Refuse(DrainingStatus());
    absl::StatusOr<log::AppendRequest> append =
        DecodeAppend(Flatten(request_), context_.limits, context_.log.catalog(), NextSpread());
    request_.Clear();
    if (!append.ok()) return Refuse(append.status());
    topic_ = append->topic;
    context_.log.Append(*std::move(append),
                        [call = shared_from_this()](absl::StatusOr<log::AppendResult> result) {
                          call->Answer(std::move(result));
                        });
  }

  void Answer(absl::StatusOr<log::AppendResult> result) {
    if (!result.ok()) return Refuse(result.status());
    Count(absl::StatusCode::kOk);
    responder_.Finish(EncodeAppendResponse(*result, topic_->name()), grpc::Status::OK,
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
  grpc::ServerCompletionQueue& queue_;
  CallCount count_;
  std::optional<ActiveCall> active_;
  metrics::MethodMetrics& metrics_;
  grpc::ServerContext grpc_context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  log::TopicPtr topic_;
  int64_t begin_nanos_ = 0;
  Op<AppendCall> accepted_{&AppendCall::OnAccepted};
  Op<AppendCall> finished_{&AppendCall::OnFinished};
};

}  // namespace

void AcceptAppend(const RpcContext& context, EventStoreBase& service,
                  grpc::ServerCompletionQueue& queue) {
  std::make_shared<AppendCall>(context, service, queue)->Accept();
}

}  // namespace tidemark::rpc
