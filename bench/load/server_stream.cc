#include "bench/load/server_stream.h"

#include <memory>
#include <utility>

#include "bench/load/connection.h"

namespace tidemark::bench {

ServerStream::ServerStream(const std::string& address, const char* method)
    : method_(method), stub_(NewConnection(address)) {}

absl::Status ServerStream::Run(const grpc::ByteBuffer& request,
                               absl::FunctionRef<void(grpc::ByteBuffer&)> on_message) {
  // One operation is pending at a time, so the tags need not differ.
  void* tag = nullptr;
  bool ok = false;
  const auto wait = [&] { return queue_.Next(&tag, &ok) && ok; };
  auto call = stub_.PrepareCall(&context_, method_, &queue_);
  call->StartCall(this);
  bool alive = wait();
  if (alive) {
    call->WriteLast(request, grpc::WriteOptions(), this);
    alive = wait();
  }
  grpc::ByteBuffer receiving;
  if (alive) {
    call->Read(&receiving, this);
    while (wait()) {
      grpc::ByteBuffer message;
      message.Swap(&receiving);
      call->Read(&receiving, this);
      on_message(message);
    }
  }
  grpc::Status status;
  call->Finish(&status, this);
  wait();
  queue_.Shutdown();
  while (queue_.Next(&tag, &ok)) {
  }
  return FromGrpc(status, method_);
}

}  // namespace tidemark::bench
