#include "server/rpc/control_call.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/system_clock.h"
#include "server/rpc/status_mapping.h"
#include "server/rpc/stream_refusal.h"

namespace tidemark::rpc {
namespace {

constexpr size_t kShownBytesMax = 200;
// A stream's answer that is not taken for so long: the client is as good as gone.
constexpr absl::Duration kWritePatience = absl::Minutes(1);

absl::Status UnknownMethod(absl::string_view path) {
  const std::string method = absl::CHexEscape(path.substr(0, kShownBytesMax));
  return MakeError(
      absl::StatusCode::kUnimplemented,
      absl::StrCat("the server has no method ", method, "; server reflection lists those it has"),
      {.reason = "UNKNOWN_METHOD", .metadata = {{"method", method}}});
}

absl::Status TooManyCalls() {
  return MakeError(absl::StatusCode::kResourceExhausted,
                   "calls other than appends, reads and consuming occupy all the memory there is "
                   "for them, and this connection has the largest part. Wait for answers, and read "
                   "them, before you call again",
                   {.reason = "TOO_MANY_CALLS", .retry_delay = absl::Seconds(1)});
}

class ControlCall final : public ControlPlane::Call,
                          public std::enable_shared_from_this<ControlCall> {
 public:
  ControlCall(const ControlParts& parts, grpc::ServerCompletionQueue& queue)
      : parts_(parts), queue_(queue), count_(parts.context.calls), stream_(&grpc_context_) {}

  void Accept() {
    grpc_context_.AsyncNotifyWhenDone(done_.Start(shared_from_this()));
    parts_.service.RequestCall(&grpc_context_, &stream_, &queue_, &queue_,
                               accepted_.Start(shared_from_this()));
  }

  void Run() override {
    if (gone_) return End(absl::CancelledError("the client is gone"));
    const auto gone = [this] { return gone_.load(); };
    const auto write = [this](const grpc::ByteBuffer& answer) { return Write(answer); };
    FlatBytes request = Flatten(request_);
    if (request.owner == nullptr) return End(InvalidField("request", "is malformed", "MALFORMED"));
    request_.Clear();
    const ControlMethod::Answer answer = method_->handle(request.bytes, {gone, write});
    request = {};
    if (!answer.ok() || !answer->has_value()) return End(answer.status());
    Count(absl::StatusCode::kOk);
    parts_.plane.Answers(shared_from_this(), (*answer)->Length());
    stream_.WriteAndFinish(**answer, grpc::WriteOptions(), grpc::Status::OK,
                           finished_.Start(shared_from_this()));
  }

  void Refuse() override { End(TooManyCalls()); }
  void Abandon() override { grpc_context_.TryCancel(); }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return done_.Drop();  // The server shuts down. gRPC reports the end of what began.
    AcceptControlCall(parts_, queue_);
    method_ = parts_.methods.Find(grpc_context_.method());
    if (method_ == nullptr) return Finish(UnknownMethod(grpc_context_.method()));
    active_.emplace(parts_.context.calls);
    begin_nanos_ = base::MonotonicNanos();
    if (parts_.context.calls.draining()) return End(DrainingStatus());
    stream_.Read(&request_, read_.Start(shared_from_this()));
  }

  void OnRead(bool ok) {
    if (!ok) return End(InvalidField("request", "is missing", "MALFORMED"));
    const uint64_t bytes_max = parts_.context.limits.request_bytes_max;
    if (request_.Length() > bytes_max) {
      return End(OverLimit("request", "request_bytes_max", bytes_max, request_.Length(), "bytes"));
    }
    const ConnectionId connection{absl::HashOf(grpc_context_.peer())};
    if (!parts_.plane.Enter(shared_from_this(), method_->lane, connection, request_.Length())) {
      Refuse();
    }
  }

  // On a thread of the plane.
  bool Write(const grpc::ByteBuffer& answer) ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      write_ok_.reset();
    }
    stream_.Write(answer, written_.Start(shared_from_this()));
    absl::MutexLock lock(&mu_);
    const auto is_written = [this]()
                                ABSL_SHARED_LOCKS_REQUIRED(mu_) { return write_ok_.has_value(); };
    if (!mu_.AwaitWithTimeout(absl::Condition(&is_written), kWritePatience)) {
      grpc_context_.TryCancel();
      mu_.Await(absl::Condition(&is_written));
    }
    return *write_ok_;
  }
  void OnWritten(bool ok) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    write_ok_ = ok;
  }

  void End(const absl::Status& status) {
    Count(status.code());
    Finish(status);
  }
  void Finish(const absl::Status& status) {
    stream_.Finish(ToGrpc(status), finished_.Start(shared_from_this()));
  }
  void Count(absl::StatusCode code) {
    parts_.context.metrics.Method(method_->name)
        .Done(code, absl::Nanoseconds(base::MonotonicNanos() - begin_nanos_));
  }
  void OnFinished(bool) { parts_.plane.Leave(*this); }
  void OnDone(bool) { gone_ = true; }

  const ControlParts parts_;
  grpc::ServerCompletionQueue& queue_;
  CallCount count_;
  std::optional<ActiveCall> active_;
  grpc::GenericServerContext grpc_context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  grpc::ByteBuffer request_;
  const ControlMethod* method_ = nullptr;
  int64_t begin_nanos_ = 0;
  std::atomic<bool> gone_ = false;

  absl::Mutex mu_;
  std::optional<bool> write_ok_ ABSL_GUARDED_BY(mu_);  // Empty while an answer is on its way.

  Op<ControlCall> accepted_{&ControlCall::OnAccepted};
  Op<ControlCall> read_{&ControlCall::OnRead};
  Op<ControlCall> written_{&ControlCall::OnWritten};
  Op<ControlCall> done_{&ControlCall::OnDone};
  Op<ControlCall> finished_{&ControlCall::OnFinished};
};

}  // namespace

void AcceptControlCall(const ControlParts& parts, grpc::ServerCompletionQueue& queue) {
  std::make_shared<ControlCall>(parts, queue)->Accept();
}

}  // namespace tidemark::rpc
