// Requests of synchronous calls that gRPC cannot parse.
//
// gRPC refuses them before our code runs, with INTERNAL and no message. This interceptor gives them
// the answer every other malformed request gets. The data plane parses its bytes itself, and has no
// interceptor.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>

namespace tidemark::rpc {

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MalformedRequests();

}  // namespace tidemark::rpc
