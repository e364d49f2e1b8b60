// What Store keeps of erasures: their records, and what their batches were before.
#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/storage/coding.h"
#include "server/storage/key_digest.h"
#include "server/storage/record_codec.h"
#include "server/storage/row_scan.h"
#include "server/storage/store_rep.h"

namespace tidemark::storage {

absl::StatusOr<std::vector<ErasureRecord>> Store::ReadErasures() const {
  return ReadAll<ErasureRecord>(*rep_->db, rep_->families.meta, kErasurePrefix,
                                DecodeErasureRecord);
}

absl::StatusOr<std::vector<std::pair<LogId, std::vector<OffsetRange>>>> Store::ReadErasedRanges(
    uint64_t erasure) const {
  std::vector<std::pair<LogId, std::vector<OffsetRange>>> all;
  absl::Status status =
      ForPrefix(*rep_->db, rep_->families.meta, ErasedRangesPrefix(erasure),
                [&](absl::string_view log, absl::string_view value) -> absl::Status {
                  if (log.size() != 4) return absl::DataLossError("damaged key of erased offsets");
                  absl::StatusOr<std::vector<OffsetRange>> ranges = DecodeOffsetRanges(value);
                  if (!ranges.ok()) return ranges.status();
                  all.emplace_back(LogId(LoadBig32(log.data())), *std::move(ranges));
                  return absl::OkStatus();
                });
  if (!status.ok()) return status;
  return all;
}

absl::Status Store::LoadErasures() {
  absl::StatusOr<std::vector<ErasureRecord>> records = ReadErasures();
  if (!records.ok()) return records.status();
  for (const ErasureRecord& record : *records) MarkReordered(record.first_log, record.partitions);
  std::vector<SupersededBatch> superseded;
  absl::Status status =
      ForPrefix(*rep_->db, rep_->families.meta, absl::string_view(&kSupersededPrefix, 1),
                [&](absl::string_view data_key, absl::string_view value) -> absl::Status {
                  if (data_key.size() != kDataKeyBytes) {
                    return absl::DataLossError("damaged key of a superseded batch");
                  }
                  absl::StatusOr<SupersededBatch> batch = DecodeSuperseded(data_key, value);
                  if (!batch.ok()) return batch.status();
                  superseded.push_back(*std::move(batch));
                  return absl::OkStatus();
                });
  if (!status.ok()) return status;
  MarkSuperseded(superseded);
  absl::StatusOr<std::vector<std::pair<LogId, LogCompaction>>> compactions = ReadCompactions();
  if (!compactions.ok()) return compactions.status();
  for (const auto& [log, compaction] : *compactions) MarkReordered(log, 1);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::pair<LogId, LogCompaction>>> Store::ReadCompactions() const {
  std::vector<std::pair<LogId, LogCompaction>> all;
  absl::Status status =
      ForPrefix(*rep_->db, rep_->families.meta, absl::string_view(&kCompactionPrefix, 1),
                [&](absl::string_view log, absl::string_view value) -> absl::Status {
                  if (log.size() != 4) return absl::DataLossError("damaged key of a compaction");
                  absl::StatusOr<LogCompaction> compaction = DecodeCompaction(value);
                  if (!compaction.ok()) return compaction.status();
                  all.emplace_back(LogId(LoadBig32(log.data())), *compaction);
                  return absl::OkStatus();
                });
  if (!status.ok()) return status;
  return all;
}

absl::Status Store::LoadSecret() {
  rocksdb::PinnableSlice secret;
  const rocksdb::Status found =
      rep_->db->Get(rocksdb::ReadOptions(), rep_->families.meta, kDigestSecretKey, &secret);
  if (found.ok()) {
    if (secret.size() != kDigestSecretBytes) return absl::DataLossError("damaged digest secret");
    rep_->digest_secret = std::string(ToView(secret));
    return absl::OkStatus();
  }
  if (!found.IsNotFound()) return FromRocks(found, "reading the digest secret");
  rep_->digest_secret = NewDigestSecret();
  std::unique_ptr<WriteSet> set = Begin();
  const rocksdb::Status put =
      set->rep_->batch.Put(rep_->families.meta, kDigestSecretKey, rep_->digest_secret);
  TM_CHECK(put.ok());
  return Commit(std::move(set), Sync::kSync);
}

std::string Store::DigestOf(absl::string_view key) const {
  return DigestOfKey(rep_->digest_secret, key);
}

bool Store::has_erasures() const { return rep_->has_erasures.load(std::memory_order_acquire); }

void Store::EndEpoch() { rep_->end_epoch.store(true); }

void Store::MarkSuperseded(const std::vector<SupersededBatch>& batches) {
  rep_->superseded->Add(batches);
  std::vector<Epoch> epochs;
  for (const SupersededBatch& batch : batches) {
    epochs.push_back(ParseDataKey(batch.data_key).epoch);
  }
  rep_->garbage.Mark(epochs);
}

void Store::ForgetSuperseded(const std::vector<std::string>& data_keys) {
  rep_->superseded->Remove(data_keys);
}

void Store::MarkReordered(LogId first, uint32_t count) {
  {
    absl::MutexLock lock(&rep_->reordered_mu);
    for (uint32_t i = 0; i < count; ++i) rep_->reordered.insert(first + i);
  }
  rep_->has_erasures.store(true, std::memory_order_release);
}

bool Store::IsReordered(LogId log) const {
  if (!has_erasures()) return false;
  absl::MutexLock lock(&rep_->reordered_mu);
  return rep_->reordered.contains(log);
}

}  // namespace tidemark::storage
