// Kafka by librdkafka: its own batching, delivery reports; a consumer of one partition.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/peers/drivers.h"

namespace tidemark::bench {
namespace {

constexpr size_t kConsumeEvents = 1000;
constexpr int kPatienceMs = 30'000;

using Setting = std::pair<const char*, std::string>;

absl::StatusOr<rd_kafka_t*> NewHandle(rd_kafka_type_t type, const std::vector<Setting>& settings,
                                      void (*on_delivery)(rd_kafka_t*, const rd_kafka_message_t*,
                                                          void*) = nullptr,
                                      void* opaque = nullptr) {
  std::array<char, 512> error = {};
  rd_kafka_conf_t* const config = rd_kafka_conf_new();
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(config, name, value.c_str(), error.data(), error.size()) !=
        RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(config);
      return absl::InternalError(absl::StrCat("Kafka: ", error.data()));
    }
  }
  rd_kafka_conf_set_log_cb(config, nullptr);  // While the broker starts it would fill the screen.
  if (on_delivery != nullptr) rd_kafka_conf_set_dr_msg_cb(config, on_delivery);
  rd_kafka_conf_set_opaque(config, opaque);
  rd_kafka_t* const handle = rd_kafka_new(type, config, error.data(), error.size());
  if (handle != nullptr) return handle;
  rd_kafka_conf_destroy(config);
  return absl::InternalError(absl::StrCat("Kafka: ", error.data()));
}

Setting Broker(int port) { return {"bootstrap.servers", absl::StrCat("127.0.0.1:", port)}; }

class Producer : public PeerProducer {
 public:
  ~Producer() override {
    if (topic_ != nullptr) rd_kafka_topic_destroy(topic_);
    if (handle_ != nullptr) rd_kafka_destroy(handle_);
  }

  absl::Status Open(int port, const std::string& log) {
    auto handle = NewHandle(RD_KAFKA_PRODUCER,
                            {Broker(port),
                             {"acks", "all"},
                             {"linger.ms", "1"},
                             {"batch.size", "1000000"},
                             {"message.max.bytes", "1000000"},
                             {"queue.buffering.max.messages", "200000"}},
                            OnDelivery, this);
    if (!handle.ok()) return handle.status();
    handle_ = *handle;
    topic_ = rd_kafka_topic_new(handle_, log.c_str(), nullptr);
    return absl::OkStatus();
  }

  absl::Status Send(const PeerBatch& batch) override {
    for (const PeerEvent& event : batch) {
      while (rd_kafka_produce(topic_, 0, RD_KAFKA_MSG_F_COPY, const_cast<char*>(event.body.data()),
                              event.body.size(), event.key.data(), event.key.size(),
                              nullptr) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
          return absl::InternalError(
              absl::StrCat("Kafka: ", rd_kafka_err2str(rd_kafka_last_error())));
        }
        rd_kafka_poll(handle_, 1);
      }
    }
    sent_ += batch.size();
    batch_ends_.push_back(sent_);
    return absl::OkStatus();
  }

  absl::Status AwaitOldest() override {
    const absl::Time deadline = absl::Now() + absl::Milliseconds(kPatienceMs);
    while (delivered_ < batch_ends_.front() && failure_.ok()) {
      if (rd_kafka_poll(handle_, 100) == 0 && absl::Now() > deadline) {
        return absl::DeadlineExceededError("Kafka: no delivery report within 30 s");
      }
    }
    batch_ends_.pop_front();
    return failure_;
  }

 private:
  // Within rd_kafka_poll. Reports of one partition come in order.
  static void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
    auto& producer = *static_cast<Producer*>(self);
    ++producer.delivered_;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && producer.failure_.ok()) {
      producer.failure_ =
          absl::InternalError(absl::StrCat("Kafka: ", rd_kafka_err2str(message->err)));
    }
  }

  rd_kafka_t* handle_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  uint64_t sent_ = 0;
  uint64_t delivered_ = 0;
  absl::Status failure_;
  std::deque<uint64_t> batch_ends_;
};

class Consumer : public PeerConsumer {
 public:
  ~Consumer() override {
    if (started_) rd_kafka_consume_stop(topic_, 0);
    if (topic_ != nullptr) rd_kafka_topic_destroy(topic_);
    if (handle_ != nullptr) rd_kafka_destroy(handle_);
  }

