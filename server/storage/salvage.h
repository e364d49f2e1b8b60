// Salvage: batches that lie intact in a block of a file that RocksDB refuses as a whole.
//
// A block of 64 KiB holds many small batches, and a flipped bit in one of them spoils the checksum
// of all. Batches say in their headers whose they are, under a checksum, so they can be found in
// the file without RocksDB. Slow (the file is searched), and only done where a read met damage.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/storage/batch_page.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace tidemark::storage {

// Adds the batch of `log` that begins at `base`, and those that follow right behind it, to `page`,
// copied, from an uncompressed file.
// DATA_LOSS  that batch is damaged, or not there.
absl::Status Salvage(rocksdb::Env& env, const std::string& path, LogId log, Offset base,
                     BatchPage& page);

}  // namespace tidemark::storage
