// What goes into the commit pipeline and what comes out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/log/event_terms.h"
#include "server/log/key_condition.h"
#include "server/log/partition.h"
#include "server/log/producer_window.h"
#include "server/log/topic.h"

namespace tidemark::log {

// What a connection or a stream sends: taken in order, and in turns with other flows.
enum class FlowId : uint64_t {};

inline constexpr int64_t kNoDeadline = INT64_MAX;
// kPatient: goes with what others ask for next, or a little later (PipelineOptions::patience).
enum class Haste { kNow, kPatient };

struct OffsetWrite {
  storage::GroupId group;
  LogId log;
  Offset committed;
};

// Somebody beside the log who takes part in a request's commit: groups whose offsets it sets.
class CommitParticipant {
 public:
  virtual ~CommitParticipant() = default;
  // True: Prepare will need nothing from the disk. Never waits for it.
  virtual bool IsReady() = 0;
  // Brings what Prepare needs into memory. May wait for the disk.
  virtual absl::Status MakeReady() = 0;
  // Refuses the request, or adds what is to be written in its commit, which from then on nothing
  // but a failed store keeps from happening. Called at most once, on the thread that prepares
  // commits, as the last check of the request: must not block, nor call into the pipeline.
  virtual absl::Status Prepare(std::vector<OffsetWrite>& writes) = 0;
  // After a Prepare that was OK: the commit ended. On a pipeline's thread, without locks, before
  // the request is answered: must not block.
  virtual void Finish(const absl::Status& commit) = 0;
};

// An entry of `events` that lies in several runs, as the transport cut it.
struct CutEntry {
  size_t run = 0;   // Its first.
  size_t runs = 0;  // How many, at least 2; they hold nothing else.
  uint64_t bytes = 0;
  absl::string_view without_data;  // The event with its data left out: all that is looked at.
};

// A request's events for one partition.
struct PartitionEvents {
  TopicPtr topic = nullptr;  // Null: the request's.
  PartitionIndex partition;
  uint32_t count = 0;
  uint64_t bytes = 0;
  // Encoded entries of `events`, in order; neighbours in the request are one run.
  std::vector<absl::string_view> runs;
  // Of large events that are a run and a buffer of their own: the buffers, in order. Each becomes a
  // batch as it is.
  std::vector<std::shared_ptr<const std::string>> buffers;
  std::vector<CutEntry> cut;  // In order.
  // Collected while decoding; what does not cover all of `count` is collected again when a batch
  // is made.
  EventTerms terms;
};

struct AppendRequest {
  TopicPtr topic;  // Null: each part names its own.
  // Each partition once. At least one, unless a participant writes something.
  std::vector<PartitionEvents> parts;
  std::shared_ptr<const void> owner;  // Keeps the runs alive.
  uint64_t bytes = 0;                 // What the request occupies while it waits.
  FlowId flow{0};
  bool in_order = false;  // It is not to overtake earlier requests of its flow.
  // On base::MonotonicNanos: afterwards nobody waits for the answer, so it is not written.
  int64_t deadline_nanos = kNoDeadline;
  std::optional<ProducerSequence> producer;
  uint32_t fingerprint = 0;              // Of the content; with `producer`.
  std::vector<KeyCondition> conditions;  // All hold, or it is refused.
  std::shared_ptr<CommitParticipant> participant;
};

// DEADLINE_EXCEEDED: of a request whose deadline passed before it was prepared.
absl::Status DeadlinePassed();

struct AppendResult {
  std::vector<storage::ProducerRecord::Range> ranges;  // In the order of the parts.
  std::vector<KeyRevision> revisions;                  // In the order of the conditions.
  Position position;                                   // 0: there were no events.
  absl::Time append_time;
  bool duplicate = false;
  storage::Durability durability = storage::Durability::kSynced;
  bool alone = false;  // Nobody else waits for this commit's answers.
};
// Called once, on a pipeline thread, without locks: must not block.
using AppendCallback = absl::AnyInvocable<void(absl::StatusOr<AppendResult>) &&>;

// Called on the thread that prepares commits, right before the writes are put into a commit: takes
// out those that are outdated. Must not block, nor call into the pipeline.
using OffsetRevision = absl::AnyInvocable<void(std::vector<OffsetWrite>&)>;
// What a group remembers beside its offsets, to be written with them.
using GroupRowChange = storage::GroupRowChange;
using DoneCallback = absl::AnyInvocable<void(absl::Status) &&>;

// A log's start moves: retention passed what is before it.
struct LogTrim {
  TopicPtr topic;  // Whose rule it was: without effect once the topic has other settings.
  PartitionPtr partition;
  Offset start;                 // Where a durable batch begins, or the durable end.
  uint64_t start_bytes = 0;     // IndexRow::log_bytes there.
  uint64_t oldest_time_us = 0;  // append_time of the batch there, or earlier.
};

// A rare change, committed alone after everything before it is readable.
struct Mutation {
  // Fills the set, or refuses; a refusal writes nothing. May wait for the disk.
  absl::AnyInvocable<absl::Status(storage::WriteSet&)> prepare;
  // Makes the durable change visible. Called before `done`, and only after a commit.
  absl::AnyInvocable<void()> publish;
  DoneCallback done;
  // Optional: makes an append that is committed with it, after `prepare`. It is answered by `done`
  // alone; if it is refused, so is the mutation, and nothing is written.
  absl::AnyInvocable<AppendRequest()> append = nullptr;
};

}  // namespace tidemark::log
