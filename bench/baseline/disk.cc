#include "bench/baseline/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/measure/clock.h"

namespace tidemark::bench {
namespace {

constexpr size_t kSmallBytes = 4096;
constexpr size_t kChunkBytes = 1 << 20;

// Not all zero: some disks and file systems store zeros as nothing.
std::vector<char> Filler(size_t bytes) {
  std::vector<char> filler(bytes);
  uint32_t state = 1;
  for (char& c : filler) {
    state = state * 1'664'525 + 1'013'904'223;
    c = static_cast<char>(state >> 24);
  }
  return filler;
}

class File {
 public:
  static absl::StatusOr<File> Open(const std::string& path, int flags) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
    return File(fd);
  }
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }

  absl::Status Write(const std::vector<char>& bytes) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written == static_cast<ssize_t>(bytes.size())) return absl::OkStatus();
    return absl::ErrnoToStatus(written < 0 ? errno : ENOSPC, "write");
  }
  absl::Status Sync() {
    return fdatasync(fd_) == 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, "fdatasync");
  }
  void Forget() { posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED); }
  // Bytes read to the end of the file.
  absl::StatusOr<uint64_t> ReadAll() {
    std::vector<char> buffer(kChunkBytes);
    uint64_t total = 0;
    ssize_t count = 0;
    while ((count = read(fd_, buffer.data(), buffer.size())) > 0) {
      total += static_cast<uint64_t>(count);
    }
    if (count < 0) return absl::ErrnoToStatus(errno, "read");
    return total;
  }

 private:
  explicit File(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace

absl::StatusOr<Recorder> RunSmallSyncs(const std::string& directory, double seconds,
                                       double idle_seconds) {
  auto file = File::Open(absl::StrCat(directory, "/syncs"), O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.ok()) return file.status();
  const std::vector<char> bytes = Filler(kSmallBytes);
  const int64_t start_ns = NowNs();
  Recorder recorder(start_ns);
  int64_t now = start_ns;
  while (now < start_ns + SecondsToNs(seconds)) {
    if (idle_seconds > 0) {
      absl::SleepFor(absl::Seconds(idle_seconds));
      now = NowNs();
    }
    if (absl::Status status = file->Write(bytes); !status.ok()) return status;
    if (absl::Status status = file->Sync(); !status.ok()) return status;
    const int64_t end = NowNs();
    recorder.Complete(end, end - now, 0, bytes.size());
    now = end;
  }
  return recorder;
}

absl::StatusOr<DiskSpeed> RunSequentialDisk(const std::string& directory, uint64_t file_bytes) {
  const std::string path = absl::StrCat(directory, "/sequential");
  auto file = File::Open(path, O_RDWR | O_CREAT | O_TRUNC);
  if (!file.ok()) return file.status();
  const std::vector<char> chunk = Filler(kChunkBytes);
  const int64_t write_start_ns = NowNs();
  for (uint64_t written = 0; written < file_bytes; written += chunk.size()) {
    if (absl::Status status = file->Write(chunk); !status.ok()) return status;
  }
  if (absl::Status status = file->Sync(); !status.ok()) return status;
  const int64_t write_ns = NowNs() - write_start_ns;
  file->Forget();
  auto again = File::Open(path, O_RDONLY);
  if (!again.ok()) return again.status();
  const int64_t read_start_ns = NowNs();
  const absl::StatusOr<uint64_t> bytes = again->ReadAll();
  if (!bytes.ok()) return bytes.status();
  const int64_t read_ns = NowNs() - read_start_ns;
  unlink(path.c_str());
  return DiskSpeed{.write_bytes_per_s = static_cast<double>(*bytes) / NsToSeconds(write_ns),
                   .read_bytes_per_s = static_cast<double>(*bytes) / NsToSeconds(read_ns)};
}

absl::Status DropCachedPages(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, error)) {
    if (!entry.is_regular_file(error)) continue;
    auto file = File::Open(entry.path().string(), O_RDONLY);
    if (absl::IsNotFound(file.status())) continue;  // The server may remove files meanwhile.
    if (!file.ok()) return file.status();
    // Dirty pages cannot be forgotten.
    if (absl::Status status = file->Sync(); !status.ok()) return status;
    file->Forget();
  }
  if (error) return absl::InternalError(absl::StrCat(directory, ": ", error.message()));
  return absl::OkStatus();
}

}  // namespace tidemark::bench
