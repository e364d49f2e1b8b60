// What the store remembers beside events, as plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/base/ids.h"
#include "server/storage/key_schema.h"

namespace tidemark::storage {

// The store itself.
struct StoreRecord {
  int format_version = kFormatVersion;
  std::string store_id;  // Random; a restored or re-created store gets another.
  uint64_t next_topic_id = 1;
  uint32_t next_log_id = 1;
  uint64_t next_group_id = 1;
  std::string vault_id;  // Of the vault with its keys (key_vault.h); empty: there was never one.
};

enum class Durability { kSynced, kMemory };

// A topic's settings, defaults filled in.
struct TopicConfig {
  uint32_t partitions = 1;
  Durability durability = Durability::kSynced;
  std::optional<uint64_t> retention_max_age_us;  // Unset: for ever.
  std::optional<uint64_t> retention_max_bytes;   // Unset: for ever.
  Compression compression = Compression::kNone;
  bool index_keys = true;
  bool compact = false;
  bool encrypt_by_key = false;
  std::string description;
  friend bool operator==(const TopicConfig&, const TopicConfig&) = default;
};

struct TopicRecord {
  TopicId id;
  std::string name;
  LogId first_log;  // Partition p is log first_log + p.
  uint64_t create_time_us = 0;
  uint64_t update_time_us = 0;
  TopicConfig config;
};

enum class GroupMode { kPartitionOrdered, kKeyOrdered, kUnordered };

// Which events somebody wants. Both lists empty: every event.
struct FilterSpec {
  std::vector<std::string> types;  // Exact, or a prefix that ends in '*'.
  std::vector<std::string> keys;
  bool empty() const { return types.empty() && keys.empty(); }
  friend bool operator==(const FilterSpec&, const FilterSpec&) = default;
};

// Where a new group begins in partitions without a committed offset.
struct GroupStart {
  enum class Kind { kEarliest, kLatest, kTime };
  Kind kind = Kind::kEarliest;
  uint64_t time_us = 0;  // With kTime.
  friend bool operator==(const GroupStart&, const GroupStart&) = default;
};

struct RetryPolicy {
  uint64_t initial_backoff_us = 1'000'000;
  double backoff_factor = 2;
  uint64_t max_backoff_us = 300'000'000;
  std::optional<uint32_t> max_attempts;
  bool block_key_after_dead_letter = false;
  uint64_t lease_us = 30'000'000;  // How long a member may hold an event without a word.
  bool skip_delayed = false;       // An event that waits for its time does not delay its key.
  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

struct GroupRecord {
  GroupId id;
  std::string name;
  std::vector<std::string> topics;  // Names, or prefixes that end in '*'. Sorted, each once.
  FilterSpec filter;
  GroupMode mode = GroupMode::kPartitionOrdered;
  GroupStart start;
  RetryPolicy retry;
  uint64_t create_time_us = 0;
  std::optional<uint64_t> paused_time_us;  // Since when it is paused; unset: it is not.
};

// A row of a group to be written, removed (no value), or removed with all up to `until`.
struct GroupRowChange {
  std::string key;
  std::optional<std::string> value;
  std::string until = {};
};

// Where a key is after a commit that had a condition on it.
struct KeyRevision {
  TopicId topic;
  std::string key;                   // Empty in a ProducerRecord, by the order of the conditions.
  std::optional<uint64_t> revision;  // Empty: no event has the key.
  friend bool operator==(const KeyRevision&, const KeyRevision&) = default;
};

// The outcome of one append, remembered for its producer.
struct ProducerRecord {
  struct Range {
    PartitionIndex partition;
    Offset first;
    uint32_t count = 0;
    TopicId topic = {};  // 0: the record's.
  };
  TopicId topic;             // 0: each range names its own.
  uint32_t fingerprint = 0;  // CRC-32C of the request's events: tells a retry from another request.
  uint64_t append_time_us = 0;
  Position position;
  Durability durability = Durability::kSynced;
  std::vector<Range> ranges;
  std::vector<KeyRevision> revisions = {};
};

// Where a log that retention cut begins. Its end is remembered, too: no row of the index may be
// left to tell it.
struct LogStart {
  Offset start;
  Offset end;              // When the start last moved: a lower bound of the end.
  uint64_t end_bytes = 0;  // IndexRow::log_bytes of a batch at `end`.
};

// A batch that was stored again, where it was before.
struct SupersededBatch {
  std::string data_key;
  Compression compression = Compression::kNone;
  uint32_t bytes = 0;  // Key and value.
};

// How far a log of a topic with `compact` is compacted: below clean_until no event but the newest
// of each key of then is left.
struct LogCompaction {
  Offset clean_until;
  uint64_t kept = 0;  // Events left below clean_until.
};

// The newest commit.
struct CommitMark {
  Position position;
  uint64_t append_time_us = 0;
};

}  // namespace tidemark::storage
