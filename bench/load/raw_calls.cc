#include "bench/load/raw_calls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "bench/measure/clock.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::bench {
namespace {

enum Frame : uint8_t { kData, kHeaders, kPriority, kReset, kSettings, kPush, kPing, kGoAway };
constexpr uint8_t kEndStream = 0x1;
constexpr uint8_t kAck = 0x1;
constexpr uint8_t kEndHeaders = 0x4;
constexpr size_t kHeadBytes = 9;
constexpr size_t kIdBytes = 20;
constexpr size_t kUnsentMax = 1 << 20;
constexpr size_t kReadBytes = 1 << 18;
constexpr uint16_t kStreamsSetting = 3;

std::string BigEndian(uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

uint32_t FromBigEndian(const char* bytes, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

std::string MakeFrame(Frame kind, uint8_t flags, uint32_t stream, const std::string& payload) {
  return absl::StrCat(BigEndian(static_cast<uint32_t>(payload.size()), 3),
                      std::string{static_cast<char>(kind), static_cast<char>(flags)},
                      BigEndian(stream, 4), payload);
}

// A header field as text, in no table. Names and values below 127 bytes.
std::string Literal(const std::string& name, const std::string& value) {
  std::string out(1, '\0');
  out.push_back(static_cast<char>(name.size()));
  out += name;
  out.push_back(static_cast<char>(value.size()));
  return out + value;
}

std::string HeaderBlock(uint32_t deadline_ms) {
  return absl::StrCat(Literal(":method", "POST"), Literal(":scheme", "http"),
                      Literal(":path", "/tidemark.v1.EventStore/Append"),
                      Literal(":authority", "localhost"), Literal("te", "trailers"),
                      Literal("content-type", "application/grpc"),
                      Literal("grpc-timeout", absl::StrCat(deadline_ms, "m")));
}

// The frames of a call, and where in them the stream and the event's id stand.
struct Template {
  explicit Template(const RawCalls& load) {
    v1::AppendRequest request;
    request.set_topic(load.topic);
    v1::Event& event = *request.add_events();
    event.set_id(std::string(kIdBytes, '#'));
    event.set_type("x");
    event.set_data(std::string(load.event_bytes, 'd'));
    const std::string message = request.SerializeAsString();
    bytes = MakeFrame(kHeaders, kEndHeaders, 0, HeaderBlock(load.deadline_ms));
    body = bytes.size();
    bytes += MakeFrame(kData, kEndStream, 0,
                       absl::StrCat(std::string(1, '\0'),
                                    BigEndian(static_cast<uint32_t>(message.size()), 4), message));
    id = bytes.find(std::string(kIdBytes, '#'));
  }
  std::string bytes;
  size_t body = 0;  // The second frame.
  size_t id = 0;
};

absl::StatusOr<int> Connect(const std::string& address) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(address, ':');
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  uint32_t port = 0;
  const std::string host = parts.first == "localhost" ? "127.0.0.1" : parts.first;
  if (!absl::SimpleAtoi(parts.second, &port) ||
      inet_pton(AF_INET, host.c_str(), &to.sin_addr) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", address, "\" is not an IPv4 address and port"));
  }
  to.sin_port = htons(static_cast<uint16_t>(port));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    close(fd);
    return absl::UnavailableError(
        absl::StrCat("cannot connect to ", address, ": ", strerror(errno)));
  }
  return fd;
}

