#include "server/storage/backup_files.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tidemark::storage {
namespace {

constexpr uint64_t kWriteBackBytes = 1 << 20;

// Where the lists are, one a backup.
std::string ListsPath(absl::string_view directory) { return absl::StrCat(directory, "/meta/"); }

// Has the disk begin to write what was appended, MiB by MiB: a whole file at once, when it is
// synced, would be in the way of the commits' own syncs.
class SteadyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* dbg) override {
    rocksdb::IOStatus status = FSWritableFileOwnerWrapper::Append(data, options, dbg);
    return status.ok() ? Begun(data.size(), options, dbg) : status;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& info,
                           rocksdb::IODebugContext* dbg) override {
    rocksdb::IOStatus status = FSWritableFileOwnerWrapper::Append(data, options, info, dbg);
    return status.ok() ? Begun(data.size(), options, dbg) : status;
  }

 private:
  rocksdb::IOStatus Begun(uint64_t bytes, const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* dbg) {
    appended_ += bytes;
    if (appended_ - begun_ < kWriteBackBytes) return rocksdb::IOStatus::OK();
    rocksdb::IOStatus status = RangeSync(begun_, appended_ - begun_, options, dbg);
    begun_ = appended_;
    return status;
  }

  uint64_t appended_ = 0;
  uint64_t begun_ = 0;
};

}  // namespace

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

IOStatus BackupFiles::RenameFile(const std::string& from, const std::string& to,
                                 const IOOptions& options, IODebugContext* dbg) {
  const std::string lists = ListsPath(directory_);
  if (absl::StartsWith(to, lists)) {
    const std::string id = to.substr(lists.size());
    for (const std::string& names : {std::string("/shared_checksum"), absl::StrCat("/private/", id),
                                     std::string("/private")}) {
      IOStatus synced = SyncNames(absl::StrCat(directory_, names), options, dbg);
      if (!synced.ok()) return synced;
    }
  }
  return FileSystemWrapper::RenameFile(from, to, options, dbg);
}

IOStatus BackupFiles::DeleteFile(const std::string& path, const IOOptions& options,
                                 IODebugContext* dbg) {
  IOStatus deleted = FileSystemWrapper::DeleteFile(path, options, dbg);
  if (!deleted.ok() || !absl::StartsWith(path, ListsPath(directory_))) return deleted;
  return SyncNames(ListsPath(directory_), options, dbg);
}

IOStatus BackupFiles::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = FileSystemWrapper::NewWritableFile(path, options, &file, dbg);
  if (status.ok()) *result = std::make_unique<SteadyFile>(std::move(file));
  return status;
}

IOStatus BackupFiles::SyncNames(const std::string& directory, const IOOptions& options,
                                IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSDirectory> opened;
  IOStatus status = NewDirectory(directory, options, &opened, dbg);
  return status.ok() ? opened->Fsync(options, dbg) : status;
}

}  // namespace tidemark::storage
