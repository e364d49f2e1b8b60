// The file system behind CrashFileSystem; private to it.
#pragma once

#include <rocksdb/file_system.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/durable_files.h"

namespace tidemark::testing {

// The rocksdb::FileSystem: forwards to ordinary files and keeps book of what is durable.
class CrashFileSystem::Files : public rocksdb::FileSystemWrapper {
 public:
  explicit Files(const std::string& root)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), root_(root), disk_(root) {}

  static const char* kClassName() { return "CrashFileSystem"; }
  const char* Name() const override { return kClassName(); }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string&, const rocksdb::FileOptions&,
                                       std::unique_ptr<rocksdb::FSWritableFile>*,
                                       rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("CrashFileSystem: reopening a file");
  }
  rocksdb::IOStatus ReuseWritableFile(const std::string&, const std::string&,
                                      const rocksdb::FileOptions&,
                                      std::unique_ptr<rocksdb::FSWritableFile>*,
                                      rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("CrashFileSystem: reusing a file");
  }
  rocksdb::IOStatus NewRandomRWFile(const std::string&, const rocksdb::FileOptions&,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>*,
                                    rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("CrashFileSystem: writing in the middle of a file");
  }
  rocksdb::IOStatus LinkFile(const std::string&, const std::string&, const rocksdb::IOOptions&,
                             rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("CrashFileSystem: links");
  }
  rocksdb::IOStatus Truncate(const std::string&, size_t, const rocksdb::IOOptions&,
                             rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::NotSupported("CrashFileSystem: cutting a file");
  }
  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus DeleteDir(const std::string& path, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus CreateDir(const std::string& path, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* dbg) override;

  // A write of `bytes` to `path` wants to happen: OK, or why it does not; then `bytes` of it do.
  rocksdb::IOStatus BeforeWrite(const std::string& path, size_t& bytes) ABSL_LOCKS_EXCLUDED(mu_);
  // `path` gave `read`, whose bytes are in `buffer` now if one of them is wrong.
  void AfterRead(const std::string& path, rocksdb::Slice* read, char* buffer)
      ABSL_LOCKS_EXCLUDED(mu_);
  // A sync of `path`; `apply` makes it durable.
  template <typename Apply>
  rocksdb::IOStatus Sync(const std::string& path, Lie lie, Apply apply) ABSL_LOCKS_EXCLUDED(mu_);
  void RestorePower(Loss loss, uint64_t seed) ABSL_LOCKS_EXCLUDED(mu_);

  struct Failure {
    Operation operation = Operation::kSync;
    std::string suffix;
    int left = 0;  // 0: none planned.
    Error error = Error::kIo;
  };

  struct Flip {
    std::string suffix;
    int left = 0;  // 0: none planned.
    uint64_t seed = 0;
  };

  const std::string root_;
  mutable absl::Mutex mu_;
  DurableFiles disk_ ABSL_GUARDED_BY(mu_);
  int syncs_ ABSL_GUARDED_BY(mu_) = 0;
  int cut_in_ ABSL_GUARDED_BY(mu_) = 0;  // 0: not planned.
  When cut_when_ ABSL_GUARDED_BY(mu_) = When::kBefore;
  bool cut_ ABSL_GUARDED_BY(mu_) = false;
  Lie lie_ ABSL_GUARDED_BY(mu_) = Lie::kNone;
  Failure failure_ ABSL_GUARDED_BY(mu_);
  Flip flip_ ABSL_GUARDED_BY(mu_);
  std::string held_suffix_ ABSL_GUARDED_BY(mu_);  // Empty: no sync is held.

 private:
  static rocksdb::IOStatus NoPower() {
    return rocksdb::IOStatus::IOError("CrashFileSystem: the power is cut");
  }
  // True once, when it is the turn of the planned failure.
  bool FailsNow(Operation operation, const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // OK, or why an operation on `path` fails.
  rocksdb::IOStatus MayDo(Operation operation, const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static std::string Normal(const std::string& path) {
    return std::string(
        absl::StripSuffix(std::filesystem::path(path).lexically_normal().string(), "/"));
  }
};

template <typename Apply>
rocksdb::IOStatus CrashFileSystem::Files::Sync(const std::string& path, Lie lie, Apply apply) {
  absl::MutexLock lock(&mu_);
  const auto released = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return held_suffix_.empty() || cut_ || !absl::EndsWith(path, held_suffix_);
  };
  mu_.Await(absl::Condition(&released));
  if (cut_) return NoPower();
  ++syncs_;
  if (cut_in_ > 0 && --cut_in_ == 0) {
    cut_ = true;
    if (cut_when_ == When::kBefore) return NoPower();
  }
  if (rocksdb::IOStatus status = MayDo(Operation::kSync, path); !status.ok()) return status;
  if (lie_ != lie) apply();
  return cut_ ? NoPower() : rocksdb::IOStatus::OK();
}

}  // namespace tidemark::testing
