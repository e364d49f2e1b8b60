#include "client/cli/interrupt.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace tidemark::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;
int wake_fds[2] = {-1, -1};

void OnSignal(int /*signal*/) {
  const int saved_errno = errno;
  interrupted = 1;
  // The byte is never read: the pipe stays readable for everybody who polls it.
  [[maybe_unused]] const ssize_t written = write(wake_fds[1], "!", 1);
  errno = saved_errno;
}

}  // namespace

void InstallInterruptHandler() {
  if (pipe2(wake_fds, O_CLOEXEC | O_NONBLOCK) != 0) return;
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART | SA_RESETHAND;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool Interrupted() { return interrupted != 0; }

int InterruptFd() { return wake_fds[0]; }

InterruptWatcher::InterruptWatcher(std::function<void()> on_interrupt) {
  if (pipe2(stop_fds_, O_CLOEXEC) != 0) return;
  thread_ = std::thread([stop_fd = stop_fds_[0], on_interrupt = std::move(on_interrupt)] {
    pollfd waits[] = {{.fd = InterruptFd(), .events = POLLIN, .revents = 0},
                      {.fd = stop_fd, .events = POLLIN, .revents = 0},
                      {.fd = STDOUT_FILENO, .events = 0, .revents = 0}};
    while (poll(waits, 3, -1) < 0 && errno == EINTR) {
    }
    // POLLNVAL: there never was a standard output; writing will tell.
    const bool reader_is_gone = (waits[2].revents & (POLLERR | POLLHUP)) != 0;
    if (waits[0].revents != 0 || reader_is_gone) on_interrupt();
  });
}

InterruptWatcher::~InterruptWatcher() {
  if (!thread_.joinable()) return;
  close(stop_fds_[1]);  // The other end becomes readable: end of file.
  thread_.join();
  close(stop_fds_[0]);
}

}  // namespace tidemark::cli