  absl::Status Open(int port, const std::string& log, PeerStart start) {
    auto handle = NewHandle(
        RD_KAFKA_CONSUMER,
        {Broker(port),
         {"fetch.wait.max.ms", "100"},
         {"fetch.message.max.bytes", "4000000"},
         // With the defaults of these it pauses for a second once it has fetched far ahead.
         {"queued.min.messages", "1000000"},
         {"queued.max.messages.kbytes", "262144"}});
    if (!handle.ok()) return handle.status();
    handle_ = *handle;
    int64_t low = 0;
    int64_t high = 0;
    const auto asked =
        rd_kafka_query_watermark_offsets(handle_, log.c_str(), 0, &low, &high, kPatienceMs);
    if (asked != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return absl::UnavailableError(absl::StrCat("Kafka: ", rd_kafka_err2str(asked)));
    }
    topic_ = rd_kafka_topic_new(handle_, log.c_str(), nullptr);
    if (rd_kafka_consume_start(topic_, 0, start == PeerStart::kEarliest ? low : high) != 0) {
      return absl::InternalError(absl::StrCat("Kafka: ", rd_kafka_err2str(rd_kafka_last_error())));
    }
    started_ = true;
    return absl::OkStatus();
  }

  absl::Status Poll(absl::Duration patience,
                    absl::FunctionRef<void(const EventView&)> on_event) override {
    // It returns only when all places are filled or the time is over: so one event, then the rest.
    std::array<rd_kafka_message_t*, kConsumeEvents> messages;
    rd_kafka_message_t* const first =
        rd_kafka_consume(topic_, 0, static_cast<int>(absl::ToInt64Milliseconds(patience)));
    if (first == nullptr) return absl::OkStatus();
    absl::Status status = Take(first, on_event);
    const ssize_t count =
        status.ok() ? rd_kafka_consume_batch(topic_, 0, 0, messages.data(), messages.size()) : 0;
    for (ssize_t i = 0; i < count; ++i) {
      if (absl::Status taken = Take(messages[static_cast<size_t>(i)], on_event); status.ok()) {
        status = taken;
      }
    }
    return status;
  }

 private:
  absl::Status Take(rd_kafka_message_t* message,
                    absl::FunctionRef<void(const EventView&)> on_event) {
    absl::Status status;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      status =
          decoder_.Decode({static_cast<const char*>(message->payload), message->len}, on_event);
    } else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      status = absl::InternalError(absl::StrCat("Kafka: ", rd_kafka_message_errstr(message)));
    }
    rd_kafka_message_destroy(message);
    return status;
  }

  rd_kafka_t* handle_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  bool started_ = false;
  BodyDecoder decoder_;
};

class Client : public PeerClient {
 public:
  Client(int port, rd_kafka_t* handle) : port_(port), handle_(handle) {}
  ~Client() override { rd_kafka_destroy(handle_); }

  absl::Status CheckReady() override {
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto error = rd_kafka_metadata(handle_, 0, nullptr, &metadata, 1000);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return absl::UnavailableError(absl::StrCat("Kafka: ", rd_kafka_err2str(error)));
    }
    const bool has_broker = metadata->broker_cnt > 0;
    rd_kafka_metadata_destroy(metadata);
    return has_broker ? absl::OkStatus() : absl::UnavailableError("Kafka: no broker yet");
  }

  absl::Status CreateLog(const std::string& log) override {
    std::array<char, 512> error = {};
    rd_kafka_NewTopic_t* topic =
        rd_kafka_NewTopic_new(log.c_str(), 1, 1, error.data(), error.size());
    rd_kafka_queue_t* const queue = rd_kafka_queue_new(handle_);
    rd_kafka_CreateTopics(handle_, &topic, 1, nullptr, queue);
    rd_kafka_event_t* const event = rd_kafka_queue_poll(queue, kPatienceMs);
    absl::Status status = absl::UnavailableError("Kafka: the topic was not made within 30 s");
    if (event != nullptr) {
      size_t count = 0;
      const auto* const made =
          rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
      const auto code =
          count == 1 ? rd_kafka_topic_result_error(made[0]) : rd_kafka_event_error(event);
      status = code == RD_KAFKA_RESP_ERR_NO_ERROR
                   ? absl::OkStatus()
                   : absl::InternalError(absl::StrCat("Kafka: ", rd_kafka_err2str(code)));
      rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    return status;
  }

  absl::StatusOr<std::unique_ptr<PeerProducer>> NewProducer(const std::string& log) override {
    auto producer = std::make_unique<Producer>();
    if (absl::Status status = producer->Open(port_, log); !status.ok()) return status;
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
  rd_kafka_t* const handle_;
};

}  // namespace

PeerConnection ConnectKafka(int port) {
  auto handle = NewHandle(RD_KAFKA_PRODUCER, {Broker(port)});
  if (!handle.ok()) return handle.status();
  return std::make_unique<Client>(port, *handle);
}

}  // namespace tidemark::bench
