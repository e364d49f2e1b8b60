// UmaDB by its gRPC API: Append calls, several at once, and Subscribe. A store has one log.
#include <google/protobuf/arena.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>

#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/load/connection.h"
#include "bench/peers/drivers.h"
#include "bench/peers/umadb.grpc.pb.h"

namespace tidemark::bench {
namespace {

namespace uma = umadb::v1;

// Takes what is left out of a queue, which may then go.
void Drain(grpc::CompletionQueue& queue) {
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
}

// It has no stream of appends: each batch is a call, and calls under way may overtake each other.
class Producer : public PeerProducer {
 public:
  explicit Producer(const std::string& address)
      : stub_(uma::DCB::NewStub(NewConnection(address))) {}
  ~Producer() override {
    for (const auto& call : calls_) call->context.TryCancel();
    Drain(queue_);
  }

  absl::Status Send(const PeerBatch& batch) override {
    arena_.Reset();
    auto& request = *google::protobuf::Arena::CreateMessage<uma::AppendRequest>(&arena_);
    for (const PeerEvent& event : batch) {
      uma::Event& added = *request.add_events();
      added.set_event_type(event.type);
      added.add_tags(event.key);
      added.set_data(event.data);
    }
    calls_.push_back(std::make_unique<Call>());
    Call& call = *calls_.back();
    call.reader = stub_->AsyncAppend(&call.context, request, &queue_);
    call.reader->Finish(&call.response, &call.status, &call);
    return absl::OkStatus();
  }

  absl::Status AwaitOldest() override {
    void* tag = nullptr;
    bool ok = false;
    while (!calls_.front()->done && queue_.Next(&tag, &ok)) static_cast<Call*>(tag)->done = true;
    absl::Status status = FromGrpc(calls_.front()->status, "UmaDB, Append");
    calls_.pop_front();
    return status;
  }

 private:
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncResponseReader<uma::AppendResponse>> reader;
    uma::AppendResponse response;
    grpc::Status status;
    bool done = false;
  };

  const std::unique_ptr<uma::DCB::Stub> stub_;
  google::protobuf::Arena arena_;
  grpc::CompletionQueue queue_;
  std::deque<std::unique_ptr<Call>> calls_;
};

class Consumer : public PeerConsumer {
 public:
  Consumer(const std::string& address, std::optional<uint64_t> after)
      : stub_(uma::DCB::NewStub(NewConnection(address))) {
    uma::SubscribeRequest request;
    if (after) request.set_after(*after);
    stream_ = stub_->AsyncSubscribe(&context_, request, &queue_, nullptr);
  }
  ~Consumer() override {
    context_.TryCancel();
    Drain(queue_);
  }

  absl::Status Poll(absl::Duration patience,
                    absl::FunctionRef<void(const EventView&)> on_event) override {
    void* tag = nullptr;
    bool ok = false;
    const auto next = queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(absl::Now() + patience));
    if (next == grpc::CompletionQueue::TIMEOUT) return absl::OkStatus();
    if (next == grpc::CompletionQueue::SHUTDOWN || !ok) {
      return absl::UnavailableError("UmaDB, Subscribe ended");
    }
    // The first completion is of the call's start; it brings nothing.
    if (response_ != nullptr) {
      for (const uma::SequencedEvent& sequenced : response_->events()) {
        const uma::Event& event = sequenced.event();
        on_event({event.event_type(), event.tags_size() > 0 ? event.tags(0) : "", event.data()});
      }
    }
    arena_.Reset();
    response_ = google::protobuf::Arena::CreateMessage<uma::SubscribeResponse>(&arena_);
    stream_->Read(response_, nullptr);
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<uma::DCB::Stub> stub_;
  google::protobuf::Arena arena_;
  uma::SubscribeResponse* response_ = nullptr;  // On the arena: what is being read.
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientAsyncReader<uma::SubscribeResponse>> stream_;
};

class Client : public PeerClient {
 public:
  explicit Client(int port) : address_(absl::StrCat("127.0.0.1:", port)) {}

  absl::Status CheckReady() override { return CheckReachable(address_); }
  absl::Status CreateLog(const std::string&) override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<PeerProducer>> NewProducer(const std::string&) override {
    return std::make_unique<Producer>(address_);
  }
  absl::StatusOr<std::unique_ptr<PeerConsumer>> NewConsumer(const std::string&,
                                                            PeerStart start) override {
    if (start == PeerStart::kEarliest) return std::make_unique<Consumer>(address_, std::nullopt);
    grpc::ClientContext context;
    uma::HeadResponse head;
    const grpc::Status status =
        uma::DCB::NewStub(NewConnection(address_))->Head(&context, {}, &head);
    if (!status.ok()) return FromGrpc(status, "UmaDB, Head");
    return std::make_unique<Consumer>(
        address_, head.has_position() ? std::optional(head.position()) : std::nullopt);
  }

 private:
  const std::string address_;
};

}  // namespace

PeerConnection ConnectUmaDb(int port) { return std::make_unique<Client>(port); }

}  // namespace tidemark::bench
