// GroupCoordinator: the consumer groups of one store; the front of groups/.
//
// Terms.    DESIGN: consumer group, committed offset. See member.h for owners and acks.
// Invariant. Never two live owners of a partition; a committed offset moves back only by
//           CommitOffsets with allow_rewind and SeekGroup; what is not acked is delivered again.
// Threads.  Safe from any thread. What may wait for the disk says so; nothing else does: disk reads
//           for Join and CommitOffsets run on `disk`.
// Callbacks. Once each, from any thread (also before the call returns, also a commit pipeline's),
//           without locks held: they must not block.
// Bounds.   groups_max groups, members_max members of each. An idle group keeps one small record
//           for each partition that it reads.
// Lifetime. Log, clock, metrics and executor outlive it. Before its end all members are gone, the
//           log is stopped and the executor is shut down.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/groups/dead_letters.h"
#include "server/groups/description.h"
#include "server/groups/group_change.h"
#include "server/groups/group_context.h"
#include "server/groups/join_request.h"
#include "server/groups/live_work.h"
#include "server/groups/member.h"
#include "server/groups/new_group.h"
#include "server/groups/offset_entries.h"
#include "server/groups/seek.h"
#include "server/log/event_log.h"
#include "server/metrics/metrics.h"
#include "server/storage/records.h"

namespace tidemark::groups {

class GroupCoordinator {
 public:
  GroupCoordinator(const CoordinatorOptions& options, log::EventLog& log, base::Executor& disk,
                   const base::Clock& clock, metrics::Metrics& metrics);
  ~GroupCoordinator();

  // Reads the groups (not their offsets) from the store. Once, before anything else. Waits for the
  // disk.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mu_);

  // Makes a member, after creating the group if there is none. `listener` hears nothing before
  // `done` has returned. Requires a valid group name (rpc checks).
  // INVALID_ARGUMENT     a new group without topics.
  // NOT_FOUND            a topic does not exist.
  // FAILED_PRECONDITION  GROUP_SETTINGS_DIFFER: the group reads something else.
  // RESOURCE_EXHAUSTED   GROUP_MEMBERS_EXHAUSTED, GROUPS_EXHAUSTED.
  // UNAVAILABLE          GROUP_DELETING, or the store stops or failed.
  void Join(JoinRequest request, std::shared_ptr<MemberListener> listener, JoinCallback done)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Sets offsets, all or nothing; creates the group if there is none. Requires a valid name, and
  // 1 or more entries, each partition once (rpc checks).
  // NOT_FOUND            a topic or partition does not exist.
  // OUT_OF_RANGE         an offset is past the partition's end.
  // ABORTED              expected values do not match; every one is listed.
  // FAILED_PRECONDITION  PARTITION_OWNED, OFFSET_REWIND, or GROUP_SETTINGS_DIFFER: the group
  //                      exists and does not read a topic.
  // RESOURCE_EXHAUSTED   GROUPS_EXHAUSTED, QUEUE_FULL (only when the group is new).
  // UNAVAILABLE          GROUP_DELETING, or the store stops or failed: perhaps written.
  void CommitOffsets(std::string group, std::vector<OffsetEntry> entries, bool allow_rewind,
                     log::DoneCallback done) ABSL_LOCKS_EXCLUDED(mu_);

  // For log::AppendRequest::participant: offsets that are committed with the request or not at all.
  // Requires valid names, each group and each of its partitions once, at least one (rpc checks).
  // NOT_FOUND  no such group, topic or partition.
  absl::StatusOr<std::shared_ptr<log::CommitParticipant>> CommitWithAppend(
      std::vector<GroupOffsets> groups) ABSL_LOCKS_EXCLUDED(mu_);

