#include "server/rpc/malformed_requests.h"

#include <array>

#include "absl/strings/match.h"
#include "server/base/error.h"
#include "server/rpc/status_mapping.h"

namespace tidemark::rpc {
namespace {

using grpc::experimental::InterceptionHookPoints;

constexpr std::array<absl::string_view, 7> kDataPlane = {
    "EventStore/Append",    "EventStore/AppendStream", "EventStore/Read",
    "EventStore/Subscribe", "ConsumerGroups/Consume",  "Health/Check",
    "Health/Watch"};

bool IsDataPlane(absl::string_view method) {
  for (const absl::string_view name : kDataPlane) {
    if (absl::EndsWith(method, name)) return true;  // "/tidemark.v1.EventStore/Append"
  }
  return false;
}

class Interceptor final : public grpc::experimental::Interceptor {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      const grpc::Status status = methods->GetSendStatus();
      // Our own answers always have a message and details.
      if (status.error_code() == grpc::StatusCode::INTERNAL && status.error_message().empty() &&
          status.error_details().empty()) {
        methods->ModifySendStatus(ToGrpc(InvalidField("request", "is malformed", "MALFORMED")));
      }
    }
    methods->Proceed();
  }
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    const absl::string_view method(info->method() == nullptr ? "" : info->method());
    // gRPC takes the object over.
    return IsDataPlane(method) ? nullptr : new Interceptor();
  }
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MalformedRequests() {
  return std::make_unique<Factory>();
}

}  // namespace tidemark::rpc
