#include "bench/peers/stream_protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace tidemark::bench {
namespace {

constexpr uint16_t kVersion = 1;
constexpr uint16_t kAnswerBit = 0x8000;
constexpr uint16_t kOk = 1;
constexpr absl::Duration kCallPatience = absl::Seconds(10);
constexpr size_t kReceiveBytes = 256 << 10;
constexpr size_t kHeaderBytes = 4;

std::string BigEndian(uint64_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    text.push_back(static_cast<char>(value >> shift));
  }
  return text;
}

std::string FrameOf(StreamCommand command, absl::string_view fields) {
  const std::string head =
      absl::StrCat(BigEndian(static_cast<uint16_t>(command), 2), BigEndian(kVersion, 2));
  return absl::StrCat(BigEndian(head.size() + fields.size(), 4), head, fields);
}

}  // namespace

StreamFields& StreamFields::Raw(absl::string_view bytes) {
  bytes_.append(bytes.data(), bytes.size());
  return *this;
}
StreamFields& StreamFields::U8(uint8_t value) { return Raw(BigEndian(value, 1)); }
StreamFields& StreamFields::U16(uint16_t value) { return Raw(BigEndian(value, 2)); }
StreamFields& StreamFields::U32(uint32_t value) { return Raw(BigEndian(value, 4)); }
StreamFields& StreamFields::U64(uint64_t value) { return Raw(BigEndian(value, 8)); }
StreamFields& StreamFields::String(absl::string_view text) {
  return U16(static_cast<uint16_t>(text.size())).Raw(text);
}
StreamFields& StreamFields::Bytes(absl::string_view bytes) {
  return U32(static_cast<uint32_t>(bytes.size())).Raw(bytes);
}

absl::string_view StreamReader::Raw(size_t count) {
  if (count > left_.size()) {
    ok_ = false;
    count = left_.size();
  }
  const absl::string_view bytes = left_.substr(0, count);
  left_.remove_prefix(count);
  return bytes;
}

uint64_t StreamReader::Number(int bytes) {
  uint64_t value = 0;
  for (const char byte : Raw(static_cast<size_t>(bytes))) {
    value = value << 8 | static_cast<uint8_t>(byte);
  }
  return value;
}

absl::StatusOr<std::unique_ptr<StreamConnection>> StreamConnection::Connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::unique_ptr<StreamConnection> connection(new StreamConnection(fd));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("RabbitMQ stream, port ", port));
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (absl::Status status = connection->LogIn(); !status.ok()) return status;
  return connection;
}

StreamConnection::~StreamConnection() { close(socket_); }

absl::Status StreamConnection::LogIn() {
  absl::Status status = Call(StreamCommand::kPeerProperties, StreamFields().U32(0));
  if (status.ok()) status = Call(StreamCommand::kSaslHandshake, StreamFields());
  if (status.ok()) {
    const absl::string_view guest("\0guest\0guest", 12);
    status = Call(StreamCommand::kSaslAuthenticate, StreamFields().String("PLAIN").Bytes(guest));
  }
  if (!status.ok()) return status;
  const auto tune = Receive(kCallPatience);
  if (!tune.ok()) return tune.status();
  if (tune->command != StreamCommand::kTune) return absl::InternalError("RabbitMQ sent no Tune");
  // Its frame size, and no heartbeats.
  StreamReader reader(tune->fields);
  const uint32_t frame_bytes_max = reader.U32();
  status = Send(StreamCommand::kTune, StreamFields().U32(frame_bytes_max).U32(0));
  if (!status.ok()) return status;
  return Call(StreamCommand::kOpen, StreamFields().String("/"));
}

absl::Status StreamConnection::Call(StreamCommand command, const StreamFields& fields) {
  const uint32_t correlation = ++next_correlation_;
  absl::Status status = Send(command, StreamFields().U32(correlation).Raw(fields.bytes()));
  if (!status.ok()) return status;
  const auto frame = Receive(kCallPatience);
  if (!frame.ok()) return frame.status();
  StreamReader reader(frame->fields);
  const uint32_t answered = reader.U32();
  const uint16_t code = reader.U16();
  if (static_cast<uint16_t>(frame->command) != (static_cast<uint16_t>(command) | kAnswerBit) ||
      answered != correlation || !reader.ok()) {
    return absl::InternalError("RabbitMQ stream: an answer to something else");
  }
  if (code == kOk) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("RabbitMQ stream: command ",
                                          static_cast<uint16_t>(command), " got code ", code));
}

absl::Status StreamConnection::Send(StreamCommand command, const StreamFields& fields) {
  return Write(FrameOf(command, fields.bytes()));
}

absl::Status StreamConnection::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return absl::ErrnoToStatus(errno, "RabbitMQ stream, send");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

absl::Status StreamConnection::Fill(size_t bytes, absl::Duration patience) {
  if (begin_ > 0 && received_.size() - begin_ < bytes) {
    received_.erase(0, begin_);
    begin_ = 0;
  }
  while (received_.size() - begin_ < bytes) {
    pollfd ready = {.fd = socket_, .events = POLLIN};
    const int polled = poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(patience)));
    if (polled == 0) return absl::DeadlineExceededError("RabbitMQ stream: nothing came");
    const size_t have = received_.size();
    received_.resize(have + std::max(kReceiveBytes, bytes));
    const ssize_t got = recv(socket_, received_.data() + have, received_.size() - have, 0);
    received_.resize(have + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return absl::UnavailableError("RabbitMQ stream: the broker hung up");
    if (got < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "RabbitMQ stream, receive");
  }
  return absl::OkStatus();
}

absl::StatusOr<StreamConnection::Frame> StreamConnection::Receive(absl::Duration patience) {
  while (true) {
    if (absl::Status status = Fill(kHeaderBytes, patience); !status.ok()) return status;
    const size_t size =
        StreamReader(absl::string_view(received_).substr(begin_, kHeaderBytes)).U32();
    if (absl::Status status = Fill(kHeaderBytes + size, patience); !status.ok()) return status;
    const absl::string_view frame =
        absl::string_view(received_).substr(begin_ + kHeaderBytes, size);
    begin_ += kHeaderBytes + size;
    StreamReader reader(frame);
    const auto command = static_cast<StreamCommand>(reader.U16());
    reader.U16();  // The version.
    if (!reader.ok()) return absl::InternalError("RabbitMQ stream: a frame without a command");
    if (command == StreamCommand::kHeartbeat) continue;
    return Frame{command, frame.substr(4)};
  }
}

}  // namespace tidemark::bench
