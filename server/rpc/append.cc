// EventStore.Append and Transact: decode, hand to the log, answer when it is durable.
#include <grpc/support/time.h>
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
#include "server/rpc/offset_commits.h"
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

// On base::MonotonicNanos.
int64_t DeadlineOf(const grpc::ServerContext& context) {
  const gpr_timespec deadline = gpr_convert_clock_type(context.raw_deadline(), GPR_CLOCK_MONOTONIC);
  if (gpr_time_cmp(deadline, gpr_inf_future(GPR_CLOCK_MONOTONIC)) == 0) return log::kNoDeadline;
  return absl::ToInt64Nanoseconds(absl::Seconds(deadline.tv_sec) +
                                  absl::Nanoseconds(deadline.tv_nsec));
}

// What makes Append and Transact two methods.
struct AppendMethod {
  static constexpr char kName[] = "EventStore/Append";
  static void Request(EventStoreBase& service, grpc::ServerContext* context,
                      grpc::ByteBuffer* request,
                      grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>* responder,
                      grpc::ServerCompletionQueue* queue, void* tag) {
    service.RequestAppend(context, request, responder, queue, queue, tag);
  }
  static absl::StatusOr<DecodedAppend> Decode(std::shared_ptr<RequestBytes> request,
                                              const RpcContext& context) {
    return DecodeAppend(std::move(request), context.limits, context.log.catalog(), NextSpread());
  }
  static grpc::ByteBuffer Encode(const log::AppendResult& result, const log::TopicPtr& topic,
                                 const log::Catalog& catalog) {
    return EncodeAppendResponse(result, topic->name(), catalog);
  }
};

struct TransactMethod {
  static constexpr char kName[] = "EventStore/Transact";
  static void Request(EventStoreBase& service, grpc::ServerContext* context,
                      grpc::ByteBuffer* request,
                      grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>* responder,
                      grpc::ServerCompletionQueue* queue, void* tag) {
    service.RequestTransact(context, request, responder, queue, queue, tag);
  }
  static absl::StatusOr<DecodedAppend> Decode(std::shared_ptr<RequestBytes> request,
                                              const RpcContext& context) {
    return DecodeTransact(std::move(request), context.limits, context.log.catalog(), NextSpread());
  }
  static grpc::ByteBuffer Encode(const log::AppendResult& result, const log::TopicPtr&,
                                 const log::Catalog& catalog) {
    return EncodeTransactResponse(result, catalog);
  }
};

template <typename Method>
class AppendCall final : public Answering, public std::enable_shared_from_this<AppendCall<Method>> {
 public:
  AppendCall(const RpcContext& context, groups::GroupCoordinator& groups, EventStoreBase& service,
             CallQueue& queue)
      : context_(context),
        groups_(groups),
        service_(service),
        queue_(queue),
        count_(context.calls),
        metrics_(context.metrics.Method(Method::kName)),
        responder_(&grpc_context_) {}

  void Accept() {
    Method::Request(service_, &grpc_context_, &request_, &responder_, queue_.calls.get(),
                    accepted_.Start(this->shared_from_this()));
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return;  // The server shuts down.
    active_.emplace(context_.calls);
    std::make_shared<AppendCall>(context_, groups_, service_, queue_)->Accept();
    begin_nanos_ = base::MonotonicNanos();
    if (context_.calls.draining()) return Refuse(DrainingStatus());
    const int64_t deadline_nanos = DeadlineOf(grpc_context_);
    // Nobody waits: not worth a look at the request.
    if (deadline_nanos <= begin_nanos_) return Refuse(log::DeadlinePassed());
    absl::StatusOr<DecodedAppend> append =
        Method::Decode(std::make_shared<RequestBytes>(request_), context_);
    if (!append.ok()) return Refuse(append.status());
    if (absl::Status status = TakePart(groups_, *append); !status.ok()) return Refuse(status);
    topic_ = append->request.topic;
    append->request.flow = FlowOf(grpc_context_);
    append->request.deadline_nanos = deadline_nanos;
    context_.log.Append(std::move(append->request), [call = this->shared_from_this()](
                                                        absl::StatusOr<log::AppendResult> result) {
      call->OnResult(std::move(result));
    });
  }

  // On a committing thread. What is answered alone is answered at once; where there are more, the
  // queue's thread sends them together.
  void OnResult(absl::StatusOr<log::AppendResult> result) {
    result_ = std::move(result);
    if (result_.ok() && result_->alone) return Answer();
    queue_.answers.Post(this->shared_from_this());
  }

  void Answer() override {
    if (!result_.ok()) return Refuse(result_.status());
    Count(absl::StatusCode::kOk);
    responder_.Finish(Method::Encode(*result_, topic_, context_.log.catalog()), grpc::Status::OK,
                      finished_.Start(this->shared_from_this()));
  }

  void Refuse(const absl::Status& status) {
    Count(status.code());
    responder_.FinishWithError(ToGrpc(status), finished_.Start(this->shared_from_this()));
  }

  void Count(absl::StatusCode code) {
    metrics_.Done(code, absl::Nanoseconds(base::MonotonicNanos() - begin_nanos_));
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
  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  log::TopicPtr topic_;
  absl::StatusOr<log::AppendResult> result_;
  int64_t begin_nanos_ = 0;
  Op<AppendCall> accepted_{&AppendCall::OnAccepted};
  Op<AppendCall> finished_{&AppendCall::OnFinished};
};

}  // namespace

void AcceptAppend(const RpcContext& context, groups::GroupCoordinator& groups,
                  EventStoreBase& service, CallQueue& queue) {
  std::make_shared<AppendCall<AppendMethod>>(context, groups, service, queue)->Accept();
}

void AcceptTransact(const RpcContext& context, groups::GroupCoordinator& groups,
                    EventStoreBase& service, CallQueue& queue) {
  std::make_shared<AppendCall<TransactMethod>>(context, groups, service, queue)->Accept();
}

}  // namespace tidemark::rpc
