// Preloaded into a real server (LD_PRELOAD), it makes of kill -9 a power cut: what a process wrote
// and did not sync is gone with it, instead of being kept by the kernel.
//
// How.     Bytes written to logs, data files and manifests, of the store and of backups, and to a
//          backup's list of files are held in the process until fsync or fdatasync of the file.
//          Nobody reads a file before it is synced, but for its own writer, who does not.
// Closed.  A file that is closed before it was synced can be read, so its bytes are written then.
//          A line "BYTES PATH" goes to LOSSY_DISK_LEDGER: so much of it is durable, and who cuts
//          the power cuts the file to that. "-1 PATH": it was synced after all.
// Slow.    LOSSY_DISK_SYNC_MS: syncing a write-ahead log takes at least so long, before anything of
//          it is durable. So there is nearly always something to lose.
// Broken.  While the file LOSSY_DISK_EIO names is there, syncing a write-ahead log fails with EIO.
// Not so.  Names of files, and files of other kinds, are kept as the kernel keeps them; the power
//          cuts of tests/crash lose those, too.
// System calls are made directly: the allocator opens files before anything else can be set up.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <string>

namespace {

struct HeldFile {
  std::mutex mu;
  std::string path;
  std::string bytes;
  off_t durable = 0;      // So many bytes of it.
  bool unsynced = false;  // Bytes were written that are not synced.
  bool is_log = false;
};

constexpr int kFilesMax = 1 << 16;
std::atomic<HeldFile*> held_files[kFilesMax];

bool EndsWith(const char* path, const char* suffix) {
  const size_t length = std::strlen(path);
  const size_t wanted = std::strlen(suffix);
  return length >= wanted && std::strcmp(path + length - wanted, suffix) == 0;
}

// "000123.log", but not RocksDB's LOG.
bool IsWriteAheadLog(const char* path) {
  if (!EndsWith(path, ".log") || std::strlen(path) < 5) return false;
  const char before = path[std::strlen(path) - 5];
  return before >= '0' && before <= '9';
}

bool IsHeld(const char* path) {
  const char* name = std::strrchr(path, '/');
  return IsWriteAheadLog(path) || EndsWith(path, ".sst") ||
         std::strstr(path, "/meta/") != nullptr ||
         (name != nullptr && std::strncmp(name, "/MANIFEST-", 10) == 0);
}

HeldFile* Find(int fd) {
  return fd >= 0 && fd < kFilesMax ? held_files[fd].load(std::memory_order_acquire) : nullptr;
}

off_t SizeOf(int fd) {
  struct stat found = {};
  return fstat(fd, &found) == 0 ? found.st_size : 0;
}

// -1: all of it; said only if less was said before.
void Note(const HeldFile& file, off_t durable) {
  static const char* const kLedger = std::getenv("LOSSY_DISK_LEDGER");
  if (kLedger == nullptr) return;
  static std::mutex mu;
  static auto& noted = *new std::set<std::string>;
  const std::lock_guard<std::mutex> lock(mu);
  if (durable < 0 ? noted.erase(file.path) == 0 : (noted.insert(file.path), false)) return;
  const long fd =
      syscall(SYS_openat, AT_FDCWD, kLedger, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const std::string line = std::to_string(durable) + " " + file.path + "\n";
  if (fd < 0 || syscall(SYS_write, fd, line.data(), line.size()) < 0) std::abort();
  syscall(SYS_close, fd);
}

// 0, or -1 with errno.
int Release(int fd, HeldFile& file) {
  const std::lock_guard<std::mutex> lock(file.mu);
  file.unsynced = file.unsynced || !file.bytes.empty();
  size_t done = 0;
  while (done < file.bytes.size()) {
    const ssize_t wrote =
        syscall(SYS_write, fd, file.bytes.data() + done, file.bytes.size() - done);
    if (wrote < 0) return -1;
    done += static_cast<size_t>(wrote);
  }
  file.bytes.clear();
  return 0;
}

int Open(const char* path, int flags, mode_t mode) {
  const long fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  if (fd >= 0 && fd < kFilesMax && (flags & O_ACCMODE) != O_RDONLY && IsHeld(path)) {
    auto* file = new HeldFile;
    file->path = path;
    file->durable = SizeOf(static_cast<int>(fd));
    file->is_log = IsWriteAheadLog(path);
    held_files[fd].store(file, std::memory_order_release);
  }
  return static_cast<int>(fd);
}

// 0, or -1 with errno.
int SyncLog() {
  static const char* const kSlow = std::getenv("LOSSY_DISK_SYNC_MS");
  static const char* const kBroken = std::getenv("LOSSY_DISK_EIO");
  if (kSlow != nullptr) usleep(static_cast<useconds_t>(std::atoi(kSlow)) * 1000);
  if (kBroken == nullptr || access(kBroken, F_OK) != 0) return 0;
  errno = EIO;
  return -1;
}

int Sync(int fd, long call) {
  if (HeldFile* file = Find(fd); file != nullptr) {
    if (file->is_log && SyncLog() != 0) return -1;
    if (Release(fd, *file) != 0) return -1;
    if (syscall(call, fd) != 0) return -1;
    file->durable = SizeOf(fd);
    file->unsynced = false;
    Note(*file, -1);
    return 0;
  }
  return static_cast<int>(syscall(call, fd));
}

int Truncate(int fd, off_t bytes) {
  if (HeldFile* file = Find(fd); file != nullptr && Release(fd, *file) != 0) return -1;
  return static_cast<int>(syscall(SYS_ftruncate, fd, bytes));
}

ssize_t WriteAt(int fd, const void* bytes, size_t count, off_t at) {
  if (HeldFile* file = Find(fd); file != nullptr) {
    if (Release(fd, *file) != 0) return -1;
    file->unsynced = true;
  }
  return syscall(SYS_pwrite64, fd, bytes, count, at);
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return Open(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return Open(path, flags, mode);
}

ssize_t write(int fd, const void* bytes, size_t count) {
  HeldFile* file = Find(fd);
  if (file == nullptr) return syscall(SYS_write, fd, bytes, count);
  const std::lock_guard<std::mutex> lock(file->mu);
  file->bytes.append(static_cast<const char*>(bytes), count);
  return static_cast<ssize_t>(count);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) {
  return WriteAt(fd, bytes, count, at);
}
ssize_t pwrite64(int fd, const void* bytes, size_t count, off_t at) {
  return WriteAt(fd, bytes, count, at);
}

int fsync(int fd) { return Sync(fd, SYS_fsync); }
int fdatasync(int fd) { return Sync(fd, SYS_fdatasync); }
int ftruncate(int fd, off_t bytes) noexcept { return Truncate(fd, bytes); }
int ftruncate64(int fd, off_t bytes) noexcept { return Truncate(fd, bytes); }

int close(int fd) {
  if (HeldFile* file = Find(fd); file != nullptr) {
    const int released = Release(fd, *file);
    if (file->unsynced) Note(*file, file->durable);
    held_files[fd].store(nullptr, std::memory_order_release);
    delete file;
    if (released != 0) {
      syscall(SYS_close, fd);
      return -1;
    }
  }
  return static_cast<int>(syscall(SYS_close, fd));
}

}  // extern "C"
