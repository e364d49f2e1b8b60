#include "client/cli/stdout_writer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace tidemark::cli {
namespace {

constexpr size_t kFlushBytes = size_t{64} << 10;

// Writes all of `text`; 0 or errno.
int WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {  // Somebody made the shared descriptor non-blocking.
      pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
      poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

void StdoutWriter::Write(absl::string_view text) {
  buffer_.append(text.data(), text.size());
  MaybeFlush();
}

bool StdoutWriter::MaybeFlush() { return buffer_.size() < kFlushBytes ? ok() : Flush(); }

bool StdoutWriter::Flush() {
  if (error_ == 0) error_ = WriteAll(fd_, buffer_);
  buffer_.clear();
  return error_ == 0;
}

bool StdoutWriter::reader_is_gone() const { return error_ == EPIPE; }

absl::Status StdoutWriter::Status() const {
  if (error_ == 0 || error_ == EPIPE) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("cannot write to standard output: ", std::strerror(error_)));
}

}  // namespace tidemark::cli
