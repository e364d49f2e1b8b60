// The file system of a directory of backups: files go to the disk steadily, the list of a backup's
// files gets its name only after the names of the files are on the disk, and loses it, for good,
// before any of them.
//
// Why. RocksDB's engine syncs the directories after it has named the list; a power cut between two
//      of these syncs left a list of files that were not there (found by BackupPowerCutTest). And
//      it never syncs a deletion, so a power cut brought a deleted backup back, or its list alone
//      (found by MixedPowerCutTest).
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <memory>
#include <string>

namespace tidemark::storage {

class BackupFiles final : public rocksdb::FileSystemWrapper {
 public:
  BackupFiles(rocksdb::Env& env, std::string directory)
      : FileSystemWrapper(env.GetFileSystem()), directory_(std::move(directory)) {}

  const char* Name() const override { return "TidemarkBackupFiles"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;

 private:
  rocksdb::IOStatus SyncNames(const std::string& directory, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* dbg);

  const std::string directory_;
};

}  // namespace tidemark::storage
