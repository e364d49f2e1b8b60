#include "server/storage/wal_scan.h"

#include <rocksdb/env.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "server/storage/coding.h"

namespace tidemark::storage {
namespace {

// RocksDB's log format: blocks of 32 KiB; in them records of a masked checksum u32 over type and
// payload, a length u16, a type u8, the payload. What is too short for a header ends a block.
constexpr size_t kBlockBytes = 32768;
constexpr size_t kHeaderBytes = 7;
constexpr size_t kTypeAt = 6;

uint32_t Masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

absl::Status Damaged(absl::string_view name, size_t at, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("write-ahead log ", name, ", byte ", at, ": ", what));
}

// True if the record that begins `rest` is whole, only not as long as its header says.
bool EndsEarlier(absl::string_view rest) {
  const uint32_t expected = LoadLittle32(rest.data());
  uint32_t crc = base::Crc32c(rest.substr(kTypeAt, 1));
  for (size_t i = kHeaderBytes; i < rest.size(); ++i) {
    if (Masked(crc) == expected) return true;
    crc = base::ExtendCrc32c(crc, rest.substr(i, 1));
  }
  return Masked(crc) == expected;
}

bool IsAllZero(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0; });
}

}  // namespace

absl::Status ScanWalBlock(absl::string_view name, size_t begin, absl::string_view block,
                          bool is_last) {
  for (size_t at = 0; at + kHeaderBytes <= block.size();) {
    const absl::string_view rest = block.substr(at);
    const size_t length =
        static_cast<uint8_t>(rest[4]) | static_cast<size_t>(static_cast<uint8_t>(rest[5])) << 8;
    const size_t record = kHeaderBytes + length;
    if (is_last && IsAllZero(rest)) return absl::OkStatus();  // Torn.
    if (record > kBlockBytes - at) {
      return Damaged(name, begin + at, "a record's length is not possible");
    }
    if (record > rest.size()) {
      if (EndsEarlier(rest)) return Damaged(name, begin + at, "a record's length is wrong");
      return absl::OkStatus();  // Torn.
    }
    if (Masked(base::Crc32c(rest.substr(kTypeAt, 1 + length))) != LoadLittle32(rest.data())) {
      return Damaged(name, begin + at, "a record's checksum does not match");
    }
    at += record;
  }
  return absl::OkStatus();
}

namespace {

absl::Status ScanWal(rocksdb::Env& env, const std::string& path) {
  const auto failed = [&path](const rocksdb::Status& status) {
    return absl::UnavailableError(absl::StrCat("reading ", path, ": ", status.ToString()));
  };
  uint64_t size = 0;
  std::unique_ptr<rocksdb::SequentialFile> file;
  rocksdb::Status read = env.GetFileSize(path, &size);
  if (read.ok()) read = env.NewSequentialFile(path, &file, rocksdb::EnvOptions());
  if (!read.ok()) return failed(read);
  std::string buffer(kBlockBytes, '\0');
  for (uint64_t begin = 0; begin < size; begin += kBlockBytes) {
    rocksdb::Slice block;
    read = file->Read(kBlockBytes, &block, buffer.data());
    if (!read.ok()) return failed(read);
    absl::Status status = ScanWalBlock(path, begin, absl::string_view(block.data(), block.size()),
                                       begin + kBlockBytes >= size);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ScanWals(rocksdb::Env& env, const std::string& directory) {
  std::vector<std::string> children;
  if (!env.GetChildren(directory, &children).ok()) return absl::OkStatus();  // A new directory.
  for (const std::string& child : children) {
    if (!absl::EndsWith(child, ".log") || !absl::ascii_isdigit(child[0])) continue;
    absl::Status status = ScanWal(env, absl::StrCat(directory, "/", child));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ScanClosedWals(rocksdb::Env& env, const std::string& directory) {
  rocksdb::FileLock* lock = nullptr;
  if (!env.LockFile(directory + "/LOCK", &lock).ok()) return absl::OkStatus();
  const absl::Status intact = ScanWals(env, directory);
  env.UnlockFile(lock);
  return intact;
}

}  // namespace tidemark::storage
