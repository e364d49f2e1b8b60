// grpc.health.v1: SERVING from the start until the server drains, then NOT_SERVING.
//
// Why ours. gRPC's own health service is a callback service: its completion queue polls the
//           connections beside ours, so half of the calls of a busy connection would change threads
//           before they reach us.
// Answers.  Of "" (the whole server) and of each service by its full name.
// Threads.  Drain comes from any thread, the rest from the queue's: one lock.
// Bounds.   A watch is a stream: streams_max counts it. It is no client that shutdown waits for; it
//           hears NOT_SERVING and is cancelled at the end.
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/rpc/byte_buffer.h"
#include "server/rpc/data_plane.h"
#include "server/rpc/status_mapping.h"
#include "server/rpc/stream_refusal.h"

namespace tidemark::rpc {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ServingStatus = HealthCheckResponse::ServingStatus;

bool IsServed(absl::string_view service) {
  const std::array<absl::string_view, 6> served = {"",
                                                   v1::EventStore::service_full_name(),
                                                   v1::ConsumerGroups::service_full_name(),
                                                   v1::Topics::service_full_name(),
                                                   v1::Operations::service_full_name(),
                                                   Health::service_full_name()};
  return std::find(served.begin(), served.end(), service) != served.end();
}

ServingStatus StatusOf(const CallRegistry& calls) {
  return calls.draining() ? HealthCheckResponse::NOT_SERVING : HealthCheckResponse::SERVING;
}

grpc::ByteBuffer Encode(ServingStatus status) {
  HealthCheckResponse response;
  response.set_status(status);
  return Serialize(response);
}

// The service asked about; takes the bytes out of `buffer`.
absl::StatusOr<std::string> DecodeService(grpc::ByteBuffer& buffer) {
  const FlatBytes bytes = Flatten(buffer);
  buffer.Clear();
  HealthCheckRequest request;
  if (!request.ParseFromArray(bytes.bytes.data(), static_cast<int>(bytes.bytes.size()))) {
    return InvalidField("request", "is malformed", "MALFORMED");
  }
  return request.service();
}

class HealthCheckCall final : public std::enable_shared_from_this<HealthCheckCall> {
 public:
  HealthCheckCall(const RpcContext& context, HealthBase& service,
                  grpc::ServerCompletionQueue& queue)
      : context_(context),
        service_(service),
        queue_(queue),
        count_(context.calls),
        responder_(&grpc_context_) {}

  void Accept() {
    service_.RequestCheck(&grpc_context_, &request_, &responder_, &queue_, &queue_,
                          accepted_.Start(shared_from_this()));
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return;  // The server shuts down.
    AcceptHealthCheck(context_, service_, queue_);
    const absl::StatusOr<std::string> service = DecodeService(request_);
    if (!service.ok()) return Refuse(service.status());
    if (!IsServed(*service)) return Refuse(NoSuch("service", *service, ""));
    responder_.Finish(Encode(StatusOf(context_.calls)), grpc::Status::OK,
                      finished_.Start(shared_from_this()));
  }
  void Refuse(const absl::Status& status) {
    responder_.FinishWithError(ToGrpc(status), finished_.Start(shared_from_this()));
  }
  void OnFinished(bool) {}

  const RpcContext& context_;
  HealthBase& service_;
  grpc::ServerCompletionQueue& queue_;
  CallCount count_;
  grpc::ServerContext grpc_context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  Op<HealthCheckCall> accepted_{&HealthCheckCall::OnAccepted};
  Op<HealthCheckCall> finished_{&HealthCheckCall::OnFinished};
};

class HealthWatchCall final : public Drainable,
                              public std::enable_shared_from_this<HealthWatchCall> {
 public:
  HealthWatchCall(const RpcContext& context, HealthBase& service,
                  grpc::ServerCompletionQueue& queue)
      : context_(context),
        service_(service),
        queue_(queue),
        count_(context.calls),
        writer_(&grpc_context_) {}

  void Accept() {
    grpc_context_.AsyncNotifyWhenDone(done_.Start(shared_from_this()));
    service_.RequestWatch(&grpc_context_, &request_, &writer_, &queue_, &queue_,
                          accepted_.Start(shared_from_this()));
  }

  void Drain() override {
    absl::MutexLock lock(&mu_);
    if (known_) SayLocked(HealthCheckResponse::NOT_SERVING);
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return done_.Drop();  // gRPC reports the end only of calls that began.
    AcceptHealthWatch(context_, service_, queue_);
    const absl::StatusOr<std::string> service = DecodeService(request_);
    if (!service.ok()) return End(service.status());
    registered_ = context_.calls.AddStream(weak_from_this(), this);
    // While draining there is nothing to be told later, so it needs no place.
    const ServingStatus status = StatusOf(context_.calls);
    if (!registered_ && status == HealthCheckResponse::SERVING) {
      return End(StreamRefused(context_.calls, context_.limits));
    }
    absl::MutexLock lock(&mu_);
    known_ = IsServed(*service);
    // Drain may have said NOT_SERVING already, when it did not know yet of what.
    SayLocked(known_ ? StatusOf(context_.calls) : HealthCheckResponse::SERVICE_UNKNOWN);
  }

  // Has `status` written after what is being written; only the newest counts.
  void SayLocked(ServingStatus status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    next_ = status;
    if (!writing_) WriteNextLocked();
  }

  void WriteNextLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (ended_ || next_ == last_) return;
    writing_ = true;
    last_ = next_;
    writer_.Write(Encode(next_), written_.Start(shared_from_this()));
  }

  void OnWritten(bool) {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    if (ended_) return FinishLocked(absl::CancelledError("the watch ended"));
    WriteNextLocked();
  }

  // The client is gone, the server ends, or we finished.
  void OnDone(bool) { End(absl::CancelledError("the watch ended")); }

  void End(const absl::Status& status) {
    if (registered_) context_.calls.RemoveStream(this);
    absl::MutexLock lock(&mu_);
    if (std::exchange(ended_, true)) return;
    if (!writing_) FinishLocked(status);  // Else when the write is over.
  }

  void FinishLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    writer_.Finish(ToGrpc(status), finished_.Start(shared_from_this()));
  }
  void OnFinished(bool) {}

  const RpcContext& context_;
  HealthBase& service_;
  grpc::ServerCompletionQueue& queue_;
  CallCount count_;
  grpc::ServerContext grpc_context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_;
  bool registered_ = false;

  absl::Mutex mu_;
  bool known_ ABSL_GUARDED_BY(mu_) = false;  // The service asked about is one of ours.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  ServingStatus last_ ABSL_GUARDED_BY(mu_) = HealthCheckResponse::UNKNOWN;
  ServingStatus next_ ABSL_GUARDED_BY(mu_) = HealthCheckResponse::UNKNOWN;

  Op<HealthWatchCall> accepted_{&HealthWatchCall::OnAccepted};
  Op<HealthWatchCall> written_{&HealthWatchCall::OnWritten};
  Op<HealthWatchCall> done_{&HealthWatchCall::OnDone};
  Op<HealthWatchCall> finished_{&HealthWatchCall::OnFinished};
};

}  // namespace

void AcceptHealthCheck(const RpcContext& context, HealthBase& service,
                       grpc::ServerCompletionQueue& queue) {
  std::make_shared<HealthCheckCall>(context, service, queue)->Accept();
}

void AcceptHealthWatch(const RpcContext& context, HealthBase& service,
                       grpc::ServerCompletionQueue& queue) {
  std::make_shared<HealthWatchCall>(context, service, queue)->Accept();
}

}  // namespace tidemark::rpc
