// Store: one directory of durable state; the only door to RocksDB.
//
// Terms.     See key_schema.h for what is kept where.
// Invariant. What Commit(kSync) acknowledged survives any crash; a WriteSet is there whole or not.
// Threads.   Reads are safe from any thread. Begin is called by one thread at a time, and sets are
//            committed in the order in which they were begun, by one thread at a time.
// Blocking.  Everything here may wait for the disk: never call it on a gRPC thread.
// Failure.   After a Commit that failed its fate is unknown: the store must be reopened before the
//            next Commit (the commit pipeline refuses appends from then on). Reads go on.
// Lifetime.  The Env outlives the store. Sets and batches may outlive it, except a WriteSet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/batch_codec.h"
#include "server/storage/erasure_record.h"
#include "server/storage/records.h"
#include "server/storage/term_cursor.h"
#include "server/storage/term_writer.h"
#include "server/storage/write_set.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace tidemark::storage {

struct StoreOptions {
  std::string path;
  rocksdb::Env* env = nullptr;               // Null: the machine's file system.
  uint64_t epoch_bytes = 64ull << 20;        // Batches a data file holds.
  uint64_t block_cache_bytes = 32ull << 20;  // For everything but batches.
};

enum class Sync { kSync, kNoSync };

// A row of the index with its key.
struct BatchInfo {
  Offset base_offset;
  IndexRow row;
  Offset end_offset() const { return base_offset + row.count; }
};

// From `first` to `last`, both included.
struct EpochSpan {
  Epoch first;
  Epoch last;
  bool Holds(Epoch epoch) const { return first <= epoch && epoch <= last; }
};

// What Reclaim did.
struct ReclaimReport {
  uint64_t files_dropped = 0;
  uint64_t files_rewritten = 0;
  uint64_t bytes_freed = 0;
  uint64_t bytes_rewritten = 0;
  uint64_t left_bytes = 0;              // Garbage in files that also hold what is readable.
  std::vector<LogId> gone;              // Deleted topics, by first log, of which nothing is left.
  std::vector<std::string> superseded;  // Batches of MarkSuperseded of which nothing is needed.
  // There is more to do: a compaction has a file in hand, or garbage came meanwhile. Ask again
  // soon.
  bool more = false;
};

// What Scrub has to do, beside superseded batches.
struct ScrubSpec {
  std::vector<std::pair<LogId, uint32_t>> logs;  // First and number: their garbage goes, too.
};
// What Scrub did.
struct ScrubReport {
  uint64_t files_rewritten = 0;
  // Superseded batches of which no file holds a byte any more.
  std::vector<std::string> gone;
  // A reader or RocksDB keeps an old file: not all is gone. Again after a pause.
  bool more = false;
};

// A figure of RocksDB's own.
struct StoreFigure {
  std::string name;  // "rocksdb_estimate_live_data_bytes"
  std::string help;
  std::string column_family;  // Empty: of the whole store.
  bool is_counter = false;
  double value = 0;
};

class Backups;

class Store {
 public:
  // Opens or creates the store in options.path.
  // FAILED_PRECONDITION  another process has it open, it is of another format version, or a restore
  //                      into it did not finish.
  // DATA_LOSS            it is damaged.
  // UNAVAILABLE          the file system refuses.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const StoreOptions& options);
  ~Store();

  // An empty set of changes. At most two sets exist at a time.
  std::unique_ptr<WriteSet> Begin();
  // Applies `set`; with kSync it is on disk when this returns OK.
  absl::Status Commit(std::unique_ptr<WriteSet> set, Sync sync);

  // Batches of `log` that follow one another, the first being the one that holds `from`, none
  // beginning at or after `until`; no more than fit into `max_bytes`, but at least one if there is
  // any. Every checksum is verified.
  // DATA_LOSS  the first batch is damaged or missing. A later one ends the answer before it.
  absl::StatusOr<std::vector<BatchPtr>> ReadBatches(LogId log, Offset from, Offset until,
                                                    uint64_t max_bytes) const;
  absl::StatusOr<std::optional<BatchInfo>> FirstBatch(LogId log) const;
  absl::StatusOr<std::optional<BatchInfo>> LastBatch(LogId log) const;
  // The batch that holds `offset`, if there is one.
  absl::StatusOr<std::optional<BatchInfo>> BatchAt(LogId log, Offset offset) const;
  // The base offset of the first batch of `log` before which the log had at least `log_bytes` bytes
  // (IndexRow::log_bytes), searched among batches that hold [start, end); `end` if there is none.
  absl::StatusOr<Offset> FirstOffsetAtBytes(LogId log, uint64_t log_bytes, Offset start,
                                            Offset end) const;
  // Rows of batches that hold offsets of [from, until), without reading the batches: the first
  // ones by rising offset, or (`newest_first`) the last ones by falling offset; at most `rows_max`.
  // DATA_LOSS  a row is damaged.
  absl::StatusOr<std::vector<BatchInfo>> ReadIndex(LogId log, Offset from, Offset until,
                                                   bool newest_first, size_t rows_max) const;
  // The base offset of the first batch of `log` that was appended at or after `time_us`, searched
  // among batches that hold [start, end); `end` if there is none.
  absl::StatusOr<Offset> FirstOffsetAtTime(LogId log, uint64_t time_us, Offset start,
                                           Offset end) const;

