#include "tests/support/crash_files.h"

#include <cstring>
#include <fstream>
#include <utility>

namespace tidemark::testing {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class CrashFileSystem::WritableFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WritableFile(Files& files, std::string path, CrashedFilePtr file,
               std::unique_ptr<rocksdb::FSWritableFile> target)
      : FSWritableFileOwnerWrapper(std::move(target)),
        files_(files),
        path_(std::move(path)),
        file_(std::move(file)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    size_t bytes = data.size();
    const IOStatus may = files_.BeforeWrite(path_, bytes);
    if (!may.ok() && bytes == 0) return may;
    const Slice written(data.data(), bytes);
    IOStatus status = FSWritableFileOwnerWrapper::Append(written, options, dbg);
    if (!status.ok()) return status;
    absl::MutexLock lock(&files_.mu_);
    file_->content.append(written.data(), written.size());
    return may;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus PositionedAppend(const Slice&, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("CrashFileSystem: direct writes");
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override {
    absl::MutexLock lock(&files_.mu_);
    if (size != file_->content.size()) {
      return IOStatus::NotSupported("CrashFileSystem: cutting a file");
    }
    return FSWritableFileOwnerWrapper::Truncate(size, options, dbg);
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return SyncFile(); }
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return SyncFile(); }
  // Only a hint to begin writing: nothing becomes durable.
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  IOStatus SyncFile() {
    return files_.Sync(path_, Lie::kFileSync,
                       [this] { file_->durable_bytes = file_->content.size(); });
  }

  Files& files_;
  const std::string path_;
  const CrashedFilePtr file_;
};

class CrashFileSystem::SequentialFile : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  SequentialFile(Files& files, std::string path, std::unique_ptr<rocksdb::FSSequentialFile> target)
      : FSSequentialFileOwnerWrapper(std::move(target)), files_(files), path_(std::move(path)) {}

  IOStatus Read(size_t bytes, const IOOptions& options, Slice* read, char* buffer,
                IODebugContext* dbg) override {
    IOStatus status = FSSequentialFileOwnerWrapper::Read(bytes, options, read, buffer, dbg);
    if (status.ok()) files_.AfterRead(path_, read, buffer);
    return status;
  }

 private:
  Files& files_;
  const std::string path_;
};

class CrashFileSystem::RandomAccessFile : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  RandomAccessFile(Files& files, std::string path,
                   std::unique_ptr<rocksdb::FSRandomAccessFile> target)
      : FSRandomAccessFileOwnerWrapper(std::move(target)), files_(files), path_(std::move(path)) {}

  IOStatus Read(uint64_t offset, size_t bytes, const IOOptions& options, Slice* read, char* buffer,
                IODebugContext* dbg) const override {
    IOStatus status =
        FSRandomAccessFileOwnerWrapper::Read(offset, bytes, options, read, buffer, dbg);
    if (status.ok()) files_.AfterRead(path_, read, buffer);
    return status;
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* dbg) override {
    for (rocksdb::FSReadRequest* request = requests; request < requests + count; ++request) {
      request->status =
          Read(request->offset, request->len, options, &request->result, request->scratch, dbg);
    }
    return IOStatus::OK();
  }

 private:
  Files& files_;
  const std::string path_;
};

class CrashFileSystem::Directory : public rocksdb::FSDirectory {
 public:
  Directory(Files& files, std::string path) : files_(files), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return files_.Sync(path_, Lie::kDirectorySync, [this] {
      files_.mu_.AssertHeld();
      files_.disk_.SyncDirectory(path_);
    });
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  Files& files_;
  const std::string path_;
};

bool CrashFileSystem::Files::FailsNow(Operation operation, const std::string& path) {
  if (failure_.left == 0 || failure_.operation != operation ||
      !absl::EndsWith(path, failure_.suffix)) {
    return false;
  }
  return --failure_.left == 0;
}

IOStatus CrashFileSystem::Files::MayDo(Operation operation, const std::string& path) {
  if (!FailsNow(operation, path)) return IOStatus::OK();
  if (failure_.error == Error::kNoSpace) return IOStatus::NoSpace("planned failure", path);
  return IOStatus::IOError("planned failure", path);
}

IOStatus CrashFileSystem::Files::BeforeWrite(const std::string& path, size_t& bytes) {
  absl::MutexLock lock(&mu_);
  IOStatus status = cut_ ? NoPower() : MayDo(Operation::kWrite, path);
  if (!status.ok()) bytes = cut_ || failure_.error != Error::kShortWrite ? 0 : bytes / 2;
  return status;
}

void CrashFileSystem::Files::AfterRead(const std::string& path, Slice* read, char* buffer) {
  absl::MutexLock lock(&mu_);
  if (flip_.left == 0 || read->empty() || !absl::EndsWith(path, flip_.suffix)) return;
  if (--flip_.left > 0) return;
  if (read->data() != buffer) std::memcpy(buffer, read->data(), read->size());
  const uint64_t bit = Random(flip_.seed).Below(8 * read->size());
  buffer[bit / 8] ^= static_cast<char>(1 << (bit % 8));
  *read = Slice(buffer, read->size());
}

