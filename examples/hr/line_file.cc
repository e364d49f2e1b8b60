#include "examples/hr/line_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hr_example {
namespace {

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

absl::StatusOr<LineFile> LineFile::Open(const std::string& path) {
  const std::string text = ReadAll(path);
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  LineFile file(path, fd);
  const size_t finished_bytes = text.rfind('\n') + 1;  // 0 without any line end.
  if (finished_bytes != text.size() && ftruncate(fd, static_cast<off_t>(finished_bytes)) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot repair ", path));
  }
  return file;
}

LineFile::LineFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

LineFile::LineFile(LineFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

LineFile::~LineFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status LineFile::Append(absl::string_view line) {
  const std::string text = absl::StrCat(line, "\n");
  const ssize_t written = write(fd_, text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return absl::OkStatus();
  return absl::ErrnoToStatus(written < 0 ? errno : ENOSPC, absl::StrCat("cannot write ", path_));
}

std::vector<std::string> ReadLines(const std::string& path) {
  std::istringstream text(ReadAll(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line) && !text.eof();) lines.push_back(line);
  return lines;
}

int64_t MonotonicUs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace hr_example