class Caller {
 public:
  Caller(int fd, uint32_t number, const Template& call, RawFigures& figures, int64_t deadline_ns)
      : fd_(fd), number_(number), call_(call), figures_(figures), deadline_ns_(deadline_ns) {
    const std::string settings = absl::StrCat(BigEndian(1, 2), BigEndian(0, 4),  // No header table.
                                              BigEndian(4, 2), BigEndian(1u << 30, 4));  // Window.
    out_ = absl::StrCat("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", MakeFrame(kSettings, 0, 0, settings),
                        MakeFrame(static_cast<Frame>(8), 0, 0, BigEndian(1u << 30, 4)));
  }
  ~Caller() { close(fd_); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  int fd() const { return fd_; }
  uint64_t in_flight() const { return in_flight_; }
  bool wants_to_write() const { return !out_.empty(); }
  bool may_send() const { return in_flight_ < streams_max_ && out_.size() < kUnsentMax; }

  void Send(int64_t due_ns) {
    const auto index = static_cast<uint32_t>(calls_.size());
    const std::string stream = BigEndian(2 * index + 1, 4);
    const size_t begin = out_.size();
    out_ += call_.bytes;
    out_.replace(begin + 5, 4, stream);
    out_.replace(begin + call_.body + 5, 4, stream);
    char id[kIdBytes + 1];
    absl::SNPrintF(id, sizeof(id), "%08d-%011d", number_, index);
    out_.replace(begin + call_.id, kIdBytes, id, kIdBytes);
    calls_.push_back({.due_ns = due_ns});
    ++in_flight_;
    ++figures_.sent;
  }

  absl::Status Write() {
    const ssize_t sent = send(fd_, out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return Ended();
    if (sent > 0) out_.erase(0, static_cast<size_t>(sent));
    return absl::OkStatus();
  }

  absl::Status Read() {
    const size_t had = in_.size();
    in_.resize(had + kReadBytes);
    const ssize_t received = recv(fd_, in_.data() + had, kReadBytes, MSG_DONTWAIT);
    in_.resize(had + static_cast<size_t>(std::max<ssize_t>(received, 0)));
    if (received == 0 || (received < 0 && errno != EAGAIN)) return Ended();
    const int64_t now_ns = NowNs();
    size_t at = 0;
    while (in_.size() - at >= kHeadBytes) {
      const size_t size = FromBigEndian(in_.data() + at, 3);
      if (in_.size() - at - kHeadBytes < size) break;
      Take(static_cast<Frame>(in_[at + 3]), static_cast<uint8_t>(in_[at + 4]),
           FromBigEndian(in_.data() + at + 5, 4),
           absl::string_view(in_).substr(at + kHeadBytes, size), now_ns);
      at += kHeadBytes + size;
    }
    in_.erase(0, at);
    return ended_ ? Ended() : absl::OkStatus();
  }

 private:
  struct Call {
    int64_t due_ns = 0;
    bool open = true;
  };

  absl::Status Ended() const {
    return absl::UnavailableError(absl::StrCat("the server ended connection ", number_));
  }

  void Take(Frame kind, uint8_t flags, uint32_t stream, absl::string_view payload, int64_t now_ns) {
    if (kind == kGoAway) ended_ = true;
    if (kind == kPing && (flags & kAck) == 0) {
      out_ += MakeFrame(kPing, kAck, 0, std::string(payload));
    }
    if (kind == kSettings && (flags & kAck) == 0) {
      TakeSettings(payload);
      out_ += MakeFrame(kSettings, kAck, 0, "");
    }
    if (kind == kReset) Finish(stream, "reset", now_ns);
    if (kind == kHeaders && (flags & kEndStream) != 0) Finish(stream, StatusIn(payload), now_ns);
  }

  void TakeSettings(absl::string_view payload) {
    for (size_t at = 0; at + 6 <= payload.size(); at += 6) {
      if (FromBigEndian(payload.data() + at, 2) != kStreamsSetting) continue;
      streams_max_ = FromBigEndian(payload.data() + at + 2, 4);
      figures_.streams_max =
          figures_.streams_max == 0 ? streams_max_ : std::min(figures_.streams_max, streams_max_);
    }
  }

  static std::string StatusIn(absl::string_view headers) {
    constexpr absl::string_view kName = "grpc-status";
    const size_t at = headers.find(kName);
    if (at == absl::string_view::npos) return "none";
    const size_t length = static_cast<uint8_t>(headers[at + kName.size()]);
    return std::string(headers.substr(at + kName.size() + 1, length));
  }

  void Finish(uint32_t stream, const std::string& status, int64_t now_ns) {
    const size_t index = stream / 2;
    if (index >= calls_.size() || !std::exchange(calls_[index].open, false)) return;
    --in_flight_;
    if (status != "0") {
      ++figures_.refused[status];
      return;
    }
    const int64_t took_ns = now_ns - calls_[index].due_ns;
    figures_.latency.Record(took_ns);
    ++(took_ns <= deadline_ns_ ? figures_.in_time : figures_.late);
  }

  const int fd_;
  const uint32_t number_;
  const Template& call_;
  RawFigures& figures_;
  const int64_t deadline_ns_;
  uint64_t streams_max_ = 100;  // Until the server says it.
  uint64_t in_flight_ = 0;
  bool ended_ = false;
  std::string out_, in_;
  std::vector<Call> calls_;  // By stream / 2.
};

class RawRun {
 public:
  explicit RawRun(const RawCalls& load) : load_(load), call_(load) {}

  absl::Status Connect() {
    for (uint32_t i = 0; i < load_.connections; ++i) {
      const absl::StatusOr<int> fd = bench::Connect(load_.address);
      if (!fd.ok()) return fd.status();
      callers_.push_back(std::make_unique<Caller>(*fd, i, call_, figures_,
                                                  int64_t{load_.deadline_ms} * 1'000'000));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RawFigures> Run() {
    const int64_t begin_ns = NowNs();
    const int64_t counts_ns = begin_ns + SecondsToNs(load_.warmup_seconds);
    const int64_t end_ns = counts_ns + SecondsToNs(load_.seconds);
    uint64_t made = 0;
    int64_t next_second_ns = begin_ns + SecondsToNs(1);
    uint64_t counted = 0;  // In time, in the seconds that have ended.
    bool counts = false;
    while (NowNs() < end_ns) {
      if (!counts && NowNs() >= counts_ns) {
        counts = true;
        acknowledged_before_ = figures_.in_time + figures_.late;
        before_window_ = figures_.in_time;
        figures_ = {.streams_max = figures_.streams_max,
                    .in_time_by_second = std::move(figures_.in_time_by_second)};
      }
      if (NowNs() >= next_second_ns) {
        next_second_ns += SecondsToNs(1);
        const uint64_t in_time = before_window_ + figures_.in_time;
        figures_.in_time_by_second.push_back(in_time - counted);
        counted = in_time;
      }
      if (load_.rate > 0) {
        made = SendDue(begin_ns, made);
      } else {
        SendNext();
      }
      if (absl::Status status = Step(); !status.ok()) return status;
    }
    RawFigures in_window = figures_;
    in_window.seconds = NsToSeconds(NowNs() - counts_ns);
    // What is acknowledged later was acknowledged all the same; it has to be there.
    const int64_t patience_ns = NowNs() + int64_t{load_.deadline_ms} * 1'000'000 + SecondsToNs(1);
    while (NowNs() < patience_ns && AnyInFlight()) {
      if (absl::Status status = Step(); !status.ok()) return status;
    }
    in_window.late += figures_.in_time + figures_.late - in_window.in_time - in_window.late;
    in_window.acknowledged = acknowledged_before_ + in_window.in_time + in_window.late;
    return in_window;
  }

 private:
  bool AnyInFlight() const {
    return std::any_of(callers_.begin(), callers_.end(),
                       [](const auto& caller) { return caller->in_flight() > 0; });
  }

  void SendNext() {
    const uint64_t each = (load_.callers + callers_.size() - 1) / callers_.size();
    for (const auto& caller : callers_) {
      while (caller->in_flight() < each && caller->may_send()) caller->Send(NowNs());
    }
  }

  uint64_t SendDue(int64_t begin_ns, uint64_t made) {
    const auto due = static_cast<uint64_t>(NsToSeconds(NowNs() - begin_ns) * load_.rate);
    for (; made < due; ++made) {
      Caller& caller = *callers_[made % callers_.size()];
      if (caller.may_send()) {
        caller.Send(begin_ns + static_cast<int64_t>(1e9 * static_cast<double>(made) / load_.rate));
      } else {
        ++figures_.held_back;
      }
    }
    return made;
  }

  absl::Status Step() {
    std::vector<pollfd> polls;
    for (const auto& caller : callers_) {
      const int events = POLLIN | (caller->wants_to_write() ? POLLOUT : 0);
      polls.push_back({.fd = caller->fd(), .events = static_cast<int16_t>(events), .revents = 0});
    }
    poll(polls.data(), polls.size(), 1);
    for (size_t i = 0; i < polls.size(); ++i) {
      absl::Status status;
      if ((polls[i].revents & POLLOUT) != 0) status = callers_[i]->Write();
      if (status.ok() && (polls[i].revents & ~POLLOUT) != 0) status = callers_[i]->Read();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  const RawCalls& load_;
  const Template call_;
  RawFigures figures_;
  uint64_t acknowledged_before_ = 0;  // In the warm-up.
  uint64_t before_window_ = 0;        // In time, in the warm-up.
  std::vector<std::unique_ptr<Caller>> callers_;
};

}  // namespace

absl::StatusOr<RawFigures> RunRawCalls(const RawCalls& load) {
  if (load.connections == 0 || load.deadline_ms == 0) {
    return absl::InvalidArgumentError("connections and the deadline must be above 0");
  }
  RawRun run(load);
  if (absl::Status status = run.Connect(); !status.ok()) return status;
  return run.Run();
}

}  // namespace tidemark::bench
