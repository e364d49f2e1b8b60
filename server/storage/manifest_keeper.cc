#include "server/storage/manifest_keeper.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace tidemark::storage {
namespace {

absl::string_view NameOf(absl::string_view path) { return path.substr(path.rfind('/') + 1); }

bool IsManifest(absl::string_view name) { return absl::StartsWith(name, "MANIFEST-"); }

// Not what is written to be ingested, which has a name of its own.
bool IsTable(absl::string_view name) {
  return absl::ConsumeSuffix(&name, ".sst") &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c); });
}

}  // namespace

// A manifest that tells when it could not be written.
class ManifestKeeper::Manifest final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  Manifest(std::unique_ptr<rocksdb::FSWritableFile> file,
           std::shared_ptr<std::atomic<bool>> has_failed)
      : FSWritableFileOwnerWrapper(std::move(file)), has_failed_(std::move(has_failed)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    return Noted(FSWritableFileWrapper::Append(data, options, debug));
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* debug) override {
    return Noted(FSWritableFileWrapper::Append(data, options, verification, debug));
  }
  rocksdb::IOStatus Flush(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return Noted(FSWritableFileWrapper::Flush(options, debug));
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return Noted(FSWritableFileWrapper::Sync(options, debug));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return Noted(FSWritableFileWrapper::Fsync(options, debug));
  }

 private:
  rocksdb::IOStatus Noted(rocksdb::IOStatus status) {
    if (!status.ok()) has_failed_->store(true);
    return status;
  }

  const std::shared_ptr<std::atomic<bool>> has_failed_;
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
    if (status.ok() && IsManifest(NameOf(path))) {
      *file = std::make_unique<Manifest>(std::move(*file), has_failed_);
    }
    return status;
  }

  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    if (IsManifest(NameOf(path)) && MayBeCurrent(path)) {
      return rocksdb::IOStatus::Busy("CURRENT names it", path);
    }
    if (has_failed_->load() && IsTable(NameOf(path))) {
      return rocksdb::IOStatus::Busy("a manifest that could not be written may name it", path);
    }
    return FileSystemWrapper::DeleteFile(path, options, debug);
  }

 private:
  bool MayBeCurrent(absl::string_view manifest) {
    const absl::string_view name = NameOf(manifest);
    const absl::string_view directory = manifest.substr(0, manifest.size() - name.size());
    std::string current;
    const rocksdb::Status read =
        rocksdb::ReadFileToString(target(), absl::StrCat(directory, "CURRENT"), &current);
    return absl::StripAsciiWhitespace(current) == name || (!read.ok() && !read.IsNotFound());
  }

  const std::shared_ptr<std::atomic<bool>> has_failed_ = std::make_shared<std::atomic<bool>>(false);
};

ManifestKeeper::ManifestKeeper(rocksdb::Env& base) : EnvWrapper(&base) {
  file_system_ = std::make_shared<Files>(base.GetFileSystem());
  system_clock_ = base.GetSystemClock();
}

rocksdb::Status ManifestKeeper::DeleteFile(const std::string& path) {
  return file_system_->DeleteFile(path, rocksdb::IOOptions(), nullptr);
}

}  // namespace tidemark::storage
