// RabbitMQ streams by their own protocol: publish frames of 100 events, confirms, chunks by credit.
#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/peers/drivers.h"
#include "bench/peers/stream_protocol.h"

namespace tidemark::bench {
namespace {

constexpr int kPortsAfterBroker = 3;
constexpr uint8_t kPublisher = 1;
constexpr uint8_t kSubscription = 1;
constexpr size_t kFrameEvents = 100;  // As its Java client sends.
constexpr uint16_t kCredits = 10;
constexpr uint16_t kFirst = 1;  // Offset specifications.
constexpr uint16_t kNext = 3;
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr uint32_t kSubBatchBit = 0x8000'0000;

// A message is an AMQP 1.0 data section: a descriptor, a binary of up to 255 or of more bytes.
constexpr absl::string_view kShortData("\0\x53\x75\xa0", 4);
constexpr absl::string_view kLongData("\0\x53\x75\xb0", 4);

class Producer : public PeerProducer {
 public:
  explicit Producer(std::unique_ptr<StreamConnection> connection)
      : connection_(std::move(connection)) {}

  absl::Status Send(const PeerBatch& batch) override {
    for (size_t from = 0; from < batch.size(); from += kFrameEvents) {
      const size_t until = std::min(batch.size(), from + kFrameEvents);
      StreamFields fields;
      fields.U8(kPublisher).U32(static_cast<uint32_t>(until - from));
      for (size_t i = from; i < until; ++i) AddMessage(batch[i].body, fields);
      if (auto s = connection_->Send(StreamCommand::kPublish, fields); !s.ok()) return s;
    }
    batch_ends_.push_back(published_);
    return absl::OkStatus();
  }

  // Confirms of one publisher are counted: it has one stream, and they may come out of order.
  absl::Status AwaitOldest() override {
    while (confirmed_ < batch_ends_.front()) {
      const auto frame = connection_->Receive(kPatience);
      if (!frame.ok()) return frame.status();
      if (frame->command != StreamCommand::kPublishConfirm) {
        return absl::InternalError(absl::StrCat("RabbitMQ stream: command ",
                                                static_cast<uint16_t>(frame->command),
                                                " instead of a confirmation"));
      }
      StreamReader reader(frame->fields);
      reader.U8();
      confirmed_ += reader.U32();
    }
    batch_ends_.pop_front();
    return absl::OkStatus();
  }

 private:
  void AddMessage(const std::string& body, StreamFields& fields) {
    const bool is_short = body.size() < 256;
    const size_t size = kShortData.size() + (is_short ? 1 : 4) + body.size();
    fields.U64(++published_).U32(static_cast<uint32_t>(size));
    if (is_short) {
      fields.Raw(kShortData).U8(static_cast<uint8_t>(body.size())).Raw(body);
    } else {
      fields.Raw(kLongData).Bytes(body);
    }
  }

  const std::unique_ptr<StreamConnection> connection_;
  uint64_t published_ = 0;
  uint64_t confirmed_ = 0;
  std::deque<uint64_t> batch_ends_;
};

class Consumer : public PeerConsumer {
 public:
  explicit Consumer(std::unique_ptr<StreamConnection> connection)
      : connection_(std::move(connection)) {}

  absl::Status Poll(absl::Duration patience,
                    absl::FunctionRef<void(const EventView&)> on_event) override {
    const auto frame = connection_->Receive(patience);
    if (absl::IsDeadlineExceeded(frame.status())) return absl::OkStatus();
    if (!frame.ok()) return frame.status();
    if (frame->command != StreamCommand::kDeliver) return absl::OkStatus();
    absl::Status status = Take(frame->fields, on_event);
    if (!status.ok()) return status;
    return connection_->Send(StreamCommand::kCredit, StreamFields().U8(kSubscription).U16(1));
  }

 private:
  // A chunk, as it lies in the broker's file.
  absl::Status Take(absl::string_view fields, absl::FunctionRef<void(const EventView&)> on_event) {
    StreamReader chunk(fields);
    chunk.U8();  // The subscription.
    chunk.U8();  // Magic and version.
    chunk.U8();  // Its kind.
    const uint16_t entries = chunk.U16();
    chunk.Raw(4 + 8 + 8 + 8 + 4);  // Records, time, epoch, offset, checksum.
    chunk.Raw(4 + 4 + 4);          // Lengths of data and trailer; reserved.
    for (uint16_t i = 0; i < entries; ++i) {
      const uint32_t size = chunk.U32();
      if ((size & kSubBatchBit) != 0) return absl::InternalError("RabbitMQ stream: a sub-batch");
      const absl::string_view message = chunk.Raw(size);
      const size_t head = kShortData.size() + (message.substr(0, 4) == kShortData ? 1 : 4);
      if (!chunk.ok() || message.size() < head) {
        return absl::InternalError("RabbitMQ stream: a chunk that is not whole");
      }
      if (auto s = decoder_.Decode(message.substr(head), on_event); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  const std::unique_ptr<StreamConnection> connection_;
  BodyDecoder decoder_;
};

class Client : public PeerClient {
 public:
  Client(int port, std::unique_ptr<StreamConnection> connection)
      : port_(port), connection_(std::move(connection)) {}

  absl::Status CheckReady() override { return absl::OkStatus(); }  // It is logged in.

  absl::Status CreateLog(const std::string& log) override {
    return connection_->Call(StreamCommand::kCreate, StreamFields().String(log).U32(0));
  }

  absl::StatusOr<std::unique_ptr<PeerProducer>> NewProducer(const std::string& log) override {
    auto connection = StreamConnection::Connect(port_);
    if (!connection.ok()) return connection.status();
    absl::Status status = (*connection)
                              ->Call(StreamCommand::kDeclarePublisher,
                                     StreamFields().U8(kPublisher).String("").String(log));
    if (!status.ok()) return status;
    return std::make_unique<Producer>(*std::move(connection));
  }

  absl::StatusOr<std::unique_ptr<PeerConsumer>> NewConsumer(const std::string& log,
                                                            PeerStart start) override {
    auto connection = StreamConnection::Connect(port_);
    if (!connection.ok()) return connection.status();
    absl::Status status = (*connection)
                              ->Call(StreamCommand::kSubscribe,
                                     StreamFields()
                                         .U8(kSubscription)
                                         .String(log)
                                         .U16(start == PeerStart::kEarliest ? kFirst : kNext)
                                         .U16(kCredits)
                                         .U32(0));
    if (!status.ok()) return status;
    return std::make_unique<Consumer>(*std::move(connection));
  }

 private:
  const int port_;
  const std::unique_ptr<StreamConnection> connection_;
};

}  // namespace

PeerConnection ConnectRabbitStream(int port) {
  auto connection = StreamConnection::Connect(port + kPortsAfterBroker);
  if (!connection.ok()) return connection.status();
  return std::make_unique<Client>(port + kPortsAfterBroker, *std::move(connection));
}

}  // namespace tidemark::bench
