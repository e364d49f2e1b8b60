#include "server/rpc/unknown_methods.h"

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/rpc/async_call.h"
#include "server/rpc/status_mapping.h"

namespace tidemark::rpc {
namespace {

constexpr size_t kShownBytesMax = 200;  // Of the method's name, which is the client's text.

class UnknownMethodCall final : public std::enable_shared_from_this<UnknownMethodCall> {
 public:
  UnknownMethodCall(const RpcContext& context, grpc::AsyncGenericService& service,
                    grpc::ServerCompletionQueue& queue)
      : context_(context),
        service_(service),
        queue_(queue),
        count_(context.calls),
        stream_(&grpc_context_) {}

  void Accept() {
    service_.RequestCall(&grpc_context_, &stream_, &queue_, &queue_,
                         accepted_.Start(shared_from_this()));
  }

 private:
  void OnAccepted(bool ok) {
    if (!ok) return;  // The server shuts down.
    AcceptUnknownMethod(context_, service_, queue_);
    const std::string method =
        absl::CHexEscape(absl::string_view(grpc_context_.method()).substr(0, kShownBytesMax));
    stream_.Finish(
        ToGrpc(MakeError(absl::StatusCode::kUnimplemented,
                         absl::StrCat("the server has no method ", method,
                                      "; server reflection lists those it has"),
                         {.reason = "UNKNOWN_METHOD", .metadata = {{"method", method}}})),
        finished_.Start(shared_from_this()));
  }

  void OnFinished(bool) {}

  const RpcContext& context_;
  grpc::AsyncGenericService& service_;
  grpc::ServerCompletionQueue& queue_;
  CallCount count_;
  grpc::GenericServerContext grpc_context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  Op<UnknownMethodCall> accepted_{&UnknownMethodCall::OnAccepted};
  Op<UnknownMethodCall> finished_{&UnknownMethodCall::OnFinished};
};

}  // namespace

void AcceptUnknownMethod(const RpcContext& context, grpc::AsyncGenericService& service,
                         grpc::ServerCompletionQueue& queue) {
  std::make_shared<UnknownMethodCall>(context, service, queue)->Accept();
}

}  // namespace tidemark::rpc
