// EventLog: the topics of one store, appended to and read; the front of log/.
//
// Terms.    DESIGN: topic, partition, offset, batch, position.
// Threads.  Safe from any thread. What may wait for the disk says so; nothing else does.
// Failure.  See CommitPipeline: after a commit of unknown fate writes are refused, reads go on.
// Lifetime. Stop before destroying; store, clock and metrics outlive it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "server/base/clock.h"
#include "server/log/batch_replacer.h"
#include "server/log/catalog.h"
#include "server/log/commit_pipeline.h"
#include "server/log/compactor.h"
#include "server/log/erased_events.h"
#include "server/log/eraser.h"
#include "server/log/event_cipher.h"
#include "server/log/event_index.h"
#include "server/log/index_sealer.h"
#include "server/log/key_counts.h"
#include "server/log/partition_reader.h"
#include "server/log/partition_table.h"
#include "server/log/reclaimer.h"
#include "server/log/request_gate.h"
#include "server/log/retention.h"

namespace tidemark::log {

struct IndexOptions {
  // A log is indexed on disk once it has as many events that are not, or when the open parts of all
  // together exceed half of open_bytes_max; at open_bytes_max commits wait.
  uint64_t segment_events = 512 << 10;
  uint64_t open_bytes_max = 16ull << 20;
};

struct LogOptions {
  PipelineOptions pipeline;
  IndexOptions index;
  size_t key_counts_bytes_max = 2 << 20;  // Of keys that conditions named lately.
  uint64_t partitions_max = 100'000;      // Of the store.
  size_t partitions_cached_max = 10'000;  // Kept in memory though nobody uses them.
};

class EventLog {
 public:
  using TopicCallback = absl::AnyInvocable<void(absl::StatusOr<TopicPtr>) &&>;
  // A topic on its way through a mutation. The answer is what was published: by the time it is
  // given the topic may have been changed again or deleted.
  struct TopicChange {
    storage::TopicRecord record;
    TopicPtr topic;
  };

  // `vault` may be null: then no topic has encrypt_by_key.
  static absl::StatusOr<std::unique_ptr<EventLog>> Open(const LogOptions& options,
                                                        storage::Store& store,
                                                        const base::Clock& clock,
                                                        metrics::Metrics& metrics,
                                                        storage::KeyVault* vault = nullptr);
  ~EventLog();

  // Requires a valid name and config (rpc checks).
  // ALREADY_EXISTS      a topic has this name.
  // RESOURCE_EXHAUSTED  the store would have more than partitions_max partitions.
  void CreateTopic(std::string name, storage::TopicConfig config, TopicCallback done);
  // Replaces the settings by what `edit` makes of the current ones. `edit` runs on a pipeline
  // thread and may refuse.
  // NOT_FOUND  no such topic.
  void UpdateTopic(std::string name, absl::AnyInvocable<absl::Status(storage::TopicConfig&)> edit,
                   TopicCallback done);
  // NOT_FOUND  no such topic.
  void DeleteTopic(std::string name, DoneCallback done);

  // NOT_FOUND  no such topic.
  absl::StatusOr<TopicPtr> FindTopic(absl::string_view name) const;
  const Catalog& catalog() const { return catalog_; }

  // For who is going to read: what retention has passed by now is no longer readable when this
  // returns. May wait for the disk and for a commit.
  // NOT_FOUND  the topic is deleted.
  absl::StatusOr<PartitionPtr> OpenPartition(const Topic& topic, PartitionIndex partition);
  // Partitions in memory. Those that nobody uses any more leave with TrimPartitions, a few a call.
  size_t partitions_loaded() const { return partitions_.loaded(); }
  void TrimPartitions() { partitions_.Trim(); }
  const PartitionReader& reader() const { return reader_; }
  const EventCipher& cipher() const { return cipher_; }
  // Who holds its mutex sees no erasure and no compaction in its midst.
  BatchReplacer& replacer() { return replacer_; }
  const EventIndex& index() const { return index_; }
  CommitHorizon& horizon() { return pipeline_.horizon(); }
  // At most `types_max` of a topic's types, the first ones above `after`. Waits for the disk.
  // DATA_LOSS, NOT_FOUND  see EventIndex, OpenPartition.
  absl::StatusOr<TypeTable> ListTypes(const Topic& topic, absl::string_view after,
                                      size_t types_max);
  IndexSealer& sealer() { return sealer_; }
  const OpenBudget& index_budget() const { return *index_budget_; }

