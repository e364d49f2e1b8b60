// What a WriteSet and a Store know of RocksDB; private to server/storage.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <array>

#include "server/storage/key_schema.h"
#include "server/storage/write_set.h"

namespace tidemark::storage {

struct ColumnFamilies {
  rocksdb::ColumnFamilyHandle* meta = nullptr;
  std::array<rocksdb::ColumnFamilyHandle*, kCompressions> data = {};  // By Compression.
  rocksdb::ColumnFamilyHandle* index = nullptr;
  rocksdb::ColumnFamilyHandle* groups = nullptr;
  rocksdb::ColumnFamilyHandle* producers = nullptr;
};

struct WriteSet::Rep {
  const ColumnFamilies& families;
  Epoch epoch;
  uint64_t& epoch_bytes;  // Of the store: bytes put into `epoch` so far.
  rocksdb::WriteBatch batch;
};

inline rocksdb::Slice ToSlice(absl::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline absl::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

}  // namespace tidemark::storage
