// WalScan: tells the torn tail that every kill leaves from a damaged write-ahead log.
//
// RocksDB takes a last record that is longer than its file for torn and drops it. A flipped bit in
// a record's length looks the same, and then acknowledged writes are dropped in silence. So the
// logs are scanned before RocksDB opens them. Damaged is: a checksum that does not match, a length
// that leaves the record's block (the writer never does that), and a record at the end of a file
// that is too long for it, yet whose checksum matches at a shorter length.
//
// Cost. Reads every log once, at most max_total_wal_size, just before RocksDB reads it again.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace tidemark::storage {

// Scans the write-ahead logs in `directory`; OK if there is none.
// DATA_LOSS    one is damaged; the message names file and place.
// UNAVAILABLE  one cannot be read.
absl::Status ScanWals(rocksdb::Env& env, const std::string& directory);

// The same of a database's directory, unless another process writes them; opening says so then.
absl::Status ScanClosedWals(rocksdb::Env& env, const std::string& directory);

// Scans one block of 32 KiB (the last one may be shorter) that begins at `begin` of log `name`.
absl::Status ScanWalBlock(absl::string_view name, size_t begin, absl::string_view block,
                          bool is_last);

}  // namespace tidemark::storage
