// What the store remembers of an erasure.
//
// Bytes. The record is JSON. The offsets of one log are varints, for each range: how far it begins
//        behind the end of the one before (the first: behind 0), its length.
// Personal data. None, but for what `reason` and `actor` were given: of a key there is a digest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/ids.h"

namespace tidemark::storage {

// Half-open.
struct OffsetRange {
  Offset from;
  Offset until;
  friend bool operator==(const OffsetRange&, const OffsetRange&) = default;
};

enum class ErasureState {
  kRewriting,  // No reader gets the events; their batches are being written again without them.
  kScrubbing,  // No batch has them; files that hold their bytes are on their way out.
  kComplete,   // No file of the store holds them.
};

struct ErasureRecord {
  uint64_t id = 0;  // Of the store; the first is 1.
  TopicId topic;
  std::string topic_name;
  LogId first_log;
  uint32_t partitions = 0;
  std::string key_digest;  // Of the erased key; empty: by offsets.
  std::vector<std::string> types;
  struct Span {
    PartitionIndex partition;
    OffsetRange offsets;
    friend bool operator==(const Span&, const Span&) = default;
  };
  std::optional<Span> span;              // By offsets.
  std::vector<std::string> entity_keys;  // Ids of the keys that are destroyed with it.
  uint64_t events = 0;
  std::string reason;
  std::string actor;
  uint64_t request_time_us = 0;
  uint64_t complete_time_us = 0;  // 0: it is not.
  ErasureState state = ErasureState::kRewriting;
  friend bool operator==(const ErasureRecord&, const ErasureRecord&) = default;
};

std::string EncodeErasureRecord(const ErasureRecord& record);
// DATA_LOSS  the bytes are no such record.
absl::StatusOr<ErasureRecord> DecodeErasureRecord(absl::string_view bytes);

// Ranges rise and do not touch.
std::string EncodeOffsetRanges(const std::vector<OffsetRange>& ranges);
// DATA_LOSS  the bytes are no such ranges.
absl::StatusOr<std::vector<OffsetRange>> DecodeOffsetRanges(absl::string_view bytes);

}  // namespace tidemark::storage
