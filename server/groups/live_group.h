// LiveGroup: one group at work: a Group under a mutex, its listeners, and its effects on their way
// to the log and to the listeners.
//
// Order.     Effects are carried out one at a time, in order, by whichever thread comes by, without
//            the mutex: so a listener hears things in order and offsets are queued in order.
// Threads.   Safe from any thread. Load waits for the disk; nothing else does.
// Lifetime.  Shared by the coordinator, members, and commits under way.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/groups/dead_letters.h"
#include "server/groups/group.h"
#include "server/groups/group_change.h"
#include "server/groups/group_context.h"
#include "server/groups/group_watch.h"
#include "server/groups/join_request.h"
#include "server/groups/live_work.h"

namespace tidemark::groups {

class LiveGroup : public std::enable_shared_from_this<LiveGroup> {
 public:
  // What became of a request: taken care of; not begun, because Load must run first; not begun,
  // because the group is gone and its name may be another group's.
  enum class Outcome { kTaken, kNeedsLoad, kDeleted };

  LiveGroup(std::shared_ptr<const GroupContext> context, storage::GroupRecord record);

  // Reads what is missing: offsets, and topics that came since. OK also when a topic is missing.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes out topics that were deleted. True: Load has something to do. Costs next to nothing while
  // the same topics exist.
  bool Refresh() ABSL_LOCKS_EXCLUDED(mu_);

  // `done` is used only with kTaken.
  Outcome Join(const JoinRequest& request, bool created, MemberNumber number,
               const std::shared_ptr<MemberListener>& listener, JoinCallback& done)
      ABSL_LOCKS_EXCLUDED(mu_);
  Outcome CommitOffsets(const std::vector<OffsetEntry>& entries, bool allow_rewind,
                        log::DoneCallback& done) ABSL_LOCKS_EXCLUDED(mu_);
  // A group's part of a transaction. See Group.
  struct Transaction {
    std::shared_ptr<LiveGroup> group;
    std::vector<OffsetEntry> entries;
    std::vector<Group::PutOffset> puts;  // By PrepareTogether.
  };
  // On the thread that prepares commits: checks all parts, then puts the offsets of all, or none.
  // The parts are sorted by the groups' addresses, each group once.
  static absl::Status PrepareTogether(std::vector<Transaction>& parts,
                                      std::vector<log::OffsetWrite>& writes);
  void EndTransaction(const std::vector<Group::PutOffset>& puts, const absl::Status& commit)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Only within a mutation's prepare: the settings with `change`, or why not. See ApplyChange.
  absl::StatusOr<storage::GroupRecord> PlanChange(const GroupChange& change) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // What PlanChange answered is durable.
  void SetRecord(storage::GroupRecord record) ABSL_LOCKS_EXCLUDED(mu_);
  // Calls `answer` after everything that is on its way to members has reached them.
  void AnswerInTurn(absl::AnyInvocable<void() &&> answer) ABSL_LOCKS_EXCLUDED(mu_);
  Outcome Seek(const std::vector<TopicPartitionOffset>& targets, bool dry_run, SeekCallback& done)
      ABSL_LOCKS_EXCLUDED(mu_);
  // `forget` is called when the deletion is durable, before anybody hears of it.
  Outcome Delete(bool force, absl::AnyInvocable<void()> forget, log::DoneCallback& done)
      ABSL_LOCKS_EXCLUDED(mu_);

  // For Member.
  bool Progress(MemberNumber member, LogId log, Offset delivered_end, Offset scanned_to,
                uint64_t delivered_events) ABSL_LOCKS_EXCLUDED(mu_);
  bool PassGap(MemberNumber member, LogId log, Offset from, Offset until) ABSL_LOCKS_EXCLUDED(mu_);
  void Ack(MemberNumber member, std::vector<TopicPartitionOffset> offsets, AckCallback done)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Release(MemberNumber member, const std::vector<TopicPartition>& partitions,
               std::optional<uint64_t> revocation) ABSL_LOCKS_EXCLUDED(mu_);
  void Leave(MemberNumber member) ABSL_LOCKS_EXCLUDED(mu_);