  // Changes settings, also of a live group; what changed reaches its members before `done` is
  // called (see Group::SetRecord), and so do partitions of topics it reads from now on.
  // NOT_FOUND            no such group, or a topic that is named does not exist.
  // FAILED_PRECONDITION  GROUP_HAS_MEMBERS: the mode changes only without live members.
  // UNIMPLEMENTED        a mode other than PARTITION_ORDERED.
  // UNAVAILABLE          GROUP_DELETING, or the store stops or failed: perhaps written.
  void UpdateGroup(std::string group, GroupChange change, ChangeCallback done)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Moves committed offsets, also of a live group, all or nothing; requires each partition once.
  // What its members hold of these partitions can no longer be acked (FENCED); they are revoked and
  // assigned again. With `dry_run` it only tells what would be moved from where.
  // NOT_FOUND            no such group, topic or partition.
  // FAILED_PRECONDITION  GROUP_SETTINGS_DIFFER: the group does not read a topic.
  // UNAVAILABLE          GROUP_DELETING, or the store stops or failed: perhaps written.
  void SeekGroup(std::string group, std::vector<TopicPartitionOffset> targets, bool dry_run,
                 SeekCallback done) ABSL_LOCKS_EXCLUDED(mu_);

  // The group's settings, without waiting for the disk.
  // NOT_FOUND  no such group.
  absl::StatusOr<storage::GroupRecord> FindRecord(absl::string_view group) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // Durable offsets by topic and partition, of `topics` or (empty) of all. May wait for the disk.
  // NOT_FOUND  no such group or topic.
  absl::StatusOr<std::vector<TopicPartitionOffset>> GetOffsets(
      absl::string_view group, const std::vector<std::string>& topics) ABSL_LOCKS_EXCLUDED(mu_);

  // At most `count` groups by name, from the first after `after` on, with names beginning `prefix`.
  // May wait for the disk.
  absl::StatusOr<GroupPage> ListGroups(absl::string_view after, absl::string_view prefix,
                                       size_t count) ABSL_LOCKS_EXCLUDED(mu_);

  // May wait for the disk.
  // NOT_FOUND  no such group.
  absl::StatusOr<GroupDescription> GetGroup(absl::string_view group) ABSL_LOCKS_EXCLUDED(mu_);

  // NOT_FOUND            no such group.
  // FAILED_PRECONDITION  GROUP_HAS_MEMBERS: it has live members and `force` is not set.
  // UNAVAILABLE          GROUP_DELETING, or the store stops or failed: perhaps deleted.
  void DeleteGroup(std::string group, bool force, log::DoneCallback done) ABSL_LOCKS_EXCLUDED(mu_);

  // --- Dead letters; see dead_letters.h. They wait for the disk, Redrive and Discard for commits.
  // NOT_FOUND  no such group.
  absl::StatusOr<DeadLetterPage> ListDeadLetters(absl::string_view group,
                                                 const std::optional<DeadLetterPlace>& from,
                                                 const storage::FilterSpec& filter, size_t count)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Which ones: these, or those that match.
  using DeadLetterChoice = std::variant<std::vector<DeadLetterPlace>, storage::FilterSpec>;
  struct Redriven {
    uint64_t events = 0;
    uint64_t left = 0;  // There was no room for them.
  };
  // `interval` apart; zero: at once.
  absl::StatusOr<Redriven> RedriveDeadLetters(absl::string_view group,
                                              const DeadLetterChoice& choice,
                                              absl::Duration interval) ABSL_LOCKS_EXCLUDED(mu_);
  // How many.
  absl::StatusOr<uint64_t> DiscardDeadLetters(absl::string_view group,
                                              const DeadLetterChoice& choice)
      ABSL_LOCKS_EXCLUDED(mu_);

  // For who is going to move the start of `partition`: what is dead letters of events before
  // `start` is kept when this returns. Waits for the disk and a commit.
  absl::Status KeepDeadLetters(const log::Partition& partition, Offset start)
      ABSL_LOCKS_EXCLUDED(mu_);

  // For who erased events of `log`, once that is published: every group's dead letters that
  // `erased` chooses are gone when this returns, with copies of their events and whoever has them,
  // and keys that they blocked go on; and what groups have in memory of the log is read again
  // before it is delivered. Waits for the disk and for commits. Safe to repeat.
  // UNAVAILABLE  dead letters are being redriven all the time: repeat.
  absl::Status EraseDeadLetters(LogId log, ErasedLetters erased) ABSL_LOCKS_EXCLUDED(mu_);

  // Every group's lag, cheaply: never waits for the disk.
  std::vector<GroupLag> Lag() ABSL_LOCKS_EXCLUDED(mu_);

