// Tidemark by its generated C++ classes: AppendStream, Read and Subscribe with nothing of our own.
#include <google/protobuf/arena.h>
#include <grpcpp/client_context.h>

#include <utility>

#include "bench/load/connection.h"
#include "bench/load/topic_admin.h"
#include "bench/peers/drivers.h"
#include "tidemark/v1/event_store.grpc.pb.h"

namespace tidemark::bench {
namespace {

class Producer : public PeerProducer {
 public:
  Producer(const std::string& address, std::string log)
      : stub_(v1::EventStore::NewStub(NewConnection(address))),
        log_(std::move(log)),
        stream_(stub_->AppendStream(&context_)) {}
  ~Producer() override {
    stream_->WritesDone();
    context_.TryCancel();
    stream_->Finish();
  }

  absl::Status Send(const PeerBatch& batch) override {
    arena_.Reset();
    auto& request = *google::protobuf::Arena::CreateMessage<v1::AppendRequest>(&arena_);
    request.set_topic(log_);
    for (const PeerEvent& event : batch) {
      v1::Event& added = *request.add_events();
      added.set_type(event.type);
      added.set_key(event.key);
      added.set_data(event.data);
    }
    return stream_->Write(request) ? absl::OkStatus()
                                   : absl::UnavailableError("AppendStream ended");
  }

  absl::Status AwaitOldest() override {
    v1::AppendStreamResponse response;
    if (!stream_->Read(&response)) return absl::UnavailableError("AppendStream ended");
    if (response.has_error()) return absl::InternalError(response.error().message());
    if (response.appended().durability() != v1::DURABILITY_SYNCED) {
      return absl::FailedPreconditionError("the topic's appends are not synced");
    }
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<v1::EventStore::Stub> stub_;
  const std::string log_;
  google::protobuf::Arena arena_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::ClientReaderWriter<v1::AppendRequest, v1::AppendStreamResponse>>
      stream_;
};

// Subscribes: history, then live.
class Consumer : public PeerConsumer {
 public:
  Consumer(const std::string& address, const std::string& log, PeerStart start)
      : stub_(v1::EventStore::NewStub(NewConnection(address))) {
    v1::SubscribeRequest request;
    request.set_topic(log);
    if (start == PeerStart::kEarliest) {
      request.mutable_start()->mutable_earliest();
    } else {
      request.mutable_start()->mutable_latest();
    }
    stream_ = stub_->Subscribe(&context_, request);
  }
  ~Consumer() override {
    context_.TryCancel();
    stream_->Finish();
  }

  // A subscription at the end says so first.
  absl::Status WaitUntilLive() {
    v1::ReadResponse response;
    while (stream_->Read(&response)) {
      if (response.has_caught_up()) return absl::OkStatus();
    }
    return absl::UnavailableError("Subscribe ended");
  }

  // The stream has no read with a time limit; its heartbeats end the wait.
  absl::Status Poll(absl::Duration, absl::FunctionRef<void(const EventView&)> on_event) override {
    arena_.Reset();
    auto& response = *google::protobuf::Arena::CreateMessage<v1::ReadResponse>(&arena_);
    if (!stream_->Read(&response)) return absl::UnavailableError("Subscribe ended");
    for (const v1::Event& event : response.batch().events()) {
      on_event({event.type(), event.key(), event.data()});
    }
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<v1::EventStore::Stub> stub_;
  google::protobuf::Arena arena_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::ReadResponse>> stream_;
};

class Client : public PeerClient {
 public:
  explicit Client(std::string address) : address_(std::move(address)) {}

  absl::Status CheckReady() override { return CheckReachable(address_); }
  absl::Status CreateLog(const std::string& log) override {
    return EnsureTopic(address_, log, /*partitions=*/1, /*index_keys=*/true);
  }
  absl::StatusOr<std::unique_ptr<PeerProducer>> NewProducer(const std::string& log) override {
    return std::make_unique<Producer>(address_, log);
  }
  absl::StatusOr<std::unique_ptr<PeerConsumer>> NewConsumer(const std::string& log,
                                                            PeerStart start) override {
    auto consumer = std::make_unique<Consumer>(address_, log, start);
    if (start == PeerStart::kLatest) {
      if (absl::Status status = consumer->WaitUntilLive(); !status.ok()) return status;
    }
    return consumer;
  }

 private:
  const std::string address_;
};

}  // namespace

PeerConnection ConnectTidemark(const std::string& address) {
  return std::make_unique<Client>(address);
}

}  // namespace tidemark::bench
