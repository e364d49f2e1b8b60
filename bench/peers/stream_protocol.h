// StreamConnection: the little of RabbitMQ's stream protocol that a comparison needs. There is no C
// or C++ client in Debian; the protocol is published with the broker (PROTOCOL.adoc).
//
// Terms.     A frame: its size, a command's key, a version, and the command's fields, all
// big-endian. Threads.   One user at a time.
#ifndef TIDEMARK_BENCH_PEERS_STREAM_PROTOCOL_H_
#define TIDEMARK_BENCH_PEERS_STREAM_PROTOCOL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tidemark::bench {

enum class StreamCommand : uint16_t {
  kDeclarePublisher = 1,
  kPublish = 2,
  kPublishConfirm = 3,
  kSubscribe = 7,
  kDeliver = 8,
  kCredit = 9,
  kCreate = 13,
  kPeerProperties = 17,
  kSaslHandshake = 18,
  kSaslAuthenticate = 19,
  kTune = 20,
  kOpen = 21,
  kHeartbeat = 23,
};

// Builds the fields of a frame.
class StreamFields {
 public:
  StreamFields& U8(uint8_t value);
  StreamFields& U16(uint16_t value);
  StreamFields& U32(uint32_t value);
  StreamFields& U64(uint64_t value);
  StreamFields& String(absl::string_view text);  // Its length in two bytes.
  StreamFields& Bytes(absl::string_view bytes);  // Its length in four bytes.
  StreamFields& Raw(absl::string_view bytes);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Reads fields one after another. What is read past the end is zero, and ok() says so.
class StreamReader {
 public:
  explicit StreamReader(absl::string_view bytes) : left_(bytes) {}
  uint8_t U8() { return static_cast<uint8_t>(Number(1)); }
  uint16_t U16() { return static_cast<uint16_t>(Number(2)); }
  uint32_t U32() { return static_cast<uint32_t>(Number(4)); }
  uint64_t U64() { return Number(8); }
  absl::string_view Raw(size_t count);
  bool ok() const { return ok_; }

 private:
  uint64_t Number(int bytes);

  absl::string_view left_;
  bool ok_ = true;
};

class StreamConnection {
 public:
  // Connects and logs in as guest, which the broker allows on loopback.
  static absl::StatusOr<std::unique_ptr<StreamConnection>> Connect(int port);
  ~StreamConnection();
  StreamConnection(const StreamConnection&) = delete;
  StreamConnection& operator=(const StreamConnection&) = delete;

  // A command that is answered: waits for its answer.
  // INTERNAL  the broker's response code is not 1.
  absl::Status Call(StreamCommand command, const StreamFields& fields);
  // A command that is not.
  absl::Status Send(StreamCommand command, const StreamFields& fields);

  struct Frame {
    StreamCommand command;
    absl::string_view fields;  // Valid until the next Receive.
  };
  // DEADLINE_EXCEEDED  nothing came for so long. Heartbeats are left out.
  absl::StatusOr<Frame> Receive(absl::Duration patience);

 private:
  explicit StreamConnection(int socket) : socket_(socket) {}
  absl::Status LogIn();
  absl::Status Write(absl::string_view bytes);
  // Until so many bytes lie at `begin_`.
  absl::Status Fill(size_t bytes, absl::Duration patience);

  const int socket_;
  uint32_t next_correlation_ = 0;
  std::string received_;
  size_t begin_ = 0;  // What is before it was handed over.
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_PEERS_STREAM_PROTOCOL_H_
