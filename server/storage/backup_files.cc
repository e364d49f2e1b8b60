#include "server/storage/backup_files.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tidemark::storage {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

IOStatus BackupFiles::RenameFile(const std::string& from, const std::string& to,
                                 const IOOptions& options, IODebugContext* dbg) {
  const std::string lists = absl::StrCat(directory_, "/meta/");
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

IOStatus BackupFiles::SyncNames(const std::string& directory, const IOOptions& options,
                                IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSDirectory> opened;
  IOStatus status = NewDirectory(directory, options, &opened, dbg);
  return status.ok() ? opened->Fsync(options, dbg) : status;
}

}  // namespace tidemark::storage
