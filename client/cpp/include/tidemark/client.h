// Client: a connection to a Tidemark server, and the calls that ask once and get one answer.
//
// Terms.    A Client is a handle: copies share one connection, which stays open by pings, comes
// back
//           by itself after a break, and closes with the last handle.
// Threads.  Safe from any thread.
// Failure.  Calls answer within ClientOptions::call_timeout. A status has the server's code and
//           details (errors.h). UNAVAILABLE and DEADLINE_EXCEEDED: the call may have happened.
// Lifetime. Producers, readers and consumers keep the connection alive; the Client may go before.
//
//   absl::StatusOr<tidemark::Client> client = tidemark::Client::Connect("127.0.0.1:7400");
//   if (!client.ok()) return client.status();
//   client->CreateTopic("hr", {.partitions = 8});
//   client->Append("hr", {{.type = "employee.created", .key = "employee-10001"}});
#ifndef TIDEMARK_CLIENT_H_
#define TIDEMARK_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tidemark/admin.h"
#include "tidemark/event.h"
#include "tidemark/stream.h"

namespace tidemark {

namespace internal {
class Connection;
}  // namespace internal

struct ClientOptions {
  // HOST:PORT, or any gRPC target ("dns:///tidemark:7400", "unix:/run/tidemark.sock").
  std::string server = "127.0.0.1:7400";
  // Who we are, at most 200 bytes: shown with a group's members. Empty: HOST/PID.
  std::string client_name{};
  // How long Connect waits for the first connection. Zero: it does not wait; the first call does.
  absl::Duration connect_timeout = absl::Seconds(5);
  // How long a call that has one answer may take.
  absl::Duration call_timeout = absl::Seconds(30);
  // A ping on an idle connection this often, 10 s (what the server permits) or more.
  absl::Duration keepalive_interval = absl::Seconds(20);
  // The largest message we take from the server. Above every event_bytes_max in use.
  size_t message_bytes_max = 64 << 20;
};

// A condition on a key; an append happens only if all of its conditions hold.
struct Condition {
  enum class Expect { kAbsent, kExists, kRevision };
  std::string key;
  Expect expect = Expect::kExists;
  uint64_t revision = 0;  // For kRevision: of the key's newest event, 0-based.
  std::string topic{};    // Required in a Transaction. Else empty: the append's.
  // Where the key is looked for. Unset: the append's partition, else the key's own.
  std::optional<uint32_t> partition{};

  static Condition Absent(std::string key) { return {std::move(key), Expect::kAbsent, 0}; }
  static Condition Exists(std::string key) { return {std::move(key), Expect::kExists, 0}; }
  static Condition Revision(std::string key, uint64_t revision) {
    return {std::move(key), Expect::kRevision, revision};
  }
};

// Names a request, so that repeating it is safe. See proto Producer.
struct ProducerSequence {
  std::string id;
  uint64_t sequence = 0;
};

// A group's offset to set in the commit of an append.
struct OffsetCommit {
  std::string group;
  std::string topic;
  uint32_t partition = 0;
  uint64_t offset = 0;  // The next to read.
  // Who commits, if a live member owns the partition: only it may, by the assignment that it has
  // the partition by. Exactly once needs it; Processor does it.
  std::string member_id{};
  uint64_t assignment = 0;
  // Set: only if the committed offset is this one.
  std::optional<uint64_t> expected_offset{};
};

struct AppendOptions {
  // Every event into this partition, whatever its key. Unset: by key.
  std::optional<uint32_t> partition{};
  // All must hold, or nothing is written (ABORTED; DetailsOf lists every one that does not).
  std::vector<Condition> conditions{};
  // Committed together with the events.
  std::vector<OffsetCommit> offset_commits{};
  // Set: the request is repeated after a broken connection until call_timeout, and stored once.
  // Unset: it is sent once, and UNAVAILABLE leaves open whether it was stored.
  std::optional<ProducerSequence> producer{};
};

// Consecutive offsets of one partition, [first_offset, first_offset + count).
struct OffsetRange {
  uint32_t partition = 0;
  uint64_t first_offset = 0;
  uint64_t count = 0;
  std::string topic{};
};

// Where a key is after an append that had a condition on it.
struct KeyRevision {
  std::string topic;
  std::string key;
  std::optional<uint64_t> revision;  // Unset: no event has the key.
};

struct AppendResult {
  // By partition; within a partition events keep their order.
  std::vector<OffsetRange> ranges;
  // One for each condition, in their order.
  std::vector<KeyRevision> key_revisions{};
  // The position of the commit's last batch.
  uint64_t position = 0;
  absl::Time append_time;
  // True: this producer id and sequence was stored before; the rest is the first answer.
  bool duplicate = false;
  Durability durability = Durability::kUnspecified;
};

// A transaction's events for one topic.
struct TopicEvents {
  std::string topic;
  std::vector<Event> events;
  std::optional<uint32_t> partition{};  // As in AppendOptions.
};

// What one atomic commit does: all of it, or nothing.
struct Transaction {
  std::vector<TopicEvents> appends{};
  std::vector<Condition> conditions{};  // Each names its topic.
  std::vector<OffsetCommit> offset_commits{};
  std::optional<ProducerSequence> producer{};  // As in AppendOptions.

