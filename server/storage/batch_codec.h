// Batches: consecutive events of one log that were committed together, in memory and as bytes.
//
// Layout of a stored value: a header of 48 bytes, then the encoded `events` field of EventBatch as
// it goes on the wire. Little-endian:
//   0 version u8 = 1 to 4 | 1 reserved, 3 bytes 0 | 4 header checksum u32 (CRC-32C of bytes 8 to
//   48) 8 events checksum u32 | 12 count u32 | 16 append time u64 (us since 1970) | 24 position u64
//   32 base offset u64 | 40 log u32 | 44 events bytes u32
// Version 2 is a batch with erased events: their entries are empty (no event that was appended is).
// Version 3 is an encrypted batch (server/log/event_cipher.h), version 4 both. The header checksum
// of versions above 1 goes on over the version byte, so that none can be taken for another.
// The header repeats the key, so that a value that ended up under another key is found out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/ids.h"

namespace tidemark::storage {

inline constexpr size_t kBatchHeaderBytes = 48;

// What a batch is, without its events.
struct BatchHeader {
  LogId log;
  Offset base_offset;
  uint32_t count = 0;  // At least 1.
  uint64_t append_time_us = 0;
  Position position;
  uint32_t events_bytes = 0;
  uint32_t events_crc32c = 0;
  bool has_erased = false;  // Some entries of its events are empty: erased.
  bool encrypted = false;   // Its entries are those of server/log/event_cipher.h, not of the wire.

  Offset end_offset() const { return base_offset + count; }
  absl::Time append_time() const { return absl::FromUnixMicros(append_time_us); }
};

// A batch whose bytes are valid as long as the object. Immutable once shared: the tail, live
// readers and gRPC's write buffers hold the same one.
struct StoredBatch {
  BatchHeader header;
  // Keeps `events` alive; what it is (a buffer of ours, a pinned block) is nobody's business.
  std::shared_ptr<const void> owner;
  absl::string_view events;  // The encoded `events` field.
  // What the events take in the store if they are encrypted there and not here; else 0.
  uint32_t encrypted_bytes = 0;
  uint64_t stored_bytes() const {
    return encrypted_bytes != 0 ? encrypted_bytes : header.events_bytes;
  }
};
using BatchPtr = std::shared_ptr<const StoredBatch>;

std::string EncodeBatchHeader(const BatchHeader& header);

// What the first kBatchHeaderBytes of a stored batch say. Requires that many bytes.
// DATA_LOSS  it is no header, or that of another batch.
absl::Status DecodeBatchHeader(LogId log, Offset base_offset, absl::string_view bytes,
                               BatchHeader& header);

// Takes `value` apart and checks everything: version, both checksums, the key, the sizes. `events`
// points into `value`.
// DATA_LOSS  something does not fit; the message says what, of which log and offset.
absl::Status DecodeBatch(LogId log, Offset base_offset, absl::string_view value,
                         BatchHeader& header, absl::string_view& events);

}  // namespace tidemark::storage
