// NATS JetStream by libnats: asynchronous publishes, an ordered consumer.
#include <nats/nats.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "bench/peers/drivers.h"

namespace tidemark::bench {
namespace {

constexpr int kPollEvents = 1000;

absl::Status Check(natsStatus status, absl::string_view what) {
  if (status == NATS_OK) return absl::OkStatus();
  const char* const last = nats_GetLastError(nullptr);
  return absl::UnavailableError(absl::StrCat("NATS, ", what, ": ", natsStatus_GetText(status),
                                             last == nullptr ? "" : ": ",
                                             last == nullptr ? "" : last));
}

struct Connection {
  ~Connection() {
    jsCtx_Destroy(js);
    natsConnection_Destroy(nc);
  }
  natsConnection* nc = nullptr;
  jsCtx* js = nullptr;
};

absl::StatusOr<std::unique_ptr<Connection>> Connect(int port, jsOptions* options) {
  auto connection = std::make_unique<Connection>();
  const std::string url = absl::StrCat("nats://127.0.0.1:", port);
  natsOptions* connect = nullptr;
  absl::Status status = Check(natsOptions_Create(&connect), "options");
  if (!status.ok()) return status;
  natsOptions_SetURL(connect, url.c_str());
  status = Check(natsConnection_Connect(&connection->nc, connect), "connect");
  natsOptions_Destroy(connect);
  if (!status.ok()) return status;
  if (status =
          Check(natsConnection_JetStream(&connection->js, connection->nc, options), "JetStream");
      !status.ok()) {
    return status;
  }
  return connection;
}

class Producer : public PeerProducer {
 public:
  explicit Producer(std::string log) : log_(std::move(log)) {}

  absl::Status Open(int port) {
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.AckHandler = OnAck;
    options.PublishAsync.AckHandlerClosure = this;
    auto connection = Connect(port, &options);
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
    return absl::OkStatus();
  }

  ~Producer() override { connection_.reset(); }

  absl::Status Send(const PeerBatch& batch) override {
    for (const PeerEvent& event : batch) {
      const auto status = js_PublishAsync(connection_->js, log_.c_str(), event.body.data(),
                                          static_cast<int>(event.body.size()), nullptr);
      if (status != NATS_OK) return Check(status, "publish");
    }
    sent_ += batch.size();
    batch_ends_.push_back(sent_);
    return absl::OkStatus();
  }

  absl::Status AwaitOldest() override {
    absl::MutexLock lock(&mu_);
    const auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return acked_ >= batch_ends_.front() || failures_ > 0;
    };
    if (!mu_.AwaitWithTimeout(absl::Condition(&done), absl::Seconds(30))) {
      return absl::DeadlineExceededError("NATS: no acknowledgement within 30 s");
    }
    batch_ends_.pop_front();
    return failures_ == 0 ? absl::OkStatus() : absl::InternalError("NATS refused an event");
  }

 private:
  // On a thread of the library. Acks of one connection come in order.
  static void OnAck(jsCtx*, natsMsg* message, jsPubAck*, jsPubAckErr* error, void* self) {
    auto& producer = *static_cast<Producer*>(self);
    {
      absl::MutexLock lock(&producer.mu_);
      ++producer.acked_;
      if (error != nullptr) ++producer.failures_;
    }
    natsMsg_Destroy(message);
  }

  const std::string log_;
  std::unique_ptr<Connection> connection_;
  uint64_t sent_ = 0;
  std::deque<uint64_t> batch_ends_;
  absl::Mutex mu_;  // Leaf.
  uint64_t acked_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t failures_ ABSL_GUARDED_BY(mu_) = 0;
};

class Consumer : public PeerConsumer {
 public:
  ~Consumer() override {
    natsSubscription_Destroy(subscription_);
    connection_.reset();
  }

  absl::Status Open(int port, const std::string& log, PeerStart start) {
    auto connection = Connect(port, nullptr);
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Ordered = true;
    options.Stream = log.c_str();
    options.Config.DeliverPolicy = start == PeerStart::kEarliest ? js_DeliverAll : js_DeliverNew;
    jsErrCode code = static_cast<jsErrCode>(0);
    absl::Status status = Check(
        js_SubscribeSync(&subscription_, connection_->js, log.c_str(), nullptr, &options, &code),
        "subscribe");
    if (!status.ok()) return status;
    natsSubscription_SetPendingLimits(subscription_, -1, -1);
    return absl::OkStatus();
  }

  absl::Status Poll(absl::Duration patience,
                    absl::FunctionRef<void(const EventView&)> on_event) override {
    int64_t wait_ms = absl::ToInt64Milliseconds(patience);
    for (int i = 0; i < kPollEvents; ++i) {
      natsMsg* message = nullptr;
      const natsStatus status = natsSubscription_NextMsg(&message, subscription_, wait_ms);
      if (status == NATS_TIMEOUT) return absl::OkStatus();
      if (status != NATS_OK) return Check(status, "next message");
      absl::Status decoded = decoder_.Decode(
          {natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message))},
          on_event);
      natsMsg_Destroy(message);
      if (!decoded.ok()) return decoded;
      // Then what is here already, and no more.
      uint64_t queued = 0;
      natsSubscription_QueuedMsgs(subscription_, &queued);
      if (queued == 0) return absl::OkStatus();
      wait_ms = 1;
    }
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<Connection> connection_;
  natsSubscription* subscription_ = nullptr;
  BodyDecoder decoder_;
};

class Client : public PeerClient {
 public:
  Client(int port, std::unique_ptr<Connection> connection)
      : port_(port), connection_(std::move(connection)) {}

  absl::Status CheckReady() override {
    jsAccountInfo* info = nullptr;
    jsErrCode code = static_cast<jsErrCode>(0);
    absl::Status status =
        Check(js_GetAccountInfo(&info, connection_->js, nullptr, &code), "account info");
    jsAccountInfo_Destroy(info);
    return status;
  }

  absl::Status CreateLog(const std::string& log) override {
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char* subjects[] = {log.c_str()};
    config.Name = log.c_str();
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    jsErrCode code = static_cast<jsErrCode>(0);
    return Check(js_AddStream(nullptr, connection_->js, &config, nullptr, &code), "add stream");
  }

  absl::StatusOr<std::unique_ptr<PeerProducer>> NewProducer(const std::string& log) override {
    auto producer = std::make_unique<Producer>(log);
    if (absl::Status status = producer->Open(port_); !status.ok()) return status;
    return producer;
  }

  absl::StatusOr<std::unique_ptr<PeerConsumer>> NewConsumer(const std::string& log,
                                                            PeerStart start) override {
    auto consumer = std::make_unique<Consumer>();
    if (absl::Status status = consumer->Open(port_, log, start); !status.ok()) return status;
    return consumer;
  }

 private:
  const int port_;
  const std::unique_ptr<Connection> connection_;
};

}  // namespace

PeerConnection ConnectNats(int port) {
  auto connection = Connect(port, nullptr);
  if (!connection.ok()) return connection.status();
  return std::make_unique<Client>(port, *std::move(connection));
}

}  // namespace tidemark::bench