  // The terms of a log as of now.
  std::unique_ptr<TermCursor> Terms(LogId log) const;
  // A file of terms to be written. One at a time; from any thread, beside commits.
  std::unique_ptr<TermWriter> NewTermWriter();
  // Makes the file part of the store, as a whole and durably; commits wait for a moment. On an
  // error it is not, unless the error is the store's (then it can be neither written nor told).
  absl::Status IngestTerms(std::unique_ptr<TermWriter> writer);

  absl::StatusOr<StoreRecord> ReadStoreRecord() const;
  absl::StatusOr<CommitMark> ReadCommitMark() const;
  absl::StatusOr<std::vector<TopicRecord>> ReadTopics() const;
  absl::StatusOr<std::vector<TopicRecord>> ReadDeletedTopics() const;
  absl::StatusOr<std::vector<GroupRecord>> ReadGroups() const;
  absl::StatusOr<std::vector<std::pair<LogId, Offset>>> ReadOffsets(GroupId group) const;
  // Rows of the family of groups with keys in [from, until), the first `rows_max` of them.
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ReadGroupRows(
      absl::string_view from, absl::string_view until, size_t rows_max) const;
  absl::StatusOr<std::optional<ProducerRecord>> ReadProducer(absl::string_view id,
                                                             uint64_t sequence) const;
  // Rows of producers with keys at or after `from`, the first `rows_max` of them.
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ReadProducerRows(
      absl::string_view from, size_t rows_max) const;
  // The newest stored sequence of a producer.
  absl::StatusOr<std::optional<uint64_t>> ReadLastSequence(absl::string_view id) const;

  // Where a log that retention cut begins.
  absl::StatusOr<std::optional<LogStart>> ReadLogStart(LogId log) const;
  absl::StatusOr<std::vector<std::pair<LogId, LogStart>>> ReadLogStarts() const;

  // --- Garbage: batches that nobody refers to any more. Being marked, they are dropped some time.

  // Batches of `log` below `start` are garbage; new ones lie in `epochs`. Requires that this start
  // is durable (WriteSet::PutLogStart) and that nobody begins to read below it any more.
  void MarkTrimmed(LogId log, Offset start, EpochSpan epochs);
  // Logs [first, first + count) of a deleted topic are garbage. Requires that the deletion is
  // durable and their index rows are still there, unless it is known from before the opening.
  enum class Deleted { kNow, kBeforeOpening };
  absl::Status MarkDeleted(LogId first, uint32_t count, Deleted deleted);
  // After Reclaim said that they are gone.
  void ForgetDeleted(LogId first, uint32_t count);
  // Looks at the files in which there is new garbage: drops those that hold nothing else, rewrites
  // those that hold much, once there is much of it. Slow; gives up between two files when `stopped`
  // says so. One thread at a time.
  absl::StatusOr<ReclaimReport> Reclaim(absl::FunctionRef<bool()> stopped);

  // --- Erasure. Batches with erased events are replaced (WriteSet::ReplaceBatch), then scrubbed.

  absl::StatusOr<std::vector<ErasureRecord>> ReadErasures() const;
  absl::StatusOr<std::vector<std::pair<LogId, std::vector<OffsetRange>>>> ReadErasedRanges(
      uint64_t erasure) const;
  // The next set to be begun is in a new epoch, and committing it flushes the batches before it.
  void EndEpoch();
  // After their replacements are committed: readers do not get them, and their bytes are garbage.
  void MarkSuperseded(const std::vector<SupersededBatch>& batches);
  // After WriteSet::DeleteSuperseded is committed.
  void ForgetSuperseded(const std::vector<std::string>& data_keys);
  // Batches of these logs may be stored by other than rising epochs, and the first event of a key
  // total may be gone.
  void MarkReordered(LogId first, uint32_t count);
  bool IsReordered(LogId log) const;
  // Of every log that was compacted.
  absl::StatusOr<std::vector<std::pair<LogId, LogCompaction>>> ReadCompactions() const;
  // Makes the bytes of superseded batches, of removed rows of terms and dead letters, and of
  // garbage of the spec's logs leave every file: data files, indexes, the write-ahead log, the
  // manifest. `touch` commits something, so that the write-ahead log of before can be ended. Slow;
  // gives up between two files when `stopped` says so. One thread at a time. CANCELLED  `stopped`
  // said so.
  absl::StatusOr<ScrubReport> Scrub(const ScrubSpec& spec, absl::FunctionRef<absl::Status()> touch,
                                    absl::FunctionRef<bool()> stopped);
  // What stays of an erased key (key_digest.h).
  std::string DigestOf(absl::string_view key) const;
  // False: nothing was ever erased or compacted, so there are no rows of erased totals.
  bool has_erasures() const;

  std::vector<StoreFigure> Figures() const;
  // What its file system has left.
  // UNAVAILABLE  the file system does not say.
  absl::StatusOr<uint64_t> FreeBytes() const;

 private:
  struct Rep;
  class FileReclaim;
  class FileScrub;
  friend class Backups;
  explicit Store(std::unique_ptr<Rep> rep);
  absl::Status Initialize();
  absl::Status CheckFormat(StoreRecord record);
  absl::Status LoadStarts();
  absl::Status LoadErasures();
  absl::Status LoadSecret();
  // Batches of epochs below it are in files.
  Epoch FlushedBound() const;
  std::vector<Epoch> EpochsWithFiles() const;
  // Empty: there are no batches of these logs.
  absl::StatusOr<std::optional<EpochSpan>> SpanOf(LogId first, uint32_t count) const;

  std::unique_ptr<Rep> rep_;
};

}  // namespace tidemark::storage
