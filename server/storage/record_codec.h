// Records as bytes. Rare ones are JSON: readable with any tool, extensible by adding members.
// Frequent ones are binary.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/storage/records.h"

namespace tidemark::storage {

std::string EncodeStoreRecord(const StoreRecord& record);
std::string EncodeTopicRecord(const TopicRecord& record);
std::string EncodeGroupRecord(const GroupRecord& record);
std::string EncodeProducerRecord(const ProducerRecord& record);
std::string EncodeCommitMark(const CommitMark& mark);
std::string EncodeLogStart(const LogStart& start);
std::string EncodeCompaction(const LogCompaction& compaction);
// All but the key.
std::string EncodeSuperseded(const SupersededBatch& batch);

// DATA_LOSS  the bytes are no such record; the message says which kind.
absl::StatusOr<StoreRecord> DecodeStoreRecord(absl::string_view bytes);
absl::StatusOr<TopicRecord> DecodeTopicRecord(absl::string_view bytes);
absl::StatusOr<GroupRecord> DecodeGroupRecord(absl::string_view bytes);
absl::StatusOr<ProducerRecord> DecodeProducerRecord(absl::string_view bytes);
absl::StatusOr<CommitMark> DecodeCommitMark(absl::string_view bytes);
absl::StatusOr<LogStart> DecodeLogStart(absl::string_view bytes);
absl::StatusOr<LogCompaction> DecodeCompaction(absl::string_view bytes);
absl::StatusOr<SupersededBatch> DecodeSuperseded(absl::string_view data_key,
                                                 absl::string_view bytes);

}  // namespace tidemark::storage
