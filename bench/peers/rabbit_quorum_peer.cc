// RabbitMQ quorum queues by librabbitmq (AMQP 0.9.1), with publisher confirms.
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/peers/drivers.h"

namespace tidemark::bench {
namespace {

constexpr amqp_channel_t kChannel = 1;
constexpr int kFrameBytesMax = 131'072;
constexpr uint16_t kPrefetch = 2000;
constexpr uint64_t kAckEvery = 100;
constexpr int kPollEvents = 1000;
constexpr time_t kPatienceS = 30;

using Connection = std::unique_ptr<amqp_connection_state_t_, decltype(&amqp_destroy_connection)>;

absl::Status Check(const amqp_rpc_reply_t& reply, absl::string_view what) {
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return absl::OkStatus();
  const std::string why = reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                              ? amqp_error_string2(reply.library_error)
                              : "the broker refused";
  return absl::UnavailableError(absl::StrCat("RabbitMQ, ", what, ": ", why));
}

absl::Status Check(int status, absl::string_view what) {
  if (status == AMQP_STATUS_OK) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("RabbitMQ, ", what, ": ", amqp_error_string2(status)));
}

absl::StatusOr<Connection> Connect(int port) {
  Connection connection(amqp_new_connection(), amqp_destroy_connection);
  amqp_socket_t* const socket = amqp_tcp_socket_new(connection.get());
  absl::Status status = Check(amqp_socket_open(socket, "127.0.0.1", port), "connect");
  if (!status.ok()) return status;
  status = Check(amqp_login(connection.get(), "/", 0, kFrameBytesMax, 0, AMQP_SASL_METHOD_PLAIN,
                            "guest", "guest"),
                 "log in");
  if (!status.ok()) return status;
  amqp_channel_open(connection.get(), kChannel);
  if (status = Check(amqp_get_rpc_reply(connection.get()), "open a channel"); !status.ok()) {
    return status;
  }
  return connection;
}

amqp_bytes_t Bytes(absl::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

class Producer : public PeerProducer {
 public:
  Producer(Connection connection, std::string log)
      : connection_(std::move(connection)), log_(std::move(log)) {}

  absl::Status Open() {
    amqp_confirm_select(connection_.get(), kChannel);
    return Check(amqp_get_rpc_reply(connection_.get()), "confirms");
  }

  absl::Status Send(const PeerBatch& batch) override {
    amqp_basic_properties_t properties = {};
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties.delivery_mode = 2;  // Persistent.
    for (const PeerEvent& event : batch) {
      absl::Status status =
          Check(amqp_basic_publish(connection_.get(), kChannel, amqp_empty_bytes, Bytes(log_), 0, 0,
                                   &properties, Bytes(event.body)),
                "publish");
      if (!status.ok()) return status;
    }
    sent_ += batch.size();
    batch_ends_.push_back(sent_);
    return absl::OkStatus();
  }

  absl::Status AwaitOldest() override {
    while (confirmed_until_ < batch_ends_.front()) {
      const timeval patience = {.tv_sec = kPatienceS};
      amqp_frame_t frame;
      absl::Status status =
          Check(amqp_simple_wait_frame_noblock(connection_.get(), &frame, &patience), "confirm");
      if (!status.ok()) return status;
      if (frame.frame_type != AMQP_FRAME_METHOD) continue;
      if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD) {
        return absl::InternalError("RabbitMQ did not confirm an event");
      }
      const auto& ack = *static_cast<amqp_basic_ack_t*>(frame.payload.method.decoded);
      Confirm(ack.delivery_tag, ack.multiple != 0);
    }
    batch_ends_.pop_front();
    amqp_maybe_release_buffers(connection_.get());
    return absl::OkStatus();
  }

 private:
  // Confirms may come out of order.
  void Confirm(uint64_t tag, bool multiple) {
    if (multiple) {
      confirmed_until_ = std::max(confirmed_until_, tag);
    } else {
      confirmed_.insert(tag);
    }
    while (!confirmed_.empty() && *confirmed_.begin() <= confirmed_until_ + 1) {
      confirmed_until_ = std::max(confirmed_until_, *confirmed_.begin());
      confirmed_.erase(confirmed_.begin());
    }
  }

  const Connection connection_;
  const std::string log_;
  uint64_t sent_ = 0;
  uint64_t confirmed_until_ = 0;
  std::set<uint64_t> confirmed_;  // Beyond it.
  std::deque<uint64_t> batch_ends_;
};

class Consumer : public PeerConsumer {
 public:
  explicit Consumer(Connection connection) : connection_(std::move(connection)) {}

