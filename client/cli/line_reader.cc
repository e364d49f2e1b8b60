#include "client/cli/line_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tidemark::cli {
namespace {

constexpr size_t kReadBytes = size_t{256} << 10;

}  // namespace

absl::StatusOr<LineReader> LineReader::Open(const std::string& path, int wake_fd) {
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", std::strerror(errno)));
  }
  struct stat info {};
  const bool regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  return LineReader(standard_input ? "stdin" : path, fd, wake_fd, !standard_input,
                    regular ? static_cast<uint64_t>(info.st_size) : 0);
}

LineReader::LineReader(std::string name, int fd, int wake_fd, bool owned, uint64_t bytes_total)
    : name_(std::move(name)),
      fd_(fd),
      wake_fd_(wake_fd),
      owned_(owned),
      bytes_total_(bytes_total) {}

LineReader::LineReader(LineReader&& other) noexcept
    : name_(std::move(other.name_)),
      fd_(other.fd_),
      wake_fd_(other.wake_fd_),
      owned_(std::exchange(other.owned_, false)),
      at_end_(other.at_end_),
      woken_(other.woken_),
      bytes_total_(other.bytes_total_),
      bytes_done_(other.bytes_done_),
      line_number_(other.line_number_),
      buffer_(std::move(other.buffer_)),
      begin_(other.begin_),
      scanned_(other.scanned_),
      end_(other.end_) {}

LineReader::~LineReader() {
  if (owned_) close(fd_);
}

absl::string_view LineReader::Take(size_t bytes, size_t end_bytes) {
  absl::string_view line(buffer_.data() + begin_, bytes);
  begin_ += bytes + end_bytes;
  scanned_ = begin_;
  bytes_done_ += bytes + end_bytes;
  ++line_number_;
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

void LineReader::MakeRoom() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() < end_ + kReadBytes) buffer_.resize(2 * end_ + kReadBytes);
}

absl::Status LineReader::Fill() {
  MakeRoom();
  if (end_ > kLineBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        name_, ":", line_number_ + 1, ": the line is longer than ", kLineBytesMax, " bytes"));
  }
  while (true) {
    // A negative descriptor is ignored by poll.
    pollfd waits[] = {{.fd = fd_, .events = POLLIN, .revents = 0},
                      {.fd = wake_fd_, .events = POLLIN, .revents = 0}};
    if (poll(waits, 2, -1) < 0 && errno != EINTR) break;
    if (waits[1].revents != 0) {
      woken_ = true;
      return absl::OkStatus();
    }
    if (waits[0].revents == 0) continue;
    const ssize_t got = read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) break;
    if (got == 0) at_end_ = true;
    end_ += static_cast<size_t>(got);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(name_, ": ", std::strerror(errno)));
}

absl::StatusOr<bool> LineReader::Next(absl::string_view* line) {
  while (!woken_) {
    const void* newline = std::memchr(buffer_.data() + scanned_, '\n', end_ - scanned_);
    if (newline != nullptr) {
      const size_t bytes =
          static_cast<size_t>(static_cast<const char*>(newline) - buffer_.data()) - begin_;
      *line = Take(bytes, 1);
      return true;
    }
    scanned_ = end_;
    if (at_end_) {
      if (begin_ == end_) return false;
      *line = Take(end_ - begin_, 0);
      return true;
    }
    if (const absl::Status status = Fill(); !status.ok()) return status;
  }
  return false;
}

bool LineReader::HasBufferedLine() const {
  return std::memchr(buffer_.data() + scanned_, '\n', end_ - scanned_) != nullptr ||
         (at_end_ && begin_ < end_);
}

}  // namespace tidemark::cli
