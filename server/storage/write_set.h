// WriteSet: changes that one commit makes together or not at all.
//
// Invariant. Batches go into the epoch the set was begun with.
// Threads.   One thread at a time; hand it over with the set itself.
// Lifetime.  Made by Store::Begin, used up by Store::Commit, or dropped without effect.
#pragma once

#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/storage/batch_codec.h"
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

  // Bytes of the changes so far.
  size_t bytes() const;
  bool empty() const;

 private:
  friend class Store;
  struct Rep;
  explicit WriteSet(std::unique_ptr<Rep> rep);

  std::unique_ptr<Rep> rep_;
};

}  // namespace tidemark::storage