  // Finds out how far the group is behind and whether it goes on, for Describe and Lag; says so in
  // the log when that changes. Waits for the disk, unless nothing waits for the group.
  void Look() ABSL_LOCKS_EXCLUDED(mu_);

  // True: call again at the next tick.
  bool Tick(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<TopicPartitionOffset> DurableOffsets(const std::vector<std::string>& topics) const
      ABSL_LOCKS_EXCLUDED(mu_);
  storage::GroupId id() const ABSL_LOCKS_EXCLUDED(mu_);
  // Makes the work queue if there is none yet; it knows no partitions before Load. Only of groups
  // whose members ack event by event.
  std::shared_ptr<LiveWork> EnsureWork() ABSL_LOCKS_EXCLUDED(mu_);
  DeadLetters dead_letters() const ABSL_LOCKS_EXCLUDED(mu_);
  // Null before Load, and for groups without.
  std::shared_ptr<LiveWork> work() const ABSL_LOCKS_EXCLUDED(mu_);
  // Without lag_events and lag_time; `partitions` gets those of the description, in its order.
  GroupDescription Describe(std::vector<log::PartitionPtr>& partitions) const
      ABSL_LOCKS_EXCLUDED(mu_);
  storage::GroupRecord Record() const ABSL_LOCKS_EXCLUDED(mu_);
  GroupSummary Summary() const ABSL_LOCKS_EXCLUDED(mu_);
  GroupLag Lag() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void NoteLocked(GroupWatch::Change change, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool NeedsLoadLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool WorkLacksLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Those of the topics of these names and patterns that exist, opened.
  absl::StatusOr<std::vector<LoadedTopic>> OpenTopics(const std::vector<std::string>& names) const;
  // Takes out topics that were deleted.
  void DropDeletedTopicsLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Adds topics that the group has and its work queue lacks. Waits for the disk.
  absl::Status LoadWork() ABSL_LOCKS_EXCLUDED(mu_);
  // The group has other settings now; it had `mode`.
  void UpdateWorkLocked(storage::GroupMode mode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SeekWorkLocked(const std::vector<TopicPartitionOffset>& targets, SeekCallback& done)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CommitWorkLocked(const std::vector<OffsetEntry>& entries, bool allow_rewind,
                        log::DoneCallback& done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WorkCommitted(const std::vector<log::OffsetWrite>& offsets) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status CheckJoinLocked(const JoinRequest& request) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Queues the effects of what was just done.
  void CollectLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AnswerLocked(absl::AnyInvocable<void() &&> answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    outbox_.push_back(AnswerEffect{std::move(answer)});
  }
  // Carries out what is queued, unless another thread is at it.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);
  // The listener that `effect` is for, if it is for one that is still there.
  std::shared_ptr<MemberListener> ListenerLocked(const Effect& effect)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CarryOut(Effect effect, MemberListener* listener) ABSL_LOCKS_EXCLUDED(mu_);
  void Write(WriteEffect write) ABSL_LOCKS_EXCLUDED(mu_);
  void DeleteFromStore() ABSL_LOCKS_EXCLUDED(mu_);
  void WriteEnded(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void DeleteEnded(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  const std::shared_ptr<const GroupContext> context_;
  mutable absl::Mutex mu_;  // Then: the catalog's, a partition's.
  Group group_ ABSL_GUARDED_BY(mu_);
  GroupWatch watch_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<MemberNumber, std::shared_ptr<MemberListener>> listeners_
      ABSL_GUARDED_BY(mu_);
  // As long as the catalog has this version, no topic is missing here or too many.
  mutable uint64_t catalog_version_ ABSL_GUARDED_BY(mu_) = 0;
  // Calls back without its lock held, so that it may be called with ours; what may call back at
  // once goes through the outbox.
  std::shared_ptr<LiveWork> work_ ABSL_GUARDED_BY(mu_);
  bool rewinding_ ABSL_GUARDED_BY(mu_) = false;  // A CommitOffsets is on its way to the disk.
  std::deque<Effect> outbox_ ABSL_GUARDED_BY(mu_);
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  // Of the deletion under way.
  absl::AnyInvocable<void()> forget_ ABSL_GUARDED_BY(mu_);
  log::DoneCallback deleted_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::groups
