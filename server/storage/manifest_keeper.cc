#include "server/storage/manifest_keeper.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"

namespace tidemark::storage {
namespace {

constexpr absl::string_view kCurrent = "CURRENT";

absl::string_view NameOf(absl::string_view path) { return path.substr(path.rfind('/') + 1); }

bool IsManifest(absl::string_view name) { return absl::StartsWith(name, "MANIFEST-"); }

// RocksDB writes it and renames it.
bool BecomesCurrent(absl::string_view name) { return absl::EndsWith(name, ".dbtmp"); }

// Not what is written to be ingested, which has a name of its own.
bool IsTable(absl::string_view name) {
  return absl::ConsumeSuffix(&name, ".sst") &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c); });
}

}  // namespace

// What is known of the manifest on disk.
class ManifestKeeper::Doubt {
 public:
  // Of a manifest, of CURRENT, or of the directory.
  rocksdb::IOStatus Noted(rocksdb::IOStatus status) ABSL_LOCKS_EXCLUDED(mu_) {
    if (status.ok()) return status;
    absl::MutexLock lock(&mu_);
    doubtful_ = true;
    begun_.clear();
    return status;
  }
  void Began(absl::string_view manifest) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    begun_ = std::string(manifest);
  }
  // Reads what CURRENT names, if that matters.
  bool Persists(absl::FunctionRef<std::optional<std::string>()> current) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (doubtful_ && !begun_.empty() && current() == begun_) doubtful_ = false;
    return doubtful_;
  }

 private:
  absl::Mutex mu_;
  bool doubtful_ ABSL_GUARDED_BY(mu_) = false;
  std::string begun_ ABSL_GUARDED_BY(mu_);  // The newest manifest, if nothing failed since.
};

// A manifest, or what becomes CURRENT.
class ManifestKeeper::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<Doubt> doubt)
      : FSWritableFileOwnerWrapper(std::move(file)), doubt_(std::move(doubt)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    return doubt_->Noted(FSWritableFileWrapper::Append(data, options, debug));
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* debug) override {
    return doubt_->Noted(FSWritableFileWrapper::Append(data, options, verification, debug));
  }
  rocksdb::IOStatus Flush(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return doubt_->Noted(FSWritableFileWrapper::Flush(options, debug));
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return doubt_->Noted(FSWritableFileWrapper::Sync(options, debug));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return doubt_->Noted(FSWritableFileWrapper::Fsync(options, debug));
  }

 private:
  const std::shared_ptr<Doubt> doubt_;
};

class ManifestKeeper::Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, std::shared_ptr<Doubt> doubt)
      : FSDirectoryWrapper(std::move(directory)), doubt_(std::move(doubt)) {}

  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return doubt_->Noted(FSDirectoryWrapper::Fsync(options, debug));
  }
  rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options,
                                        rocksdb::IODebugContext* debug,
                                        const rocksdb::DirFsyncOptions& what) override {
    return doubt_->Noted(FSDirectoryWrapper::FsyncWithDirOptions(options, debug, what));
  }

 private:
  const std::shared_ptr<Doubt> doubt_;
};

class ManifestKeeper::Files final : public rocksdb::FileSystemWrapper {
 public:
  explicit Files(const std::shared_ptr<rocksdb::FileSystem>& base) : FileSystemWrapper(base) {}

  static const char* kClassName() { return "TidemarkManifestFiles"; }
  const char* Name() const override { return kClassName(); }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
    const absl::string_view name = NameOf(path);
    const bool is_manifest = IsManifest(name);
    if (!is_manifest && !BecomesCurrent(name)) return status;
    if (status.ok()) {
      *file = std::make_unique<File>(std::move(*file), doubt_);
      if (is_manifest) doubt_->Began(name);
    }
    return doubt_->Noted(std::move(status));
  }

  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewDirectory(path, options, directory, debug);
    if (status.ok()) *directory = std::make_unique<Directory>(std::move(*directory), doubt_);
    return status;
  }

  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::RenameFile(from, to, options, debug);
    return NameOf(to) == kCurrent ? doubt_->Noted(std::move(status)) : status;
  }

  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    const absl::string_view name = NameOf(path);
    const auto current = [&] { return NamedBeside(path); };
    // Also where CURRENT cannot be read.
    if (IsManifest(name) && current().value_or(std::string(name)) == name) {
      return rocksdb::IOStatus::Busy("CURRENT names it", path);
    }
    if (IsTable(name) && doubt_->Persists(current)) {
      return rocksdb::IOStatus::Busy("a manifest that could not be written may name it", path);
    }
    return FileSystemWrapper::DeleteFile(path, options, debug);
  }

 private:
  // The manifest that CURRENT names; "": there is none. Empty: CURRENT cannot be read.
  std::optional<std::string> NamedBeside(absl::string_view path) {
    const absl::string_view directory = path.substr(0, path.size() - NameOf(path).size());
    std::string current;
    const rocksdb::Status read =
        rocksdb::ReadFileToString(target(), absl::StrCat(directory, kCurrent), &current);
    if (read.IsNotFound()) return "";
    if (!read.ok()) return std::nullopt;
    return std::string(absl::StripAsciiWhitespace(current));
  }

  const std::shared_ptr<Doubt> doubt_ = std::make_shared<Doubt>();
};

ManifestKeeper::ManifestKeeper(rocksdb::Env& base) : EnvWrapper(&base) {
  file_system_ = std::make_shared<Files>(base.GetFileSystem());
  system_clock_ = base.GetSystemClock();
}

rocksdb::Status ManifestKeeper::DeleteFile(const std::string& path) {
  return file_system_->DeleteFile(path, rocksdb::IOOptions(), nullptr);
}

}  // namespace tidemark::storage
