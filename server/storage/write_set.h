// WriteSet: changes that one commit makes together or not at all.
//
// Invariant. Batches go into the epoch the set was begun with.
// Threads.   One thread at a time; hand it over with the set itself.
// Lifetime.  Made by Store::Begin, used up by Store::Commit, or dropped without effect.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/storage/batch_codec.h"
#include "server/storage/erasure_record.h"
#include "server/storage/records.h"

namespace tidemark::storage {

class Store;

class WriteSet {
 public:
  ~WriteSet();
  WriteSet(const WriteSet&) = delete;
  WriteSet& operator=(const WriteSet&) = delete;

  // Stores a batch and its index row. `events` is copied. `log_bytes` are those of the log's events
  // before this batch (IndexRow::log_bytes).
  void PutBatch(const BatchHeader& header, absl::string_view events, uint64_t log_bytes,
                Compression compression = Compression::kNone);
  // Moves the start of a log; with DeleteIndexRows of what it cuts off.
  void PutLogStart(LogId log, const LogStart& start);
  // Removes the index rows of batches that begin in [from, until).
  void DeleteIndexRows(LogId log, Offset from, Offset until);
  void PutCommitMark(const CommitMark& mark);
  void PutStoreRecord(const StoreRecord& record);
  void PutTopic(const TopicRecord& topic);
  // Takes a topic out of the catalog and remembers that its bytes have to be reclaimed.
  void DeleteTopic(const TopicRecord& topic);
  // Forgets a deleted topic and where its logs began: all of its bytes are reclaimed.
  void ForgetDeletedTopic(const TopicRecord& topic);
  // Removes all index rows and terms of logs [first, first + count).
  void DeleteLogIndex(LogId first, uint32_t count);
  void PutGroup(const GroupRecord& group);
  // Removes a group with its offsets, work blocks and dead letters.
  void DeleteGroup(const GroupRecord& group);
  void PutOffset(GroupId group, LogId log, Offset committed);
  void DeleteOffset(GroupId group, LogId log);
  // Changes a row of the family of groups whose key is of key_schema.h.
  void Change(const GroupRowChange& change);
  void PutProducer(absl::string_view id, uint64_t sequence, const ProducerRecord& record);

  void PutErasure(const ErasureRecord& record);
  void PutErasedRanges(uint64_t erasure, LogId log, const std::vector<OffsetRange>& ranges);
  // Of all logs.
  void DeleteErasedRanges(uint64_t erasure);
  // Stores a batch again, of which `old` is the index row, without its erased events, and remembers
  // that the old one is superseded. Requires CanReplace(old). Returns the old one, for
  // Store::MarkSuperseded once the set is committed.
  SupersededBatch ReplaceBatch(const BatchHeader& header, absl::string_view events,
                               const IndexRow& old);
  // The set is in an epoch above the old one's (Store::EndEpoch).
  bool CanReplace(const IndexRow& old) const;
  // How far a log is compacted.
  void PutCompaction(LogId log, const LogCompaction& compaction);
  // Superseded batches whose bytes are gone.
  void DeleteSuperseded(const std::vector<std::string>& data_keys);
  // Replaces a row of the terms, or removes it (no value). Only rows of sealed segments.
  void ChangeTerm(absl::string_view row_key, const std::optional<std::string>& value);

  // Bytes of the changes so far.
  size_t bytes() const;
  bool empty() const;

 private:
  friend class Store;
  struct Rep;
  explicit WriteSet(std::unique_ptr<Rep> rep);
  void PutBatchAndRow(const BatchHeader& header, absl::string_view events, const IndexRow& row);

  std::unique_ptr<Rep> rep_;
};

}  // namespace tidemark::storage
