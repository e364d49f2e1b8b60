#include "server/storage/salvage.h"

#include <rocksdb/env.h>
#include <string.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/storage/coding.h"
#include "server/storage/store_rep.h"

namespace tidemark::storage {
namespace {

constexpr size_t kChunkBytes = 1 << 20;
constexpr size_t kPlaceInHeader = 32;  // Of base offset and log, which are looked for.
// What RocksDB may put between two values of a block, and of two: lengths, key, restarts, trailer.
constexpr size_t kBetweenBytes = 4096;

class FileSearch {
 public:
  explicit FileSearch(std::unique_ptr<rocksdb::RandomAccessFile> file) : file_(std::move(file)) {}

  // Where the header of this batch begins, from `begin` on and at most `size` bytes behind.
  std::optional<uint64_t> Find(LogId log, Offset base, uint64_t begin, uint64_t size) {
    std::string place;
    AppendLittle64(place, base.value());
    AppendLittle32(place, log.value());
    const uint64_t end = begin + size;
    while (begin < end) {
      const absl::string_view chunk =
          Read(begin, std::min<uint64_t>(kChunkBytes, end - begin) + kBatchHeaderBytes);
      for (size_t at = 0; at + kBatchHeaderBytes <= chunk.size(); ++at) {
        const char* from = chunk.data() + at + kPlaceInHeader;
        const void* found =
            memmem(from, chunk.data() + chunk.size() - from, place.data(), place.size());
        if (found == nullptr) break;
        at = static_cast<const char*>(found) - chunk.data() - kPlaceInHeader;
        BatchHeader header;
        if (at + kBatchHeaderBytes <= chunk.size() &&
            DecodeBatchHeader(log, base, chunk.substr(at), header).ok()) {
          return begin + at;
        }
      }
      if (chunk.size() < kBatchHeaderBytes) return std::nullopt;
      begin += chunk.size() - kBatchHeaderBytes + 1;
    }
    return std::nullopt;
  }

  // Fewer bytes at the file's end, or if it cannot be read. Valid until the next call.
  absl::string_view Read(uint64_t at, size_t size) {
    buffer_.resize(size);
    rocksdb::Slice result;
    if (!file_->Read(at, size, &result, buffer_.data()).ok()) return {};
    return ToView(result);
  }

 private:
  const std::unique_ptr<rocksdb::RandomAccessFile> file_;
  std::string buffer_;
};

}  // namespace

absl::Status Salvage(rocksdb::Env& env, const std::string& path, LogId log, Offset base,
                     BatchPage& page) {
  uint64_t file_bytes = 0;
  std::unique_ptr<rocksdb::RandomAccessFile> file;
  rocksdb::Status opened = env.GetFileSize(path, &file_bytes);
  if (opened.ok()) opened = env.NewRandomAccessFile(path, &file, rocksdb::EnvOptions());
  if (!opened.ok()) return FromRocks(opened, absl::StrCat("opening ", path));
  FileSearch search(std::move(file));
  std::optional<uint64_t> at = search.Find(log, base, 0, file_bytes);
  if (!at.has_value()) {
    return absl::DataLossError(absl::StrCat("the batch at offset ", base.value(), " of log ",
                                            log.value(), " is damaged in ", path));
  }
  while (at.has_value() && !page.full()) {
    BatchHeader header;
    const absl::string_view head = search.Read(*at, kBatchHeaderBytes);
    if (head.size() < kBatchHeaderBytes) break;
    absl::Status status = DecodeBatchHeader(log, base, head, header);
    const uint64_t bytes = kBatchHeaderBytes + header.events_bytes;
    if (status.ok()) status = page.AddCopy(search.Read(*at, bytes), base);
    if (!status.ok()) return status;
    base = page.next();
    at = search.Find(log, base, *at + bytes, kBetweenBytes);
  }
  return absl::OkStatus();
}

}  // namespace tidemark::storage
