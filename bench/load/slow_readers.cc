#include "bench/load/slow_readers.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include "absl/strings/str_cat.h"
#include "bench/load/connection.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::bench {

struct SlowReaders::Call {
  explicit Call(const std::string& address) : stub(NewConnection(address)) {}
  ~Call();
  // Waits for the one operation under way.
  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub;
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream;
  grpc::ByteBuffer message;
};

SlowReaders::Call::~Call() {
  context.TryCancel();
  grpc::Status status;
  stream->Finish(&status, this);
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
}

SlowReaders::SlowReaders() = default;
SlowReaders::~SlowReaders() = default;

absl::Status SlowReaders::Open(const std::string& address, const std::string& topic,
                               uint32_t count) {
  v1::ReadRequest request;
  request.set_topic(topic);
  const grpc::ByteBuffer encoded = ToByteBuffer(request.SerializeAsString());
  for (uint32_t i = 0; i < count; ++i) {
    auto call = std::make_unique<Call>(address);
    call->stream = call->stub.PrepareCall(&call->context, kReadMethod, &call->queue);
    call->stream->StartCall(call.get());
    bool alive = call->Wait();
    if (alive) {
      call->stream->WriteLast(encoded, grpc::WriteOptions(), call.get());
      alive = call->Wait();
    }
    // Its message is taken whenever it comes; nobody asks for another.
    if (alive) call->stream->Read(&call->message, call.get());
    calls_.push_back(std::move(call));
    if (!alive) {
      return absl::UnavailableError(
          absl::StrCat("slow reader ", calls_.size(), " could not begin to read"));
    }
  }
  return absl::OkStatus();
}

}  // namespace tidemark::bench