  // See CommitPipeline and RequestGate.
  void Append(AppendRequest request, AppendCallback done) {
    if (gate_.Concerns(request)) return gate_.Append(std::move(request), std::move(done));
    pipeline_.Append(std::move(request), std::move(done));
  }
  void CommitOffsets(std::vector<OffsetWrite> writes, OffsetRevision revise, Haste haste,
                     DoneCallback done) {
    pipeline_.CommitOffsets(std::move(writes), {}, std::move(revise), haste, std::move(done));
  }
  void CommitOffsets(std::vector<OffsetWrite> writes, DoneCallback done) {
    CommitOffsets(std::move(writes), nullptr, Haste::kNow, std::move(done));
  }
  void CommitGroupState(std::vector<OffsetWrite> offsets, std::vector<GroupRowChange> rows,
                        DoneCallback done) {
    pipeline_.CommitOffsets(std::move(offsets), std::move(rows), nullptr, Haste::kNow,
                            std::move(done));
  }
  void Mutate(Mutation mutation) { pipeline_.Mutate(std::move(mutation)); }
  // A number for a new group; only within a Mutation's prepare, whose set remembers it.
  storage::GroupId AllocateGroupId(storage::WriteSet& set);
  absl::Status health() const { return pipeline_.health(); }

  // See Retention. Not while somebody may be enforcing it.
  void SetTrimGuard(Retention::TrimGuard guard) { retention_.SetGuard(std::move(guard)); }

  // A step of retention, to be taken some times a second. Waits for the disk and for a commit.
  void StepRetention();
  // To be looked at some times a second.
  DiskSpace& disk_space() { return pipeline_.disk_space(); }

  const std::string& store_id() const { return store_record_.store_id; }
  const storage::Store& store() const { return store_; }
  Reclaimer& reclaimer() { return reclaimer_; }
  // To be started by who opened the log, once whoever keeps events beside it can be asked to forget
  // them (Eraser::SetForget).
  Eraser& eraser() { return eraser_; }

  // To be started by who opened the log.
  Compactor& compactor() { return compactor_; }

  // Commits what waits; later requests are refused.
  void Stop();

 private:
  EventLog(const LogOptions& options, storage::Store& store, const base::Clock& clock,
           metrics::Metrics& metrics, storage::KeyVault* vault, storage::StoreRecord record,
           storage::CommitMark mark, const std::vector<storage::ErasureRecord>& erasures);
  absl::Status PrepareCreate(storage::TopicRecord& topic, storage::WriteSet& set);
  void Publish(TopicChange& change);
  absl::StatusOr<TopicPtr> ReceiptsTopic();

  const LogOptions options_;
  storage::Store& store_;
  const base::Clock& clock_;
  // Changed only within mutations, which run one at a time; store_id never.
  storage::StoreRecord store_record_;
  Catalog catalog_;
  const std::shared_ptr<OpenBudget> index_budget_;
  PartitionTable partitions_;
  ErasedEvents erased_;
  const EventCipher cipher_;
  PartitionReader reader_;
  EventIndex index_;
  KeyCounts keys_;
  CommitPipeline pipeline_;
  RequestGate gate_;
  IndexSealer sealer_;
  Retention retention_;
  Reclaimer reclaimer_;
  BatchReplacer replacer_;
  Eraser eraser_;
  Compactor compactor_;
};

// Waits for the callback of an asynchronous call; for threads that may block.
// Usage: Await<TopicPtr>([&](auto done) { log.CreateTopic(name, config, std::move(done)); });
template <typename T>
absl::StatusOr<T> Await(
    absl::FunctionRef<void(absl::AnyInvocable<void(absl::StatusOr<T>) &&>)> start) {
  absl::Notification done;
  absl::StatusOr<T> result = absl::UnknownError("not answered");
  start([&](absl::StatusOr<T> answer) {
    result = std::move(answer);
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}
inline absl::Status AwaitDone(absl::FunctionRef<void(DoneCallback)> start) {
  absl::Notification done;
  absl::Status result;
  start([&](absl::Status answer) {
    result = std::move(answer);
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

}  // namespace tidemark::log
