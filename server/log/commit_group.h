// CommitGroup: requests that become durable with one fsync.
//
// The data's way: Add checks a request against the state it will see and gives it offsets; Finish
// makes batches of what was added, one run of batches for each log, encrypts those of topics that
// are, and puts everything into one WriteSet; the pipeline commits the set; Publish makes the
// batches readable; Complete answers.
//
// Invariant. A request is in the set whole or not at all: Add refuses before it changes anything.
// Threads.   One thread at a time.
#pragma once

#include <memory>
#include <vector>

#include "absl/container/btree_map.h"
#include "server/base/clock.h"
#include "server/log/append_request.h"
#include "server/log/catalog.h"
#include "server/log/event_cipher.h"
#include "server/log/key_counts.h"
#include "server/log/partition_table.h"
#include "server/log/tail.h"
#include "server/metrics/metrics.h"

namespace tidemark::log {

struct QueuedAppend {
  AppendRequest request;
  AppendCallback done;
  int64_t queued_at_nanos = 0;
};
struct QueuedOffsets {
  std::vector<OffsetWrite> writes;
  OffsetRevision revise;  // May be null.
  std::vector<GroupRowChange> rows;
  Haste haste = Haste::kNow;
  DoneCallback done;
};
struct QueuedTrims {
  std::vector<LogTrim> trims;
  DoneCallback done;
};

// What preparing needs of the store's state.
struct PrepareContext {
  const Catalog& catalog;
  PartitionTable& partitions;
  ProducerWindow& producers;
  KeyCounts& keys;
  const EventCipher& cipher;
  Position& last_position;        // Of the newest batch prepared.
  uint64_t& last_append_time_us;  // Of the newest batch prepared.
  const base::Clock& clock;
  uint64_t batch_bytes_max;
};

class CommitGroup {
 public:
  CommitGroup(PrepareContext context, std::unique_ptr<storage::WriteSet> set);

  void Add(QueuedAppend append);
  void Add(QueuedOffsets offsets);
  void Add(QueuedTrims trims);
  // Not OK: the keys to encrypt with cannot be had, and the group must not be committed.
  absl::Status Finish();
  const absl::Status& finished() const { return finished_; }

  // True if some of it needs an fsync before it is acknowledged.
  bool needs_sync() const { return needs_sync_; }
  // False: everything was refused or known, so there is nothing to write.
  bool has_writes() const;
  uint64_t bytes() const { return bytes_; }
  // OK unless an append was refused: then the first one's answer.
  absl::Status refusal() const;
  // The position of its newest batch, after Finish; without batches, of the newest before.
  Position last_position() const { return last_position_; }
  std::unique_ptr<storage::WriteSet> TakeSet() { return std::move(set_); }

  // After the commit, in commit order.
  void Publish(TailBudget& tail, metrics::Metrics& metrics);
  // Answers every request: as prepared if `commit` is OK, else with it.
  void Complete(const absl::Status& commit, int64_t now_nanos, metrics::Metrics& metrics);

 private:
  // The batches of one log; the last one is open.
  struct LogBatches {
    PartitionPtr partition;
    storage::Compression compression = storage::Compression::kNone;
    struct Open {
      Offset base;
      uint32_t count = 0;
      std::string events;
      // A large event that is a batch as it is, instead of `events`; nothing is added to it.
      std::shared_ptr<const std::string> buffer;
      BatchTerms terms;
    };
    std::vector<Open> open;
    std::vector<storage::BatchPtr> finished;
    bool index_keys = true;
    std::optional<TopicId> encrypts;  // By keys of this topic.
  };
  struct Answer {
    absl::StatusOr<AppendResult> result;
    AppendCallback done;
    int64_t queued_at_nanos;
    std::optional<ProducerSequence> producer;  // To be stored by Finish.
    uint32_t fingerprint = 0;
    TopicId topic;
    uint64_t events = 0;
    uint64_t bytes = 0;
    std::shared_ptr<CommitParticipant> participant;  // That prepared something.
  };
  // A part of a request with what it is added to.
  struct Target {
    TopicPtr topic;  // With its settings as of now.
    PartitionPtr partition;
  };

  absl::StatusOr<AppendResult> Prepare(AppendRequest& request);
  // Finds topics and partitions of all parts.
  absl::StatusOr<std::vector<Target>> FindTargets(const AppendRequest& request);
  // Gives the events their offsets.
  void AddParts(AppendRequest& request, const std::vector<Target>& targets, AppendResult& result);

  // --- Conditions (commit_conditions.cc).

  // The count of each condition's key as the request would find it; OK: all conditions hold.
  absl::Status CheckConditions(const AppendRequest& request, std::vector<KeyCount>& counts);
  // Events of the key that this group adds to `log`, from `from` on.
  uint64_t CountInGroup(LogId log, absl::string_view key, Offset from) const;
  // What the request's conditions come to, after its events got their offsets.
  std::vector<KeyRevision> RevisionsAfter(const AppendRequest& request,
                                          const std::vector<KeyCount>& before);

  void AddEvents(LogBatches& log, PartitionEvents& events);
  static void AddTerms(LogBatches& log, PartitionEvents& events);
  // The encrypted form of all open batches that have one, log by log.
  absl::StatusOr<std::vector<EventCipher::Job>> SealOpen() const;
  // Makes the batches of a log; takes their encrypted forms from `sealed` on.
  void FinishLog(LogId log_id, LogBatches& log, std::vector<EventCipher::Job>::iterator& sealed);
  static storage::ProducerRecord RecordOf(const Answer& answer);

  PrepareContext context_;
  std::unique_ptr<storage::WriteSet> set_;
  const int64_t begin_nanos_;
  uint64_t append_time_us_;
  bool needs_sync_ = false;
  Position last_position_;
  uint64_t bytes_ = 0;
  uint64_t offset_writes_ = 0;
  bool stores_producers_ = false;
  absl::Status finished_;
  std::vector<LogTrim> trims_;  // Those that have an effect.
  absl::btree_map<LogId, LogBatches> logs_;
  std::vector<Answer> answers_;
  std::vector<DoneCallback> other_answers_;  // Of offsets and trims.
};

}  // namespace tidemark::log