  // Adds an event for `topic`, in the partition of its key.
  void Append(absl::string_view topic, Event event);
};

// One offset to commit for a group.
struct GroupOffset {
  std::string topic;
  uint32_t partition = 0;
  uint64_t offset = 0;  // The next to read.
  // Set: only if the committed offset is this one.
  std::optional<uint64_t> expected_offset{};
};

// Where SeekGroup is to move a group.
struct SeekTarget {
  // Only this topic. Empty: all of the group's, which offsets and cursors do not permit.
  std::string topic{};
  // The place; offsets and a cursor move only the partitions they name.
  Start start{};
  // Set: not `start`, but where this group is.
  std::string other_group{};
  // Only tell what it would mean.
  bool dry_run = false;
};

// An event that a group gave up.
struct DeadLetter {
  EventId id;
  std::string reason;  // From the last failure; empty: none was said.
  uint32_t attempts = 0;
  std::string last_client;       // The last member that had it.
  absl::Time first_time;         // Of its first delivery.
  absl::Time dead_time;          // When it was given up.
  std::optional<Event> event{};  // Unset: it can no longer be read.
};

// Which dead letters. Both empty: all of the group's.
struct DeadLetterChoice {
  std::vector<EventId> ids{};  // At most 1000.
  Filter filter{};             // Only without ids.
};

struct DeadLettersChanged {
  uint64_t events = 0;
  uint64_t left = 0;  // That stay, because too many are being redriven: repeat later.
};

class Client {
 public:
  // Opens a connection.
  // INVALID_ARGUMENT  an option is out of bounds, or `server` is no target.
  // UNAVAILABLE       no connection within connect_timeout; the message says why.
  static absl::StatusOr<Client> Connect(ClientOptions options);
  static absl::StatusOr<Client> Connect(absl::string_view server);

  // Appends events to one topic, all or nothing; durable when it returns. For many events a
  // Producer is faster. Errors: see proto EventStore.Append.
  absl::StatusOr<AppendResult> Append(absl::string_view topic, const std::vector<Event>& events,
                                      const AppendOptions& options = {}) const;

  // Appends to several topics, checks conditions and commits offsets, all or nothing; durable when
  // it returns. Errors: see proto EventStore.Transact; FailedConditionsOf tells what did not hold.
  absl::StatusOr<AppendResult> Transact(const Transaction& transaction) const;

  // The last sequence stored for a producer id; NOT_FOUND if there is none.
  absl::StatusOr<uint64_t> GetProducerSequence(absl::string_view id) const;

