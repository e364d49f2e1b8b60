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

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/batch_codec.h"
#include "server/storage/records.h"
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

// A figure of RocksDB's own.
struct StoreFigure {
  std::string name;  // "rocksdb_estimate_live_data_bytes"
  std::string help;
  std::string column_family;  // Empty: of the whole store.
  bool is_counter = false;
  double value = 0;
};

class Store {
 public:
  // Opens or creates the store in options.path.
  // FAILED_PRECONDITION  another process has it open, or it is of another format version.
  // DATA_LOSS            it is damaged.
  // UNAVAILABLE          the file system refuses.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const StoreOptions& options);
  ~Store();

  // An empty set of changes. At most two sets exist at a time.
  std::unique_ptr<WriteSet> Begin();
  // Applies `set`; with kSync it is on disk when this returns OK.
  absl::Status Commit(std::unique_ptr<WriteSet> set, Sync sync);

  // Batches of `log`, the first being the one that holds `from`, none beginning at or after
  // `until`; as many as fit into `max_bytes`, but at least one if there is any. Every checksum is
  // verified.
  // DATA_LOSS  a batch is damaged or missing; the ones before it are lost to this call only.
  absl::StatusOr<std::vector<BatchPtr>> ReadBatches(LogId log, Offset from, Offset until,
                                                    uint64_t max_bytes) const;
  absl::StatusOr<std::optional<BatchInfo>> FirstBatch(LogId log) const;
  absl::StatusOr<std::optional<BatchInfo>> LastBatch(LogId log) const;
  // The batch that holds `offset`, if there is one.
  absl::StatusOr<std::optional<BatchInfo>> BatchAt(LogId log, Offset offset) const;
  // The base offset of the first batch of `log` that was appended at or after `time_us`, searched
  // among batches that hold [start, end); `end` if there is none.
  absl::StatusOr<Offset> FirstOffsetAtTime(LogId log, uint64_t time_us, Offset start,
                                           Offset end) const;

  absl::StatusOr<StoreRecord> ReadStoreRecord() const;
  absl::StatusOr<CommitMark> ReadCommitMark() const;
  absl::StatusOr<std::vector<TopicRecord>> ReadTopics() const;
  absl::StatusOr<std::vector<TopicRecord>> ReadDeletedTopics() const;
  absl::StatusOr<std::vector<GroupRecord>> ReadGroups() const;
  absl::StatusOr<std::vector<std::pair<LogId, Offset>>> ReadOffsets(GroupId group) const;
  absl::StatusOr<std::optional<ProducerRecord>> ReadProducer(absl::string_view id,
                                                             uint64_t sequence) const;
  // The newest stored sequence of a producer.
  absl::StatusOr<std::optional<uint64_t>> ReadLastSequence(absl::string_view id) const;

  // The epochs that hold batches of logs [first, first + count).
  absl::StatusOr<std::vector<Epoch>> EpochsOf(LogId first, uint32_t count) const;
  // Gives the bytes of deleted logs back to the file system; after WriteSet::DeleteLogData
  // is committed. Slow, and safe to repeat.
  absl::Status FreeSpace(LogId first, uint32_t count, const std::vector<Epoch>& epochs);

  std::vector<StoreFigure> Figures() const;

 private:
  struct Rep;
  explicit Store(std::unique_ptr<Rep> rep);
  absl::Status Initialize();

  std::unique_ptr<Rep> rep_;
};

}  // namespace tidemark::storage