IOStatus CrashFileSystem::Files::NewSequentialFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSSequentialFile>* result, IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSSequentialFile> target;
  IOStatus status = FileSystemWrapper::NewSequentialFile(path, options, &target, dbg);
  if (status.ok()) *result = std::make_unique<SequentialFile>(*this, path, std::move(target));
  return status;
}

IOStatus CrashFileSystem::Files::NewRandomAccessFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSRandomAccessFile>* result, IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSRandomAccessFile> target;
  IOStatus status = FileSystemWrapper::NewRandomAccessFile(path, options, &target, dbg);
  if (status.ok()) *result = std::make_unique<RandomAccessFile>(*this, path, std::move(target));
  return status;
}

IOStatus CrashFileSystem::Files::NewWritableFile(const std::string& path,
                                                 const rocksdb::FileOptions& options,
                                                 std::unique_ptr<rocksdb::FSWritableFile>* result,
                                                 IODebugContext* dbg) {
  absl::MutexLock lock(&mu_);
  if (cut_) return NoPower();
  IOStatus status = MayDo(Operation::kCreate, path);
  if (!status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> target;
  status = FileSystemWrapper::NewWritableFile(path, options, &target, dbg);
  if (!status.ok()) return status;
  const std::string normal = Normal(path);
  *result = std::make_unique<WritableFile>(*this, normal, disk_.Create(normal), std::move(target));
  return status;
}

IOStatus CrashFileSystem::Files::NewDirectory(const std::string& path, const IOOptions&,
                                              std::unique_ptr<rocksdb::FSDirectory>* result,
                                              IODebugContext*) {
  *result = std::make_unique<Directory>(*this, Normal(path));
  return IOStatus::OK();
}

IOStatus CrashFileSystem::Files::RenameFile(const std::string& from, const std::string& to,
                                            const IOOptions& options, IODebugContext* dbg) {
  absl::MutexLock lock(&mu_);
  if (cut_) return NoPower();
  IOStatus status = MayDo(Operation::kRename, to);
  if (!status.ok()) return status;
  status = FileSystemWrapper::RenameFile(from, to, options, dbg);
  // RocksDB's own diary is written past this class and may be lost.
  if (status.ok() && disk_.Find(Normal(from)) != nullptr) disk_.Rename(Normal(from), Normal(to));
  return status;
}

IOStatus CrashFileSystem::Files::DeleteFile(const std::string& path, const IOOptions& options,
                                            IODebugContext* dbg) {
  absl::MutexLock lock(&mu_);
  if (cut_) return NoPower();
  IOStatus status = FileSystemWrapper::DeleteFile(path, options, dbg);
  if (status.ok()) disk_.Delete(Normal(path));
  return status;
}

IOStatus CrashFileSystem::Files::DeleteDir(const std::string& path, const IOOptions& options,
                                           IODebugContext* dbg) {
  absl::MutexLock lock(&mu_);
  if (cut_) return NoPower();
  IOStatus status = FileSystemWrapper::DeleteDir(path, options, dbg);
  if (status.ok()) disk_.Delete(Normal(path) + "/");
  return status;
}

IOStatus CrashFileSystem::Files::CreateDir(const std::string& path, const IOOptions& options,
                                           IODebugContext* dbg) {
  absl::MutexLock lock(&mu_);
  if (cut_) return NoPower();
  IOStatus status = FileSystemWrapper::CreateDir(path, options, dbg);
  if (status.ok()) disk_.MakeDirectory(Normal(path));
  return status;
}

IOStatus CrashFileSystem::Files::CreateDirIfMissing(const std::string& path,
                                                    const IOOptions& options, IODebugContext* dbg) {
  absl::MutexLock lock(&mu_);
  if (cut_) return NoPower();
  IOStatus status = FileSystemWrapper::CreateDirIfMissing(path, options, dbg);
  if (status.ok() && Normal(path) != root_) disk_.MakeDirectory(Normal(path));
  return status;
}

void CrashFileSystem::Files::RestorePower(Loss loss, uint64_t seed) {
  absl::MutexLock lock(&mu_);
  Random random(seed);
  const auto kept = loss == Loss::kAllUnsynced ? disk_.Durable() : disk_.DurableAndSome(random);
  for (const auto& entry : std::filesystem::directory_iterator(root_)) {
    std::filesystem::remove_all(entry.path());
  }
  for (const auto& [path, content] : kept) {
    if (absl::EndsWith(path, "/")) {
      std::filesystem::create_directory(path);
    } else {
      std::ofstream(path, std::ios::binary).write(content.data(), content.size());
    }
  }
  disk_.Reset(kept);
  syncs_ = 0;
  cut_in_ = 0;
  failure_ = {};
  cut_ = false;
}

}  // namespace tidemark::testing