  // Passes deadlines, commits what filters have passed, closes members of deleted topics, brings
  // topics that were made since to live groups that read them, and in the background reads offsets
  // of groups not used yet and looks which groups go on, for Lag. Call about every 100 ms.
  void Tick(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct JoinAttempt;
  struct CommitAttempt;
  struct ChangeAttempt;
  struct SeekAttempt;
  using GroupPtr = std::shared_ptr<LiveGroup>;

  friend class TransactionOffsets;  // KeepTicking.

  GroupPtr Find(absl::string_view name) const ABSL_LOCKS_EXCLUDED(mu_);
  // Visits each group that may have dead letters of the log in the store.
  absl::Status ForGroupsWithLetters(LogId log,
                                    absl::FunctionRef<absl::Status(const GroupPtr&)> visit)
      ABSL_LOCKS_EXCLUDED(mu_);
  GroupPtr FindById(storage::GroupId id) const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<GroupPtr> All() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<GroupPtr> FindLoaded(absl::string_view name) ABSL_LOCKS_EXCLUDED(mu_);
  void TryJoin(std::shared_ptr<JoinAttempt> attempt) ABSL_LOCKS_EXCLUDED(mu_);
  void CreateForJoin(std::shared_ptr<JoinAttempt> attempt) ABSL_LOCKS_EXCLUDED(mu_);
  void TryCommit(std::shared_ptr<CommitAttempt> attempt) ABSL_LOCKS_EXCLUDED(mu_);
  void CreateForCommit(std::shared_ptr<CommitAttempt> attempt) ABSL_LOCKS_EXCLUDED(mu_);
  void FinishChange(const std::shared_ptr<ChangeAttempt>& attempt, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);
  void TrySeek(std::shared_ptr<SeekAttempt> attempt) ABSL_LOCKS_EXCLUDED(mu_);
  // Makes the group of `record`, whose id comes with the commit.
  // ALREADY_EXISTS  (in `done`) somebody else was faster.
  // NOT_FOUND  (in `done`) a topic of `first` was deleted meanwhile.
  void Create(storage::GroupRecord record, NewOffsets first, log::DoneCallback done)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status PrepareCreate(storage::GroupRecord& record, const NewOffsets& first,
                             storage::WriteSet& set) ABSL_LOCKS_EXCLUDED(mu_);
  void Publish(const storage::GroupRecord& record) ABSL_LOCKS_EXCLUDED(mu_);
  // Runs `next` with the outcome of loading `group`, on a thread that may wait.
  void AfterLoad(GroupPtr group, absl::AnyInvocable<void(absl::Status) &&> next);
  void KeepTicking(const GroupPtr& group) ABSL_LOCKS_EXCLUDED(mu_);
  // Hands the chosen dead letters to `change`, some at a time, and waits until that is durable.
  using LetterChange =
      absl::FunctionRef<void(WorkQueue& queue, uint64_t now_us, const DeadLetters::Found& letter)>;
  absl::Status ChangeLetters(absl::string_view group, const DeadLetterChoice& choice,
                             LetterChange change) ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(const std::string& name, const LiveGroup* group) ABSL_LOCKS_EXCLUDED(mu_);
  // Looks at some groups, all of them in turn (LiveGroup::Look).
  void LookInBackground(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);
  // Loads what `active` groups and a few others miss.
  void LoadInBackground(const absl::flat_hash_set<GroupPtr>& active) ABSL_LOCKS_EXCLUDED(mu_);

  const std::shared_ptr<const GroupContext> context_;
  mutable absl::Mutex mu_;  // No other lock is taken while holding it.
  absl::btree_map<std::string, GroupPtr> groups_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<GroupPtr> active_ ABSL_GUARDED_BY(mu_);  // Want Tick.
  uint64_t members_joined_ ABSL_GUARDED_BY(mu_) = 0;
  bool loading_ ABSL_GUARDED_BY(mu_) = false;    // LoadInBackground has a task.
  std::string load_after_ ABSL_GUARDED_BY(mu_);  // Groups up to this name were looked at.
  bool looking_ ABSL_GUARDED_BY(mu_) = false;    // LookInBackground has a task.
  std::string look_after_ ABSL_GUARDED_BY(mu_);
  absl::Time look_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();  // When the next look is due.
};

}  // namespace tidemark::groups
