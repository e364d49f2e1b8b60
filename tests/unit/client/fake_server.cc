#include "tests/unit/client/fake_server.h"

#include "absl/strings/str_cat.h"
#include "client/cpp/src/status_codec.h"
#include "tests/unit/client/fake_event_store.h"

namespace tidemark::testing {
grpc::Status ToGrpc(const absl::Status& status) {
  const auto details = status.GetPayload(internal::kDetailsUrl);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                      details ? std::string(*details) : "");
}

Event NumberedEvent(int number, const std::string& key) {
  Event event;
  event.type = "employee.created";
  event.key = key;
  event.data = std::to_string(number);
  return event;
}

class FakeServer::GroupsService final : public v1::ConsumerGroups::Service {
 public:
  explicit GroupsService(FakeServer* server) : server_(*server) {}

  grpc::Status Consume(grpc::ServerContext*, ConsumeStream* stream) override {
    ++server_.consume_streams_;
    std::function<grpc::Status(ConsumeStream&)> script;
    {
      absl::MutexLock lock(&server_.mu_);
      if (server_.scripts_.empty()) {
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "no script");
      }
      script = std::move(server_.scripts_.front());
      server_.scripts_.pop_front();
    }
    return script(*stream);
  }

 private:
  FakeServer& server_;
};

class FakeServer::TopicsService final : public v1::Topics::Service {
 public:
  explicit TopicsService(FakeServer* server) : server_(*server) {}

  grpc::Status GetTopic(grpc::ServerContext*, const v1::GetTopicRequest* request,
                        v1::GetTopicResponse* response) override {
    if (request->name() != kTopic) {
      return ToGrpc(MakeError(absl::StatusCode::kNotFound, "TOPIC_NOT_FOUND"));
    }
    response->mutable_topic()->set_name(kTopic);
    response->mutable_topic()->set_id(server_.log_.topic_id());
    response->mutable_topic()->mutable_config()->set_partitions(server_.log_.partitions());
    return grpc::Status::OK;
  }

  grpc::Status GetWatermarks(grpc::ServerContext*, const v1::GetWatermarksRequest* request,
                             v1::GetWatermarksResponse* response) override {
    for (const auto& [p, end] : server_.log_.EndOffsets()) {
      v1::Watermarks& watermarks = *response->add_partitions();
      watermarks.set_partition(p);
      watermarks.set_end_offset(end);
      if (request->has_time()) watermarks.set_time_offset(end / 2);
    }
    return grpc::Status::OK;
  }

 private:
  FakeServer& server_;
};

class FakeServer::OperationsService final : public v1::Operations::Service {
 public:
  grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                             v1::GetServerInfoResponse* response) override {
    response->set_version("fake");
    response->mutable_limits()->set_event_bytes_max(1 << 20);
    response->mutable_limits()->set_request_bytes_max(4 << 20);
    response->mutable_limits()->set_request_events_max(100'000);
    response->mutable_limits()->set_type_bytes_max(200);
    response->mutable_limits()->set_key_bytes_max(1024);
    return grpc::Status::OK;
  }
};

FakeServer::FakeServer(uint32_t partitions)
    : log_(partitions),
      event_store_(std::make_unique<EventStoreService>(this)),
      groups_(std::make_unique<GroupsService>(this)),
      topics_(std::make_unique<TopicsService>(this)),
      operations_(std::make_unique<OperationsService>()) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(event_store_.get());
  builder.RegisterService(groups_.get());
  builder.RegisterService(topics_.get());
  builder.RegisterService(operations_.get());
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeServer::~FakeServer() {
  stopping_ = true;
  server_->Shutdown(std::chrono::system_clock::now());
}

Client FakeServer::Connect() const { return *Client::Connect(address_); }

void FakeServer::OnConsume(std::function<grpc::Status(ConsumeStream&)> script) {
  absl::MutexLock lock(&mu_);
  scripts_.push_back(std::move(script));
}

}  // namespace tidemark::testing
