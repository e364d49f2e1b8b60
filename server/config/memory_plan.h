// MemoryPlan: what each part of the server may occupy at most, and whether the parts fit together
// into memory_limit.
//
// Terms.     Part: one bounded consumer of memory, with the setting or the constant that bounds it.
//            The parts are never all full at once, so the resident set stays well below their sum;
//            the sum is what can be promised.
// Invariant. Whoever adds a queue, a cache or a buffer adds it here; tests/integration holds the
//            resident set of a real server under memory_limit.
#ifndef TIDEMARK_SERVER_CONFIG_MEMORY_PLAN_H_
#define TIDEMARK_SERVER_CONFIG_MEMORY_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/config/settings.h"

namespace tidemark::config {

// Memtables of one column family: one being filled and those being flushed; writes wait beyond it.
inline constexpr uint64_t kWriteBuffersMax = 3;
// Memtables of the small column families, that is, of everything but batches.
inline constexpr uint64_t kSmallFamilyBytes = 2 * kMiB;
inline constexpr uint64_t kIndexFamilyBytes = 8 * kMiB;
inline constexpr uint64_t kProducersFamilyBytes = 4 * kMiB;
inline constexpr uint64_t kSmallWriteBuffersMax = 2;
// Open files of the store; each keeps its index of blocks in memory.
inline constexpr uint64_t kOpenFilesMax = 512;
// Files of batches that are open a second time, for readers.
inline constexpr uint64_t kReaderFilesMax = 64;
// Events of one segment while they are grouped by type and key.
inline constexpr uint64_t kIndexWorkBytes = 16 * kMiB;
// What KEY_ORDERED and UNORDERED groups know of events that are not done, and have read of them.
inline constexpr uint64_t kWorkBytes = 8 * kMiB;
// Newest sequences of producers.
inline constexpr uint64_t kProducersCachedMax = 100'000;
// The vault of keys, with a master_key_file: unwrapped keys, rows that are not in a file yet, and
// blocks of its files.
inline constexpr uint64_t kEntityKeysBytes = 4 * kMiB;
inline constexpr uint64_t kVaultBufferBytes = kMiB / 2;
inline constexpr uint64_t kVaultCacheBytes = 2 * kMiB;

// Counts of keys that conditions named lately.
inline constexpr uint64_t kKeyCountsBytes = 2 * kMiB;

struct MemoryPart {
  std::string name;   // "queue".
  std::string bound;  // What bounds it: "queue_bytes_max", "3 x write_buffer_bytes".
  uint64_t bytes = 0;
};

// Every part, the largest first.
std::vector<MemoryPart> MemoryPlan(const Settings& settings);

uint64_t MemorySum(const std::vector<MemoryPart>& parts);

// One line a part, then the sum.
std::string MemoryTable(const std::vector<MemoryPart>& parts);

// INVALID_ARGUMENT  the parts add up to more than memory_limit; the message shows them.
// `limit_origin` tells where memory_limit came from ("default").
absl::Status CheckMemory(const Settings& settings, absl::string_view limit_origin);

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_MEMORY_PLAN_H_
