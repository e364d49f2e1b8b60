#include "server/rpc/socket_guard.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "server/base/system_clock.h"

namespace tidemark::rpc {
namespace {

constexpr int kDescriptorsMax = 1 << 20;  // The table's pages are used as descriptors are.
// Files of the store (memory_plan.h: 576), its logs, pipes, HTTP, and what is opened for a moment.
constexpr uint64_t kOwnDescriptors = 1024;
constexpr int kRefusedAtOnceMax = 1024;
constexpr uint64_t kCallsOfMean = 64;
constexpr int64_t kLogPauseNanos = 1'000'000'000;

struct Guarded {
  Guarded(const FrameLimits& limits, CallPressure& pressure, std::atomic<int64_t>& unfinished_total)
      : announced(limits.streams_max, pressure), frames(limits, unfinished_total, &announced) {}
  StreamLimit announced;
  FrameGuard frames;  // Of the thread that receives, as is what follows.
  bool ended = false;
  uint64_t call_bytes = 0;    // Of the calls since
  uint64_t calls_before = 0;  // so many.
  std::string unsent;         // Of the thread that sends: the rest of a frame of ours.
};

// Constant-initialised: the functions below are called before and after everything else.
struct State {
  std::atomic<bool> enabled{false};
  SocketLimits limits;  // Set before `enabled`.
  std::atomic<int64_t> connections{0};
  std::atomic<int64_t> refused{0};
  std::atomic<int64_t> unfinished{0};
  CallPressure pressure;
  std::atomic<int64_t> logged_nanos{0};
  std::array<std::atomic<int64_t>, SocketGuard::kViolations> violations{};
  // Given up for a moment when no descriptor is left, to accept a connection and close it.
  absl::Mutex reserve_mu{absl::kConstInit};
  int reserve ABSL_GUARDED_BY(reserve_mu) = -1;
};
State state;
struct Socket {
  std::atomic<Guarded*> guarded{nullptr};
  std::atomic<uint64_t> mean_call_bytes{0};  // 0: not known. Readable while the socket is closed.
};
std::array<Socket, kDescriptorsMax> sockets{};
std::atomic<int> descriptors_end{0};  // Above every socket's there ever was.

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int RealAccept(int listener, sockaddr* address, socklen_t* size, int flags) {
  static auto* const real = Next<int(int, sockaddr*, socklen_t*, int)>("accept4");
  return real(listener, address, size, flags);
}

ssize_t RealReceive(int fd, msghdr* message, int flags) {
  static auto* const real = Next<ssize_t(int, msghdr*, int)>("recvmsg");
  return real(fd, message, flags);
}

ssize_t RealSend(int fd, const msghdr* message, int flags) {
  static auto* const real = Next<ssize_t(int, const msghdr*, int)>("sendmsg");
  return real(fd, message, flags);
}

int RealClose(int fd) {
  static auto* const real = Next<int(int)>("close");
  return real(fd);
}

void Warn(const std::string& line) {
  const int64_t now = base::MonotonicNanos();
  int64_t last = state.logged_nanos.load(std::memory_order_relaxed);
  if (state.limits.warn == nullptr || now - last < kLogPauseNanos) return;
  if (state.logged_nanos.compare_exchange_strong(last, now)) state.limits.warn(line);
}

Guarded* Find(int fd) {
  if (fd < 0 || fd >= kDescriptorsMax) return nullptr;
  return sockets[static_cast<size_t>(fd)].guarded.load(std::memory_order_acquire);
}

void Refused(const char* why) {
  state.refused.fetch_add(1, std::memory_order_relaxed);
  Warn(absl::StrCat("a connection was refused: ", why, " (", state.connections.load(),
                    " are open, and the limit is ", state.limits.connections_max, ")"));
}

// Takes one connection from the listener although no descriptor is left, and closes it.
bool RefuseByReserve(int listener) {
  absl::MutexLock lock(&state.reserve_mu);
  if (state.reserve >= 0) RealClose(state.reserve);
  const int fd = RealAccept(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) RealClose(fd);
  state.reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
  return fd >= 0;
}

// A connection within the limits, or -1 with errno; EAGAIN: there is none.
int AcceptGuarded(int listener, sockaddr* address, socklen_t* size, int flags) {
  const socklen_t room = size == nullptr ? 0 : *size;
  for (int n = 0; n < kRefusedAtOnceMax; ++n) {
    if (size != nullptr) *size = room;
    const int fd = RealAccept(listener, address, size, flags);
    if (fd < 0 && errno != EMFILE && errno != ENFILE) return fd;
    if (fd < 0) {
      if (!RefuseByReserve(listener)) break;
      Refused("the process has no file descriptor left");
      continue;
    }
    if (fd < kDescriptorsMax && state.connections.load(std::memory_order_relaxed) <
                                    static_cast<int64_t>(state.limits.connections_max)) {
      state.connections.fetch_add(1, std::memory_order_relaxed);
      Socket& socket = sockets[static_cast<size_t>(fd)];
      socket.mean_call_bytes.store(0, std::memory_order_relaxed);
      socket.guarded.store(new Guarded(state.limits.frames, state.pressure, state.unfinished),
                           std::memory_order_release);
      for (int end = descriptors_end.load(); end <= fd;) {
        if (descriptors_end.compare_exchange_weak(end, fd + 1)) break;
      }
      return fd;
    }
    RealClose(fd);
    Refused("there are too many");
  }
  errno = EAGAIN;
  return -1;
}

// Calls on_piece(bytes) for each piece of the first `bytes` bytes of a message, until that answers
// false.
template <typename OnPiece>
void ForEachPiece(const msghdr& message, size_t bytes, OnPiece on_piece) {
  for (size_t i = 0; i < message.msg_iovlen && bytes > 0; ++i) {
    const iovec& piece = message.msg_iov[i];
    const size_t size = std::min(bytes, piece.iov_len);
    if (!on_piece(absl::string_view(static_cast<const char*>(piece.iov_base), size))) return;
    bytes -= size;
  }
}

// Takes frames that are for the guard out of the last piece that was received; the bytes left.
size_t TakeOurs(Guarded& socket, absl::string_view last_piece, size_t bytes) {
  const std::optional<size_t> frame = socket.frames.TakeOurFrame();
  if (!frame.has_value()) return bytes;
  // gRPC's memory, into which it received.
  char* const at = const_cast<char*>(last_piece.data()) + *frame;
  std::memmove(at, at + FrameHead::kBytes, last_piece.size() - *frame - FrameHead::kBytes);
  return bytes - FrameHead::kBytes;
}

// What waits in the sockets. A connection may end meanwhile: nothing of it is touched but its
// number.
CallPressure::Backlog LookAtBacklog() {
  CallPressure::Backlog backlog;
  const int end = descriptors_end.load(std::memory_order_relaxed);
  for (int fd = 0; fd < end; ++fd) {
    const Socket& socket = sockets[static_cast<size_t>(fd)];
    const uint64_t call_bytes = socket.mean_call_bytes.load(std::memory_order_relaxed);
    if (call_bytes == 0 || socket.guarded.load(std::memory_order_relaxed) == nullptr) continue;
    int bytes = 0;
    if (ioctl(fd, FIONREAD, &bytes) != 0 || bytes <= 0) continue;
    const int64_t calls = bytes / static_cast<int64_t>(call_bytes);
    backlog.calls += calls;
    if (calls > 0) ++backlog.connections;
  }
  return backlog;
}

// How many bytes a call of this connection has, lately.
void CountCallBytes(Guarded& socket, int fd, uint64_t received) {
  socket.call_bytes += received;
  const uint64_t calls = socket.frames.opened() - socket.calls_before;
  if (calls == 0) return;
  sockets[static_cast<size_t>(fd)].mean_call_bytes.store(socket.call_bytes / calls,
                                                         std::memory_order_relaxed);
  if (calls < kCallsOfMean) return;
  socket.calls_before += calls;
  socket.call_bytes = 0;
}

Violation LookAt(Guarded& socket, const msghdr& message, size_t& bytes) {
  const int64_t now = base::MonotonicNanos();
  Violation found = Violation::kNone;
  absl::string_view last_piece;
  ForEachPiece(message, bytes, [&](absl::string_view piece) {
    socket.frames.TakeOurFrame();  // In a piece that is followed by another: gRPC gets it, too.
    found = socket.frames.Look(piece, now);
    last_piece = piece;
    return found == Violation::kNone;
  });
  if (found == Violation::kNone) bytes = TakeOurs(socket, last_piece, bytes);
  return found;
}

ssize_t ReceiveGuarded(Guarded& socket, int fd, msghdr* message, int flags) {
  if (socket.ended) {
    errno = ECONNRESET;
    return -1;
  }
  Violation found = Violation::kNone;
  size_t left = 0;
  while (left == 0) {  // Nothing is left where all of it was for the guard; 0 would be the end.
    const ssize_t received = RealReceive(fd, message, flags);
    if (received <= 0 || (flags & MSG_ERRQUEUE) != 0) return received;
    left = static_cast<size_t>(received);
    found = LookAt(socket, *message, left);
    CountCallBytes(socket, fd, static_cast<uint64_t>(received));
  }
  if (found == Violation::kNone) return static_cast<ssize_t>(left);
  state.violations[static_cast<size_t>(found)].fetch_add(1, std::memory_order_relaxed);
  Warn(absl::StrCat("a client's connection was closed, because no honest client sends that: ",
                    NameOf(found)));
  socket.ended = true;
  shutdown(fd, SHUT_RDWR);
  errno = ECONNRESET;
  return -1;
}

// Sends a frame of ours, or as much of it as the socket takes; false: nothing.
bool SendOurs(Guarded& socket, int fd, const std::string& frame) {
  const ssize_t sent = send(fd, frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent <= 0) return false;
  socket.unsent = frame.substr(static_cast<size_t>(sent));
  return true;
}

ssize_t SendGuarded(Guarded& socket, int fd, const msghdr* message, int flags) {
  if (!socket.unsent.empty()) {
    const std::string rest = std::exchange(socket.unsent, "");
    if (!SendOurs(socket, fd, rest)) socket.unsent = rest;
    if (!socket.unsent.empty()) {
      errno = EAGAIN;
      return -1;
    }
  }
  const ssize_t sent = RealSend(fd, message, flags);
  if (sent <= 0) return sent;
  const int64_t now = base::MonotonicNanos();
  ForEachPiece(*message, static_cast<size_t>(sent), [&](absl::string_view piece) {
    socket.announced.Sent(piece, now);
    return true;
  });
  const std::string frame = socket.announced.Announce();
  if (!frame.empty() && !SendOurs(socket, fd, frame)) socket.announced.NotAnnounced();
  return sent;
}

void Forget(int fd) {
  if (Find(fd) == nullptr) return;
  const std::unique_ptr<Guarded> socket(
      sockets[static_cast<size_t>(fd)].guarded.exchange(nullptr, std::memory_order_acq_rel));
  if (socket != nullptr) state.connections.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace

uint64_t SocketGuard::Enable(const SocketLimits& limits) {
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) getrlimit(RLIMIT_NOFILE, &files);
  }
  state.limits = limits;
  state.pressure.SetBacklog(LookAtBacklog);
  const uint64_t left =
      files.rlim_cur > 2 * kOwnDescriptors ? files.rlim_cur - kOwnDescriptors : files.rlim_cur / 2;
  state.limits.connections_max = std::min(limits.connections_max, left);
  {
    absl::MutexLock lock(&state.reserve_mu);
    if (state.reserve < 0) state.reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  state.enabled.store(true, std::memory_order_release);
  if (limits.warn != nullptr && state.limits.connections_max < limits.connections_max) {
    limits.warn(absl::StrCat("connections_max is ", limits.connections_max,
                             ", but the process may open ", files.rlim_cur, " files: at most ",
                             state.limits.connections_max, " connections"));
  }
  return state.limits.connections_max;
}

SocketGuard::Figures SocketGuard::figures() {
  Figures figures;
  figures.connections = state.connections.load();
  figures.refused = state.refused.load();
  for (size_t i = 0; i < figures.violations.size(); ++i) {
    figures.violations[i] = state.violations[i].load();
  }
  return figures;
}

}  // namespace tidemark::rpc

// What gRPC calls instead of the C library.
extern "C" {

int accept4(int listener, sockaddr* address, socklen_t* size, int flags) {
  using tidemark::rpc::state;
  if (!state.enabled.load(std::memory_order_acquire)) {
    return tidemark::rpc::RealAccept(listener, address, size, flags);
  }
  return tidemark::rpc::AcceptGuarded(listener, address, size, flags);
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  tidemark::rpc::Guarded* const socket = tidemark::rpc::Find(fd);
  if (socket == nullptr) return tidemark::rpc::RealReceive(fd, message, flags);
  return tidemark::rpc::ReceiveGuarded(*socket, fd, message, flags);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  tidemark::rpc::Guarded* const socket = tidemark::rpc::Find(fd);
  if (socket == nullptr) return tidemark::rpc::RealSend(fd, message, flags);
  return tidemark::rpc::SendGuarded(*socket, fd, message, flags);
}

int close(int fd) {
  tidemark::rpc::Forget(fd);
  return tidemark::rpc::RealClose(fd);
}

}  // extern "C"
