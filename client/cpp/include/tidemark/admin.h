// Topics, groups and the server, as plain values: what Client's administrative calls take and give.
//
// Units.   Durations and times are absl's; bytes are bytes.
// Threads. Plain values.
#ifndef TIDEMARK_ADMIN_H_
#define TIDEMARK_ADMIN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace tidemark {

// What an acknowledgement means.
enum class Durability {
  kUnspecified = 0,  // In a request: kSynced. Never in an answer.
  kSynced = 1,       // After fsync: survives kill -9 and power loss.
  kMemory = 2,       // Survives kill -9 of the server; a power cut may take the newest back.
};

// How stored batches are compressed.
enum class Compression { kUnspecified = 0, kNone = 1, kLz4 = 2, kZstd = 3 };

// Which events a reader or group wants. Empty: every event. An event must match both lists.
struct Filter {
  // Exact types, or a prefix that ends in '*': "employee.*". Empty: every type. At most 100.
  std::vector<std::string> types{};
  // Exact keys. Empty: every key. At most 100.
  std::vector<std::string> keys{};

  bool empty() const { return types.empty() && keys.empty(); }
};

// A topic's settings. Unset: in CreateTopic the default, in UpdateTopic as it is now.
struct TopicConfig {
  std::optional<uint32_t> partitions{};      // Default 1. Cannot change.
  std::optional<Durability> durability{};    // Default kSynced.
  std::optional<absl::Duration> max_age{};   // Default infinite: keep for ever.
  std::optional<uint64_t> max_bytes{};       // For each partition. Default: no limit.
  std::optional<Compression> compression{};  // Default kNone.
  std::optional<bool> index_keys{};          // Default true.
  std::optional<bool> compact{};             // Default false.
  std::optional<bool> encrypt_by_key{};      // Default false.
  std::optional<std::string> description{};  // Default "".
};

// A topic as it is. In `config` everything is set that has a value: no max_age means for ever.
struct TopicInfo {
  std::string name;
  TopicConfig config;
  uint32_t partitions = 0;
  absl::Time create_time;
  absl::Time update_time;
  // A topic that was deleted and created again has another id.
  uint64_t id = 0;
};

// Where a partition begins and ends: readable offsets are [start_offset, end_offset).
struct Watermarks {
  uint32_t partition = 0;
  uint64_t start_offset = 0;
  uint64_t end_offset = 0;
  // Set if a time was asked for: the first offset stored at or after it, or end_offset.
  std::optional<uint64_t> time_offset;
};

// An offset of one partition of one topic: the next to read.
struct TopicPartitionOffset {
  std::string topic;
  uint32_t partition = 0;
  uint64_t offset = 0;
};

// Names one event.
struct EventId {
  std::string topic;
  uint32_t partition = 0;
  uint64_t offset = 0;
};

// How a group shares its work.
enum class GroupMode { kUnspecified = 0, kPartitionOrdered = 1, kKeyOrdered = 2, kUnordered = 3 };

// What happens to events that fail. In a request unset: the server's default.
struct RetryPolicy {
  std::optional<absl::Duration> initial_backoff{};  // Default 1 s.
  std::optional<double> backoff_factor{};           // Default 2.
  std::optional<absl::Duration> max_backoff{};      // Default 5 min.
  std::optional<uint32_t> max_attempts{};           // Default: no limit.
  bool block_key_after_dead_letter = false;
  // KEY_ORDERED, UNORDERED: how long a member may hold an event without a word. Default 30 s.
  std::optional<absl::Duration> lease{};
  // KEY_ORDERED: an event with `deliverat` or `delay` does not hold up later ones of its key.
  bool skip_delayed = false;
};

// A group's settings.
struct GroupConfig {
  std::string name;
  std::vector<std::string> topics;  // Names, or prefixes that end in '*'.
  Filter filter;
  GroupMode mode = GroupMode::kUnspecified;
  RetryPolicy retry;
};

// Settings of a group to change; unset ones stay, the others are replaced as a whole.
struct GroupChange {
  std::optional<std::vector<std::string>> topics{};
  std::optional<Filter> filter{};
  std::optional<GroupMode> mode{};
  std::optional<RetryPolicy> retry{};
};

// A partition that a seek moved, or would move.
struct SeekedPartition {
  std::string topic;
  uint32_t partition = 0;
  uint64_t from_offset = 0;
  uint64_t to_offset = 0;
  uint64_t redelivered_events = 0;  // Events the group reads that are delivered again.
  uint64_t skipped_events = 0;      // Events the group reads that are skipped.
};
struct SeekResult {
  std::vector<SeekedPartition> partitions;
  uint64_t redelivered_events = 0;  // The sums.
  uint64_t skipped_events = 0;
};

// One type of events in a topic.
struct EventTypeInfo {
  std::string type;
  uint64_t count = 0;  // Readable events.
  absl::Time first_time;
  absl::Time last_time;
};

