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
//   terms      which batches hold a type or a key: files written in the background, read by term
//
// Keys (u32 and u64 big-endian, so that they sort as numbers):
//   default    'S'                                  -> StoreRecord (JSON)
//              'P'                                  -> commit mark: position u64, append time u64
//              'T' name                             -> TopicRecord (JSON)
//              'D' topic id u64                     -> TopicRecord (JSON) of a deleted topic whose
//                                                      bytes still have to be reclaimed
//              'R' log u32                          -> LogStart: only of logs that retention cut
//              'E' erasure id u64                   -> ErasureRecord (JSON)
//              'F' erasure id u64 | log u32         -> offsets that it erases (erasure_record.h),
//                                                      until it is complete
//              'V' epoch u32 | log u32 | base u64   -> compression u8 | bytes u32: the batch under
//                                                      this data key is superseded and may still be
//                                                      in a file
//              'C' log u32                          -> LogCompaction: only of logs that were
//                                                      compacted
//              'K'                                  -> secret of digests (key_digest.h)
//   data*      epoch u32 | log u32 | base offset u64 -> batch (batch_codec.h)
//   index      log u32 | base offset u64             -> IndexRow
//   groups     'G' name                             -> GroupRecord (JSON)
//              'L' group id u64 | log u32 | offset u64 -> DeadLetter (work_rows.h)
//              'N' log u32 | group id u64           -> empty: the group has or had dead letters
//              there 'O' group id u64 | log u32           -> committed offset u64 'W' group id u64
//              | log u32 | block u64 -> WorkBlock (work_rows.h)
//   producers  id | 0x00 | sequence u64             -> ProducerRecord
//   terms      log u32 | 'E' 0x00 | until u64        -> batches with erased events (terms.h)
//              log u32 | 'H' digest of a key         -> total of its events that no other row of
//              the
//                                                       terms speaks of: erased ones (terms.h)
//              log u32 | 'K' key | 0x00 | until u64  -> batches that hold the key (terms.h)
//              log u32 | 'R' key | 0x00              -> total of the key, merged (terms.h)
//              log u32 | 'S'                         -> sealed until u64, little-endian
//              log u32 | 'T' type | 0x00 | until u64 -> batches that hold the type (terms.h)
//              log u32 | 'X' 0x00 | until u64        -> batches that could not be read (terms.h)
//
// Segment. A stretch of one log whose terms were written together; it ends at batch boundaries.
// `until` in a row of the terms is the end of its segment, so a row whose `until` is not above the
// log's start holds nothing that can be read. Types and keys hold no control characters, so 0x00
// ends them.
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
// no bytes in its index rows, format 2 no erasures, format 3 no encrypted batches; a store of them
// is brought up to date when it is opened.
inline constexpr int kFormatVersion = 4;
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
inline constexpr char kErasurePrefix = 'E';
inline constexpr char kErasedRangesPrefix = 'F';
inline constexpr char kSupersededPrefix = 'V';
inline constexpr char kCompactionPrefix = 'C';
inline constexpr char kDigestSecretKey[] = "K";
inline constexpr char kGroupPrefix = 'G';
inline constexpr char kOffsetPrefix = 'O';
inline constexpr char kDeadLetterPrefix = 'L';
inline constexpr char kDeadLetterMarkPrefix = 'N';
inline constexpr char kWorkBlockPrefix = 'W';

inline constexpr char kKeyTotalMark = 'R';
inline constexpr char kErasedTotalMark = 'H';
inline constexpr char kSealedMark = 'S';

enum class TermKind : char { kErased = 'E', kKey = 'K', kType = 'T', kUnread = 'X' };

inline constexpr size_t kDataKeyBytes = 16;
inline constexpr size_t kIndexKeyBytes = 12;

std::string TopicKey(absl::string_view name);
std::string DeletedTopicKey(TopicId id);
std::string LogStartKey(LogId log);
std::string ErasureKey(uint64_t id);
// The prefix of the rows of an erasure's offsets, and such a row.
std::string ErasedRangesPrefix(uint64_t id);
std::string ErasedRangesKey(uint64_t id, LogId log);
std::string SupersededKey(absl::string_view data_key);
std::string CompactionKey(LogId log);
std::string DataKey(Epoch epoch, LogId log, Offset base_offset);
std::string IndexKey(LogId log, Offset base_offset);
std::string GroupKey(absl::string_view name);
// The prefix of all offsets of a group.
std::string OffsetsPrefix(GroupId group);
std::string OffsetKey(GroupId group, LogId log);
// Prefixes of all dead letters, and of all work blocks, of a group; of one log of it.
std::string DeadLettersPrefix(GroupId group);
std::string DeadLettersPrefix(GroupId group, LogId log);
std::string DeadLetterKey(GroupId group, LogId log, Offset offset);
std::string WorkBlocksPrefix(GroupId group);
std::string WorkBlocksPrefix(GroupId group, LogId log);
std::string WorkBlockKey(GroupId group, LogId log, uint64_t block);
// The prefix of the marks of all groups with dead letters in a log.
std::string DeadLetterMarksPrefix(LogId log);
std::string DeadLetterMarkKey(LogId log, GroupId group);
std::string ProducerKey(absl::string_view id, uint64_t sequence);

// The prefix of all terms of a log.
std::string TermsPrefix(LogId log);
// The prefix of all rows of a term; kUnread and kErased have the empty term.
std::string TermPrefix(LogId log, TermKind kind, absl::string_view term);
std::string TermKey(LogId log, TermKind kind, absl::string_view term, Offset until);
std::string KeyTotalKey(LogId log, absl::string_view key);
// `digest` is that of the key.
std::string ErasedTotalKey(LogId log, absl::string_view digest);
std::string SealedKey(LogId log);

// The smallest key above every key that begins with `prefix`; requires a byte below 0xff in it.
std::string PrefixEnd(absl::string_view prefix);

struct DataKeyParts {
  Epoch epoch;
  LogId log;
  Offset base_offset;
};
// Requires kDataKeyBytes bytes.
DataKeyParts ParseDataKey(absl::string_view key);

// Of a dead letter or a work block: `number` is the offset or the block.
struct GroupRowKeyParts {
  LogId log;
  uint64_t number = 0;
};
// False if `key` is no such row.
bool ParseGroupRowKey(absl::string_view key, GroupRowKeyParts& parts);
// False if `key` is no mark.
bool ParseDeadLetterMarkKey(absl::string_view key, GroupId& group);

struct TermKeyParts {
  absl::string_view term;
  Offset until;
};
// False if `key` is no row of the terms of `kind` in `log`.
bool ParseTermKey(absl::string_view key, LogId log, TermKind kind, TermKeyParts& parts);

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
