// Every key and fixed value layout of the store, in one place (docs/format.md repeats it in prose).
//
// Column families, by life cycle:
//   default    store records: written rarely or overwritten often, always tiny
//   data       batches: written once, never rewritten, read in runs, dropped by range
//   data_lz4   the same, of topics that are compressed by LZ4
//   data_zstd  the same, by Zstandard
//   index      one small row a batch: finds the epoch of a batch, its time and size
//   groups     consumer groups and their committed offsets: overwritten often
//   producers  one row for each stored (producer id, sequence): never changed
//
// Keys (u32 and u64 big-endian, so that they sort as numbers):
//   default    'S'                                  -> StoreRecord (JSON)
//              'P'                                  -> commit mark: position u64, append time u64
//              'T' name                             -> TopicRecord (JSON)
//              'D' topic id u64                     -> TopicRecord (JSON) of a deleted topic whose
//                                                      bytes still have to be reclaimed
//              'R' log u32                          -> LogStart: only of logs that retention cut
//   data*      epoch u32 | log u32 | base offset u64 -> batch (batch_codec.h)
//   index      log u32 | base offset u64             -> IndexRow
//   groups     'G' name                             -> GroupRecord (JSON)
//              'O' group id u64 | log u32           -> committed offset u64
//   producers  id | 0x00 | sequence u64             -> ProducerRecord
//
// Epoch. The number in front of a data key counts memtables: after `epoch_bytes` of batches the
// memtables of all data families are flushed and the next epoch begins, so every data file covers a
// range of its own and compaction only moves files. Within an epoch the batches of one log lie
// together.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "server/base/ids.h"

namespace tidemark::storage {

// Bumped when a reader of the old layout could misread the new one. Format 1 had no log starts and
// no bytes in its index rows; a store of it is brought up to date when it is opened.
inline constexpr int kFormatVersion = 2;
inline constexpr int kOldestFormatVersion = 1;

// Which data family a batch lies in. A batch is compressed when its memtable is flushed, in the
// background; the write-ahead log, the memtable and the tail have it as it came.
enum class Compression : uint8_t { kNone, kLz4, kZstd };
inline constexpr size_t kCompressions = 3;

using Epoch = StrongNumber<struct EpochTag, uint32_t>;
// Store-wide number of a consumer group; never used again.
using GroupId = StrongNumber<struct GroupIdTag, uint64_t>;

inline constexpr char kStoreKey[] = "S";
inline constexpr char kCommitMarkKey[] = "P";
inline constexpr char kTopicPrefix = 'T';
inline constexpr char kDeletedTopicPrefix = 'D';
inline constexpr char kLogStartPrefix = 'R';
inline constexpr char kGroupPrefix = 'G';
inline constexpr char kOffsetPrefix = 'O';

inline constexpr size_t kDataKeyBytes = 16;
inline constexpr size_t kIndexKeyBytes = 12;

std::string TopicKey(absl::string_view name);
std::string DeletedTopicKey(TopicId id);
std::string LogStartKey(LogId log);
std::string DataKey(Epoch epoch, LogId log, Offset base_offset);
std::string IndexKey(LogId log, Offset base_offset);
std::string GroupKey(absl::string_view name);
// The prefix of all offsets of a group.
std::string OffsetsPrefix(GroupId group);
std::string OffsetKey(GroupId group, LogId log);
std::string ProducerKey(absl::string_view id, uint64_t sequence);

// The smallest key above every key that begins with `prefix`; requires a byte below 0xff in it.
std::string PrefixEnd(absl::string_view prefix);

struct DataKeyParts {
  Epoch epoch;
  LogId log;
  Offset base_offset;
};
// Requires kDataKeyBytes bytes.
DataKeyParts ParseDataKey(absl::string_view key);

// The value of the index: what can be said of a batch without reading it. 40 bytes, little-endian;
// rows of format 1 have 32 and no log_bytes. A byte more if the batch lies in the family of a
// compression: its number.
struct IndexRow {
  Epoch epoch;
  uint32_t count = 0;
  uint64_t append_time_us = 0;
  Position position;
  uint32_t events_bytes = 0;
  uint32_t events_crc32c = 0;
  // Bytes of events of this log before this batch, dropped ones included: the difference of two
  // rows is what lies between them, so that retention by bytes is a binary search.
  uint64_t log_bytes = 0;
  Compression compression = Compression::kNone;
};
std::string EncodeIndexRow(const IndexRow& row);
// False if `value` has not the size of a row.
bool DecodeIndexRow(absl::string_view value, IndexRow& row);

}  // namespace tidemark::storage