// What there is of one key in a topic.
struct KeyInfo {
  uint32_t partition = 0;
  uint64_t revision = 0;  // Of its newest event.
  uint64_t first_offset = 0;
  uint64_t last_offset = 0;
};

// Half-open offsets of one partition.
struct OffsetSpan {
  uint32_t partition = 0;
  uint64_t from_offset = 0;
  uint64_t until_offset = 0;
};

// What to erase: the events of a key, of these types only if any are named; or offsets.
struct EraseTarget {
  std::string key{};
  std::vector<std::string> types{};
  std::optional<OffsetSpan> offsets{};
};
struct EraseResult {
  uint64_t events = 0;
  std::string erasure_id;  // Empty: there was nothing to erase.
};

// How far an erasure is. In each state no reader gets the events.
enum class ErasureState {
  kUnspecified = 0,  // Unknown to this version.
  kRewriting = 1,    // Stored batches are written again without the events.
  kScrubbing = 2,    // Files that hold the old bytes are on their way out.
  kComplete = 3,     // No file of the store holds the events.
};
struct Erasure {
  std::string id;
  std::string topic;
  std::string key_digest;  // 32 bytes; empty: by offsets.
  std::vector<std::string> types;
  std::optional<OffsetSpan> offsets;
  uint64_t events = 0;
  std::string reason;
  std::string actor;
  absl::Time request_time;
  ErasureState state = ErasureState::kUnspecified;
  std::optional<absl::Time> complete_time;
  std::string problem;       // Why it cannot go on now; empty: nothing is in its way.
  uint32_t entity_keys = 0;  // Keys of encrypted data that are destroyed with it (encrypt_by_key).
};

// One line of ListGroups.
struct GroupSummary {
  GroupConfig config;
  uint32_t members = 0;
  uint64_t lag_offsets = 0;
};

// A live consumer of a group.
struct GroupMember {
  std::string member_id;
  std::string client_name;
  std::string address;
  absl::Time join_time;
  uint64_t in_flight_events = 0;
  std::optional<absl::Time> last_delivery_time;   // Unset: nothing yet.
  std::optional<absl::Time> oldest_unacked_time;  // Unset: it holds nothing.
};

// How far a group is in one partition.
struct GroupPartition {
  std::string topic;
  uint32_t partition = 0;
  std::optional<uint64_t> committed_offset;  // Unset: nothing was ever committed.
  uint64_t start_offset = 0;
  uint64_t end_offset = 0;
  uint64_t lag_offsets = 0;                // What the filter leaves out is counted too.
  std::optional<uint64_t> lag_events;      // Unset: to count them would cost too much.
  std::optional<absl::Duration> lag_time;  // Unset: no lag.
  std::string owner;                       // A member_id; empty: no owner.
  uint64_t in_flight_events = 0;
  uint64_t redelivered_events = 0;                // Since the server's start.
  std::optional<absl::Time> last_delivery_time;   // To the owner.
  std::optional<absl::Time> oldest_unacked_time;  // Of the owner.
};

// A group as it is.
struct GroupInfo {
  GroupConfig config;
  absl::Time create_time;
  std::vector<GroupMember> members;
  std::vector<GroupPartition> partitions;
  uint64_t lag_offsets = 0;
  std::optional<uint64_t> lag_events;
  std::optional<absl::Duration> lag_time;
  bool paused = false;
  std::optional<absl::Time> pause_time;
  uint64_t in_flight_events = 0;
  uint64_t redelivered_events = 0;                // Since the server's start.
  std::optional<absl::Time> last_progress_time;   // Unset: none since the server's start.
  std::optional<absl::Time> oldest_unacked_time;  // Unset: nothing is in flight.
  bool stalled = false;                           // Events wait, and nothing happens.
};

// Limits in force; a rejection names the limit as it is called here.
struct ServerLimits {
  uint64_t event_bytes_max = 0;
  uint64_t request_bytes_max = 0;
  uint64_t request_events_max = 0;
  uint64_t name_bytes_max = 0;
  uint64_t type_bytes_max = 0;
  uint64_t key_bytes_max = 0;
  uint64_t topic_partitions_max = 0;
  uint64_t partitions_max = 0;
  uint64_t filter_entries_max = 0;
  uint64_t group_members_max = 0;
  uint64_t groups_max = 0;
  uint64_t queue_bytes_max = 0;
  uint64_t streams_max = 0;
  uint64_t request_conditions_max = 0;
  uint64_t request_offset_commits_max = 0;
  uint64_t transact_appends_max = 0;
};

// The server at the other end.
struct ServerInfo {
  std::string version;
  std::string store_id;  // A restored or re-created store has another.
  absl::Time start_time;
  absl::Time time;  // The server's clock.
  ServerLimits limits;
  std::vector<std::string> features;  // Sorted.
};

}  // namespace tidemark

#endif  // TIDEMARK_ADMIN_H_
