#include "server/config/memory_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/config/value_text.h"

namespace tidemark::config {
namespace {

// Figures measured with `tidemark-bench bounds` and rounded up (docs/operations.md).
constexpr uint64_t kPartitionBytes = 2048;  // One idle partition in memory, without its tail.
constexpr uint64_t kProducerBytes = 240;    // One newest sequence; an id of 36 bytes.
constexpr uint64_t kOpenFileBytes = 24 * kKiB;
constexpr uint64_t kProcessBytes = 40 * kMiB;  // Program, threads, descriptors, metrics.
constexpr uint64_t kTransportBytes = 32 * kMiB;
// Commits under way, each with its batches and with RocksDB's copy of them, which grows by
// doubling.
constexpr uint64_t kCommitsUnderWay = 2;
constexpr uint64_t kCopiesOfACommit = 3;
// What the allocator keeps beside what is in use: 1/16 of it.
constexpr uint64_t kAllocatorShare = 16;

}  // namespace

std::vector<MemoryPart> MemoryPlan(const Settings& settings) {
  const uint64_t small_families =
      kSmallWriteBuffersMax * (3 * kSmallFamilyBytes + kIndexFamilyBytes + kProducersFamilyBytes);
  std::vector<MemoryPart> parts = {
      {"new batches", absl::StrCat(kWriteBuffersMax, " x write_buffer_bytes"),
       kWriteBuffersMax * settings.write_buffer_bytes},
      {"new rows", "small column families", small_families},
      {"queue", "queue_bytes_max", settings.queue_bytes_max},
      {"commits", absl::StrCat(kCommitsUnderWay * kCopiesOfACommit, " x commit_bytes_max"),
       kCommitsUnderWay * kCopiesOfACommit * settings.commit_bytes_max},
      {"tail", "tail_bytes_max", settings.tail_bytes_max},
      {"open index", "index_open_bytes_max", settings.index_open_bytes_max},
      {"index work", "a segment while it is grouped", kIndexWorkBytes},
      {"block cache", "block_cache_bytes", settings.block_cache_bytes},
      {"history", "send_bytes_max", settings.send_bytes_max},
      {"open files",
       absl::StrCat(kOpenFilesMax + kReaderFilesMax, " x ", BytesToText(kOpenFileBytes)),
       (kOpenFilesMax + kReaderFilesMax) * kOpenFileBytes},
      {"partitions", absl::StrCat("partitions_cached_max x ", kPartitionBytes, " bytes"),
       settings.partitions_cached_max * kPartitionBytes},
      {"producers", absl::StrCat(kProducersCachedMax, " x ", kProducerBytes, " bytes"),
       kProducersCachedMax * kProducerBytes},
      {"work queues", "what groups have read and not done", kWorkBytes},
      {"key counts", "keys that conditions named lately", kKeyCountsBytes},
      {"transport", "gRPC's buffers", kTransportBytes},
      {"process", "program, threads, metrics", kProcessBytes},
  };
  if (!settings.master_key_file.empty()) {
    parts.push_back({"keys", "of topics with encrypt_by_key",
                     kEntityKeysBytes + 2 * kVaultBufferBytes + kVaultCacheBytes});
  }
  parts.push_back({"allocator", absl::StrCat("1/", kAllocatorShare, " of the above"),
                   MemorySum(parts) / kAllocatorShare});
  std::stable_sort(parts.begin(), parts.end(),
                   [](const MemoryPart& a, const MemoryPart& b) { return a.bytes > b.bytes; });
  return parts;
}

uint64_t MemorySum(const std::vector<MemoryPart>& parts) {
  uint64_t sum = 0;
  for (const MemoryPart& part : parts) {
    // A sum that does not fit into 64 bits is above every limit.
    if (part.bytes > UINT64_MAX - sum) return UINT64_MAX;
    sum += part.bytes;
  }
  return sum;
}

std::string MemoryTable(const std::vector<MemoryPart>& parts) {
  std::string table;
  const auto mib = [](uint64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(kMiB);
  };
  for (const MemoryPart& part : parts) {
    absl::StrAppendFormat(&table, "%8.1f MiB  %-12s %s\n", mib(part.bytes), part.name, part.bound);
  }
  absl::StrAppendFormat(&table, "%8.1f MiB  sum\n", mib(MemorySum(parts)));
  return table;
}

absl::Status CheckMemory(const Settings& settings, absl::string_view limit_origin) {
  const std::vector<MemoryPart> parts = MemoryPlan(settings);
  const uint64_t sum = MemorySum(parts);
  if (sum <= settings.memory_limit) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "setting memory_limit = ", BytesToText(settings.memory_limit), " (", limit_origin,
      "): the parts add up to ", BytesToText((sum + kMiB - 1) / kMiB * kMiB), ":\n",
      MemoryTable(parts), "Raise memory_limit, or lower a setting that is named here"));
}

}  // namespace tidemark::config
