// ServerStream: one raw server-streaming call, message by message.
//
// Threads.   None: one thread drives it.
// Lifetime.  Run returns only after the call is over; Cancel may be called from the callback.
#ifndef TIDEMARK_BENCH_LOAD_SERVER_STREAM_H_
#define TIDEMARK_BENCH_LOAD_SERVER_STREAM_H_

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace tidemark::bench {

class ServerStream {
 public:
  ServerStream(const std::string& address, const char* method);

  // Sends `request` and hands over every message until the stream ends. The next message is being
  // received while `on_message` looks at one. Call once.
  absl::Status Run(const grpc::ByteBuffer& request,
                   absl::FunctionRef<void(grpc::ByteBuffer& message)> on_message);

  // Ends the call; Run then returns CANCELLED. Safe from any thread while Run runs.
  void Cancel() { context_.TryCancel(); }

 private:
  const char* const method_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_SERVER_STREAM_H_
