#include "bench/process/temp_dir.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace tidemark::bench {
namespace {

struct LivePaths {
  absl::Mutex mu;
  std::set<std::string> paths ABSL_GUARDED_BY(mu);
};

LivePaths& LiveDirectories() {
  static LivePaths* const live = new LivePaths;  // Never destroyed: used while exiting.
  return *live;
}

void RemoveTree(const std::string& path) {
  std::error_code ignored;  // Nothing can be done about a file that cannot be removed.
  std::filesystem::remove_all(path, ignored);
}

std::string DefaultParent() {
  const char* const from_environment = std::getenv("TMPDIR");
  return from_environment != nullptr && *from_environment != '\0' ? from_environment : "/tmp";
}

}  // namespace

absl::StatusOr<TempDir> TempDir::Create(const std::string& parent) {
  std::string path =
      absl::StrCat(parent.empty() ? DefaultParent() : parent, "/tidemark-bench.XXXXXX");
  // Made and noted in one step: an interrupt between the two would leave it behind.
  absl::MutexLock lock(&LiveDirectories().mu);
  if (mkdtemp(path.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot create a directory like ", path));
  }
  LiveDirectories().paths.insert(path);
  return TempDir(std::move(path));
}

TempDir::TempDir(std::string path) : path_(std::move(path)) {}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, "")) {}

TempDir::~TempDir() {
  if (path_.empty()) return;
  RemoveTree(path_);
  absl::MutexLock lock(&LiveDirectories().mu);
  LiveDirectories().paths.erase(path_);
}

std::string TempDir::Child(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

bool TempDir::IsMemory() const {
  struct statfs info;
  if (statfs(path_.c_str(), &info) != 0) return false;
  return info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC;
}

// Keeps the lock: nothing can be made after it.
void RemoveLiveTempDirs() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  LiveDirectories().mu.Lock();
  // The run goes on meanwhile and may add files, so one pass need not be enough.
  for (const std::string& path : LiveDirectories().paths) {
    for (int pass = 0; pass < 100 && std::filesystem::exists(path); ++pass) RemoveTree(path);
  }
  LiveDirectories().paths.clear();
}

}  // namespace tidemark::bench