  absl::Status Open(const std::string& log) {
    amqp_basic_qos(connection_.get(), kChannel, 0, kPrefetch, 0);
    absl::Status status = Check(amqp_get_rpc_reply(connection_.get()), "prefetch");
    if (!status.ok()) return status;
    amqp_basic_consume(connection_.get(), kChannel, Bytes(log), amqp_empty_bytes, 0, 0, 0,
                       amqp_empty_table);
    return Check(amqp_get_rpc_reply(connection_.get()), "consume");
  }

  absl::Status Poll(absl::Duration patience,
                    absl::FunctionRef<void(const EventView&)> on_event) override {
    timeval wait = absl::ToTimeval(patience);
    for (int i = 0; i < kPollEvents; ++i) {
      amqp_maybe_release_buffers(connection_.get());
      amqp_envelope_t envelope;
      const amqp_rpc_reply_t reply = amqp_consume_message(connection_.get(), &envelope, &wait, 0);
      if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
          reply.library_error == AMQP_STATUS_TIMEOUT) {
        return AckUntil(last_tag_);
      }
      if (absl::Status status = Check(reply, "deliver"); !status.ok()) return status;
      last_tag_ = envelope.delivery_tag;
      absl::Status status = decoder_.Decode(
          {static_cast<const char*>(envelope.message.body.bytes), envelope.message.body.len},
          on_event);
      amqp_destroy_envelope(&envelope);
      if (status.ok() && last_tag_ - acked_tag_ >= kAckEvery) status = AckUntil(last_tag_);
      if (!status.ok()) return status;
      wait = {};
    }
    return absl::OkStatus();
  }

 private:
  absl::Status AckUntil(uint64_t tag) {
    if (tag == acked_tag_) return absl::OkStatus();
    acked_tag_ = tag;
    return Check(amqp_basic_ack(connection_.get(), kChannel, tag, /*multiple=*/1), "ack");
  }

  const Connection connection_;
  uint64_t last_tag_ = 0;
  uint64_t acked_tag_ = 0;
  BodyDecoder decoder_;
};

class Client : public PeerClient {
 public:
  Client(int port, Connection connection) : port_(port), connection_(std::move(connection)) {}

  absl::Status CheckReady() override { return absl::OkStatus(); }  // It is connected.

  absl::Status CreateLog(const std::string& log) override {
    amqp_table_entry_t type;
    type.key = amqp_cstring_bytes("x-queue-type");
    type.value.kind = AMQP_FIELD_KIND_UTF8;
    type.value.value.bytes = amqp_cstring_bytes("quorum");
    const amqp_table_t arguments = {.num_entries = 1, .entries = &type};
    amqp_queue_declare(connection_.get(), kChannel, Bytes(log), 0, /*durable=*/1, 0, 0, arguments);
    return Check(amqp_get_rpc_reply(connection_.get()), "declare a queue");
  }

  absl::StatusOr<std::unique_ptr<PeerProducer>> NewProducer(const std::string& log) override {
    auto connection = Connect(port_);
    if (!connection.ok()) return connection.status();
    auto producer = std::make_unique<Producer>(*std::move(connection), log);
    if (absl::Status status = producer->Open(); !status.ok()) return status;
    return producer;
  }

  // A queue has no past and no start: what is in it goes to whoever reads.
  absl::StatusOr<std::unique_ptr<PeerConsumer>> NewConsumer(const std::string& log,
                                                            PeerStart) override {
    auto connection = Connect(port_);
    if (!connection.ok()) return connection.status();
    auto consumer = std::make_unique<Consumer>(*std::move(connection));
    if (absl::Status status = consumer->Open(log); !status.ok()) return status;
    return consumer;
  }

 private:
  const int port_;
  const Connection connection_;
};

}  // namespace

PeerConnection ConnectRabbitQuorum(int port) {
  auto connection = Connect(port);
  if (!connection.ok()) return connection.status();
  return std::make_unique<Client>(port, *std::move(connection));
}

}  // namespace tidemark::bench
