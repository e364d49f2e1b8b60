// Rows of groups whose members ack event by event: work blocks and dead letters, as values and as
// bytes.
//
// Terms. Work block: what is known of kWorkBlockOffsets consecutive offsets of a log at and above
//        the committed offset: which are done, and which were tried in vain. An offset that no
//        block speaks of is not done and was never tried; one below the committed offset is done,
//        whatever a block says.
// Bytes. version u8 = 1, CRC-32C of the rest u32, then varints (seven bits a byte, lowest first).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/ids.h"

namespace tidemark::storage {

inline constexpr uint64_t kWorkBlockOffsets = 512;

struct WorkBlock {
  // Places within the block, [from, until).
  struct Done {
    uint32_t from = 0;
    uint32_t until = 0;
    friend bool operator==(const Done&, const Done&) = default;
  };
  // Delivered and not done.
  struct Tried {
    uint32_t from = 0;
    uint32_t until = 0;
    uint32_t attempts = 0;  // At least 1.
    uint64_t first_us = 0;  // Of the first delivery.
    uint64_t due_us = 0;    // Not delivered again before; 0: at once.
    friend bool operator==(const Tried&, const Tried&) = default;
  };
  // Both by rising offset, without overlaps, in one block also with each other.
  std::vector<Done> done;
  std::vector<Tried> tried;
  bool empty() const { return done.empty() && tried.empty(); }
  friend bool operator==(const WorkBlock&, const WorkBlock&) = default;
};

std::string EncodeWorkBlock(const WorkBlock& block);
// DATA_LOSS  the bytes are no work block.
absl::StatusOr<WorkBlock> DecodeWorkBlock(absl::string_view bytes);

// An event that was given up: a reference with its story. Type and key are for filters and, of a
// blocked key, for what it blocks.
struct DeadLetter {
  uint32_t attempts = 0;
  uint64_t first_us = 0;
  uint64_t dead_us = 0;
  std::string reason;
  std::string last_client;
  std::string type;
  std::string key;
  bool blocks_key = false;
  // Being delivered again: from when on, and the attempts before it was redriven.
  struct Redrive {
    uint64_t due_us = 0;
    uint32_t attempts_before = 0;
    friend bool operator==(const Redrive&, const Redrive&) = default;
  };
  std::optional<Redrive> redrive;
  // The encoded event, once retention was about to pass it.
  std::optional<std::string> event;
  bool event_sealed = false;  // It is encrypted (server/log/event_cipher.h).
  friend bool operator==(const DeadLetter&, const DeadLetter&) = default;
};

std::string EncodeDeadLetter(const DeadLetter& letter);
// DATA_LOSS  the bytes are no dead letter.
absl::StatusOr<DeadLetter> DecodeDeadLetter(absl::string_view bytes);

}  // namespace tidemark::storage