  // Topics. ListTopics gives every page.
  absl::StatusOr<TopicInfo> CreateTopic(absl::string_view name,
                                        const TopicConfig& config = {}) const;
  absl::StatusOr<TopicInfo> GetTopic(absl::string_view name) const;
  absl::StatusOr<std::vector<TopicInfo>> ListTopics(absl::string_view prefix = "") const;
  absl::StatusOr<TopicInfo> UpdateTopic(absl::string_view name, const TopicConfig& changes) const;
  absl::Status DeleteTopic(absl::string_view name) const;
  // All partitions if `partitions` is empty; with `time`, also where each was then.
  absl::StatusOr<std::vector<Watermarks>> GetWatermarks(
      absl::string_view topic, const std::vector<uint32_t>& partitions = {},
      std::optional<absl::Time> time = std::nullopt) const;

  // Consumer groups. ListGroups gives every page.
  absl::StatusOr<std::vector<GroupSummary>> ListGroups(absl::string_view prefix = "") const;
  absl::StatusOr<GroupInfo> GetGroup(absl::string_view group) const;
  absl::StatusOr<std::vector<TopicPartitionOffset>> GetOffsets(
      absl::string_view group, const std::vector<std::string>& topics = {}) const;
  absl::Status CommitOffsets(absl::string_view group, const std::vector<GroupOffset>& offsets,
                             bool allow_rewind = false) const;

  // Changes a group while it runs; gives its settings after it.
  absl::StatusOr<GroupConfig> UpdateGroup(absl::string_view group, const GroupChange& change) const;
  // Moves a group's committed offsets while it runs, or tells what that would mean.
  absl::StatusOr<SeekResult> SeekGroup(absl::string_view group, const SeekTarget& target) const;
  // Stops deliveries, also over restarts of the server, until ResumeGroup.
  absl::Status PauseGroup(absl::string_view group) const;
  absl::Status ResumeGroup(absl::string_view group) const;
  // With `force` also while it has live members.
  absl::Status DeleteGroup(absl::string_view group, bool force = false) const;

  // Dead letters, at most `letters_max`, by topic, partition and offset.
  absl::StatusOr<std::vector<DeadLetter>> ListDeadLetters(absl::string_view group,
                                                          const Filter& filter = {},
                                                          uint64_t letters_max = UINT64_MAX) const;
  // Delivers them again, in order per key; at most `events_per_second`, 0: as fast as members take
  // them.
  absl::StatusOr<DeadLettersChanged> RedriveDeadLetters(absl::string_view group,
                                                        const DeadLetterChoice& choice,
                                                        double events_per_second = 0) const;
  // Forgets them; keys that they block go on.
  absl::StatusOr<DeadLettersChanged> DiscardDeadLetters(absl::string_view group,
                                                        const DeadLetterChoice& choice) const;

  // What a topic holds. ListEventTypes gives every page.
  absl::StatusOr<std::vector<EventTypeInfo>> ListEventTypes(absl::string_view topic) const;
  absl::StatusOr<KeyInfo> GetKey(absl::string_view topic, absl::string_view key) const;

  // Erases events for ever; their offsets stay. `reason` and `actor` are kept for ever, so without
  // personal data. Durable when answered; GetErasure tells when no file holds the bytes any more.
  absl::StatusOr<EraseResult> EraseEvents(absl::string_view topic, const EraseTarget& target,
                                          absl::string_view reason, absl::string_view actor) const;
  // How many events EraseEvents would erase.
  absl::StatusOr<uint64_t> CountErasable(absl::string_view topic, const EraseTarget& target,
                                         absl::string_view reason, absl::string_view actor) const;
  absl::StatusOr<Erasure> GetErasure(absl::string_view erasure_id) const;
  // All there ever were, the oldest first.
  absl::StatusOr<std::vector<Erasure>> ListErasures() const;

  absl::StatusOr<ServerInfo> GetServerInfo() const;

  const ClientOptions& options() const;

  // For the library and tidemark/stubs.h.
  const std::shared_ptr<internal::Connection>& connection() const { return connection_; }

 private:
  explicit Client(std::shared_ptr<internal::Connection> connection);

  std::shared_ptr<internal::Connection> connection_;
};

}  // namespace tidemark

#endif  // TIDEMARK_CLIENT_H_
