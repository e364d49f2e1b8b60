#include "server/storage/write_set.h"

#include <array>
#include <utility>

#include "server/base/check.h"
#include "server/storage/coding.h"
#include "server/storage/record_codec.h"
#include "server/storage/write_set_rep.h"

namespace tidemark::storage {
namespace {

// What a batch occupies in a memtable beside its key and value.
constexpr uint64_t kMemtableEntryBytes = 48;

// A WriteBatch fails only when it is over its maximum size or corrupt; we set no maximum.
void Check(const rocksdb::Status& status) { TM_CHECK(status.ok()); }

}  // namespace

WriteSet::WriteSet(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
WriteSet::~WriteSet() = default;

rocksdb::WriteBatch SpareBatches::Take() {
  absl::MutexLock lock(&mu_);
  if (spare_.empty()) return rocksdb::WriteBatch();
  rocksdb::WriteBatch batch = std::move(spare_.back());
  spare_.pop_back();
  return batch;
}

void SpareBatches::Give(rocksdb::WriteBatch batch) {
  if (batch.GetDataSize() > kBytesMax) return;  // One large set must not stay for ever.
  batch.Clear();
  absl::MutexLock lock(&mu_);
  if (spare_.size() < kKept) spare_.push_back(std::move(batch));
}

void WriteSet::PutBatch(const BatchHeader& header, absl::string_view events, uint64_t log_bytes,
                        Compression compression) {
  PutBatchAndRow(header, events,
                 {.epoch = rep_->epoch,
                  .count = header.count,
                  .append_time_us = header.append_time_us,
                  .position = header.position,
                  .events_bytes = header.events_bytes,
                  .events_crc32c = header.events_crc32c,
                  .log_bytes = log_bytes,
                  .compression = compression});
}

bool WriteSet::CanReplace(const IndexRow& old) const { return old.epoch < rep_->epoch; }

void WriteSet::PutCompaction(LogId log, const LogCompaction& compaction) {
  Check(rep_->batch.Put(rep_->families.meta, CompactionKey(log), EncodeCompaction(compaction)));
}

SupersededBatch WriteSet::ReplaceBatch(const BatchHeader& header, absl::string_view events,
                                       const IndexRow& old) {
  TM_CHECK(CanReplace(old));
  SupersededBatch before{
      .data_key = DataKey(old.epoch, header.log, header.base_offset),
      .compression = old.compression,
      .bytes = static_cast<uint32_t>(kDataKeyBytes + kBatchHeaderBytes) + old.events_bytes};
  Check(rep_->batch.Put(rep_->families.meta, SupersededKey(before.data_key),
                        EncodeSuperseded(before)));
  IndexRow row = old;
  row.epoch = rep_->epoch;
  row.events_bytes = header.events_bytes;
  row.events_crc32c = header.events_crc32c;
  PutBatchAndRow(header, events, row);
  return before;
}

void WriteSet::PutBatchAndRow(const BatchHeader& header, absl::string_view events,
                              const IndexRow& row) {
  TM_CHECK_EQ(header.events_bytes, events.size());
  const std::string key = DataKey(rep_->epoch, header.log, header.base_offset);
  const std::string head = EncodeBatchHeader(header);
  const rocksdb::Slice key_slice(key);
  const std::array<rocksdb::Slice, 2> value = {rocksdb::Slice(head), ToSlice(events)};
  rocksdb::ColumnFamilyHandle* family = rep_->families.data[static_cast<size_t>(row.compression)];
  Check(rep_->batch.Put(family, rocksdb::SliceParts(&key_slice, 1),
                        rocksdb::SliceParts(value.data(), value.size())));
  Check(rep_->batch.Put(rep_->families.index, IndexKey(header.log, header.base_offset),
                        EncodeIndexRow(row)));
  rep_->epoch_bytes += key.size() + head.size() + events.size() + kMemtableEntryBytes;
}

void WriteSet::PutCommitMark(const CommitMark& mark) {
  Check(rep_->batch.Put(rep_->families.meta, kCommitMarkKey, EncodeCommitMark(mark)));
}

void WriteSet::PutStoreRecord(const StoreRecord& record) {
  Check(rep_->batch.Put(rep_->families.meta, kStoreKey, EncodeStoreRecord(record)));
}

void WriteSet::PutTopic(const TopicRecord& topic) {
  Check(rep_->batch.Put(rep_->families.meta, TopicKey(topic.name), EncodeTopicRecord(topic)));
}

void WriteSet::DeleteTopic(const TopicRecord& topic) {
  Check(rep_->batch.Delete(rep_->families.meta, TopicKey(topic.name)));
  Check(rep_->batch.Put(rep_->families.meta, DeletedTopicKey(topic.id), EncodeTopicRecord(topic)));
}

void WriteSet::ForgetDeletedTopic(const TopicRecord& topic) {
  Check(rep_->batch.Delete(rep_->families.meta, DeletedTopicKey(topic.id)));
  Check(rep_->batch.DeleteRange(rep_->families.meta, LogStartKey(topic.first_log),
                                LogStartKey(topic.first_log + topic.config.partitions)));
  Check(rep_->batch.DeleteRange(rep_->families.meta, CompactionKey(topic.first_log),
                                CompactionKey(topic.first_log + topic.config.partitions)));
}

void WriteSet::PutLogStart(LogId log, const LogStart& start) {
  Check(rep_->batch.Put(rep_->families.meta, LogStartKey(log), EncodeLogStart(start)));
}

void WriteSet::DeleteIndexRows(LogId log, Offset from, Offset until) {
  Check(rep_->batch.DeleteRange(rep_->families.index, IndexKey(log, from), IndexKey(log, until)));
}

void WriteSet::DeleteLogIndex(LogId first, uint32_t count) {
  Check(rep_->batch.DeleteRange(rep_->families.index, IndexKey(first, Offset(0)),
                                IndexKey(first + count, Offset(0))));
  Check(rep_->batch.DeleteRange(rep_->families.terms, TermsPrefix(first),
                                TermsPrefix(first + count)));
}

void WriteSet::PutGroup(const GroupRecord& group) {
  Check(rep_->batch.Put(rep_->families.groups, GroupKey(group.name), EncodeGroupRecord(group)));
}

void WriteSet::DeleteGroup(const GroupRecord& group) {
  Check(rep_->batch.Delete(rep_->families.groups, GroupKey(group.name)));
  for (const std::string& prefix :
       {OffsetsPrefix(group.id), WorkBlocksPrefix(group.id), DeadLettersPrefix(group.id)}) {
    Check(rep_->batch.DeleteRange(rep_->families.groups, prefix, PrefixEnd(prefix)));
  }
}

void WriteSet::PutOffset(GroupId group, LogId log, Offset committed) {
  std::string value;
  AppendLittle64(value, committed.value());
  Check(rep_->batch.Put(rep_->families.groups, OffsetKey(group, log), value));
}

void WriteSet::DeleteOffset(GroupId group, LogId log) {
  Check(rep_->batch.Delete(rep_->families.groups, OffsetKey(group, log)));
}

void WriteSet::Change(const GroupRowChange& change) {
  if (change.value.has_value()) {
    Check(rep_->batch.Put(rep_->families.groups, change.key, *change.value));
  } else if (change.until.empty()) {
    Check(rep_->batch.Delete(rep_->families.groups, change.key));
  } else {
    Check(rep_->batch.DeleteRange(rep_->families.groups, change.key, change.until));
  }
}

void WriteSet::PutProducer(absl::string_view id, uint64_t sequence, const ProducerRecord& record) {
  Check(rep_->batch.Put(rep_->families.producers, ProducerKey(id, sequence),
                        EncodeProducerRecord(record)));
}

void WriteSet::PutErasure(const ErasureRecord& record) {
  Check(rep_->batch.Put(rep_->families.meta, ErasureKey(record.id), EncodeErasureRecord(record)));
}

void WriteSet::PutErasedRanges(uint64_t erasure, LogId log,
                               const std::vector<OffsetRange>& ranges) {
  Check(rep_->batch.Put(rep_->families.meta, ErasedRangesKey(erasure, log),
                        EncodeOffsetRanges(ranges)));
}

void WriteSet::DeleteErasedRanges(uint64_t erasure) {
  const std::string prefix = ErasedRangesPrefix(erasure);
  Check(rep_->batch.DeleteRange(rep_->families.meta, prefix, ErasedRangesPrefix(erasure + 1)));
}

void WriteSet::DeleteSuperseded(const std::vector<std::string>& data_keys) {
  for (const std::string& key : data_keys) {
    Check(rep_->batch.Delete(rep_->families.meta, SupersededKey(key)));
  }
}

void WriteSet::ChangeTerm(absl::string_view row_key, const std::optional<std::string>& value) {
  if (value.has_value()) {
    Check(rep_->batch.Put(rep_->families.terms, ToSlice(row_key), *value));
  } else {
    Check(rep_->batch.Delete(rep_->families.terms, ToSlice(row_key)));
  }
}

size_t WriteSet::bytes() const { return rep_->batch.GetDataSize(); }
bool WriteSet::empty() const { return rep_->batch.Count() == 0; }

}  // namespace tidemark::storage
