// Group: what is decided about one group's members, partitions and offsets; no thread, no lock and
// no I/O of its own. Inputs are calls; what is to be done about them are Effects, in order.
//
// Terms.     See member.h. target: the member a partition is to belong to once it is free.
// Invariant. A partition is sent to its owner only, and changes hands only when the owner drained,
//            released, left or was fenced. The next owner begins at the newest offset: the highest
//            that was ever acked or passed. Newest offsets fall only by CommitOffsets and Seek; no
//            ack of what was delivered before a Seek counts after it.
// Threads.   One thread at a time (LiveGroup's mutex).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/groups/assignment.h"
#include "server/groups/description.h"
#include "server/groups/effects.h"
#include "server/groups/in_flight.h"
#include "server/groups/offset_commits.h"
#include "server/groups/offset_entries.h"
#include "server/groups/seek.h"
#include "server/log/filter.h"
#include "server/log/partition.h"
#include "server/log/topic.h"
#include "server/storage/records.h"

namespace tidemark::groups {

struct GroupTiming {
  absl::Duration revoke_timeout;
  absl::Duration scan_commit_interval;
};

struct MemberInfo {
  std::string client_name;
  std::string address;
  absl::Time join_time;
  absl::Time last_delivery = absl::InfinitePast();
};

struct LoadedTopic {
  log::TopicPtr topic;
  std::vector<log::PartitionPtr> partitions;  // All of them, in order.
};

class Group {
 public:
  Group(storage::GroupRecord record, const GroupTiming& timing);

  const storage::GroupRecord& record() const { return record_; }

  // --- What it reads.
  // Members ack event by event: a LiveWork hands out the events, and tells what is committed.
  bool is_work() const { return record_.mode != storage::GroupMode::kPartitionOrdered; }
  void WorkCommitted(LogId log, Offset offset) { commits_.Load(log, offset); }
  std::optional<Offset> Durable(LogId log) const { return commits_.Durable(log); }
  bool HasLog(LogId log) const { return partitions_.contains(log); }
  bool offsets_loaded() const { return offsets_loaded_; }
  void LoadOffsets(const std::vector<std::pair<LogId, Offset>>& offsets);
  bool HasTopic(TopicId id) const;
  bool HasTopicNamed(absl::string_view name) const { return topics_.contains(name); }
  std::vector<log::TopicPtr> topics() const;
  // Requires that offsets are loaded.
  void AddTopic(const LoadedTopic& topic, absl::Time now);
  // The topic is deleted: its partitions are forgotten. If the group names it, every member is
  // closed; if only a pattern stands for it, it is taken from its owners.
  void RemoveTopic(TopicId id, const absl::Status& why, absl::Time now);

  // --- Control.
  // The settings as they are stored now. What differs is applied to live members: partitions of
  // topics that are not read any more are revoked for good; with another filter each is revoked,
  // finished under the old one, and assigned again under the new one; a pause is told.
  void SetRecord(storage::GroupRecord record, absl::Time now);
  bool paused() const { return record_.paused_time_us.has_value(); }
  // Moves offsets, also of owned partitions: what was delivered of them before can no longer be
  // acked. `done` hears the moves once they are durable. Requires each partition once.
  // NOT_FOUND            a topic or partition does not exist.
  // FAILED_PRECONDITION  GROUP_SETTINGS_DIFFER: the group does not read a topic.
  // UNAVAILABLE          GROUP_DELETING, or the store stops or failed.
  void Seek(const std::vector<TopicPartitionOffset>& targets, SeekCallback done, absl::Time now);
  // What Seek would do.
  absl::StatusOr<std::vector<SeekMove>> PlanSeek(
      const std::vector<TopicPartitionOffset>& targets) const;

  // --- Members. Unknown ones are ignored: they left or were closed meanwhile.
  size_t members() const { return members_.size(); }
  std::vector<MemberNumber> MemberNumbers() const;  // In the order of Describe.
  // Requires that the group is live, its offsets are loaded, and the number is new.
  void Join(MemberNumber member, MemberInfo info, absl::Time now);
  void Leave(MemberNumber member, absl::Time now);
  // See Member. Never has effects.
  [[nodiscard]] bool Progress(MemberNumber member, LogId log, Offset delivered_end,
                              Offset scanned_to, uint64_t delivered_events, absl::Time now);
  [[nodiscard]] bool PassGap(MemberNumber member, LogId log, Offset from, Offset until,
                             absl::Time now);
  void Ack(MemberNumber member, std::vector<TopicPartitionOffset> offsets, AckCallback done,
           absl::Time now);
  // `revocation`: the one that it answers; unset: whichever there is.
  void Release(MemberNumber member, const std::vector<TopicPartition>& partitions,
               std::optional<uint64_t> revocation, absl::Time now);

  // --- Offsets. See GroupCoordinator; topics of `entries` exist.
  void CommitOffsets(const std::vector<OffsetEntry>& entries, bool allow_rewind,
                     log::DoneCallback done, absl::Time now);
  // The same check for a group that is_work(), where a LiveWork writes the offsets; with
  // FAILED_PRECONDITION while it has members.
  absl::StatusOr<std::vector<std::pair<LogId, Offset>>> CheckWorkCommit(
      const std::vector<OffsetEntry>& entries, bool allow_rewind);
  // --- Offsets that a transaction sets, on the thread that prepares commits: they are checked,
  // with those of all its groups, then put. Neither has effects.
  // ABORTED              FENCED: a member does not own what it commits by the assignment it names;
  //                      OFFSET_MISMATCH.
  // NOT_FOUND            the group, a topic or a partition was deleted meanwhile.
  // FAILED_PRECONDITION  as CommitOffsets, and GROUP_ACKS_BY_EVENT.
  absl::Status CheckTransaction(const std::vector<OffsetEntry>& entries);
  struct PutOffset {
    LogId log;
    Offset offset;
    uint64_t order;
  };
  // Requires that CheckTransaction was OK just now.
  std::vector<PutOffset> PutTransaction(const std::vector<OffsetEntry>& entries, absl::Time now);
  // Its commit ended.
  void EndTransaction(const std::vector<PutOffset>& puts, const absl::Status& commit,
                      absl::Time now);
  // See OffsetCommits.
  void ReviseWrite(std::vector<log::OffsetWrite>& writes) { commits_.Revise(writes); }
  // The write of a WriteEffect ended.
  void WriteEnded(const absl::Status& status, absl::Time now);
  std::vector<TopicPartitionOffset> DurableOffsets(const std::vector<std::string>& topics) const;

  // --- The end.
  enum class Life { kLive, kDeleting, kDeleted };
  Life life() const { return life_; }
  // FAILED_PRECONDITION  GROUP_HAS_MEMBERS.
  // UNAVAILABLE          GROUP_DELETING.
  // Else a DeleteEffect follows once no write is under way.
  absl::Status StartDelete(bool force, absl::Time now);
  // UNAVAILABLE  GROUP_DELETING.
  absl::Status CheckLive() const;
  // The DeleteEffect ended: with OK every member is closed.
  void DeleteEnded(const absl::Status& status, absl::Time now);

  // Passes deadlines, commits what filters have passed, and writes again after a full queue.
  void Tick(absl::Time now);
  // False: Tick has nothing to do until another input comes. A write under way may be refused, and
  // then has to be tried again.
  bool needs_tick() const { return !members_.empty() || commits_.pending() || commits_.writing(); }

  // --- To look at. Sums of lag and lag_time are left to the caller; `partitions` gets those of the
  // description, in its order.
  GroupDescription Describe(std::vector<log::PartitionPtr>& partitions) const;
  uint64_t LagOffsets() const;
  uint64_t InFlightEvents() const;
  // Events that were delivered and are delivered again, in this run of the server.
  uint64_t redelivered_events() const { return redelivered_events_; }
  // When something was last delivered, acked, committed or sought; the infinite past: not in this
  // run of the server.
  absl::Time last_progress() const { return last_progress_; }

  // To be done in order; newer ones after older ones, also across calls.
  std::vector<Effect> TakeEffects() { return std::exchange(effects_, {}); }

 private:
  // What is known of a partition while a member owns it.
  struct Ownership {
    MemberNumber member;
    std::shared_ptr<const log::Filter> filter;
    bool revoked = false;
    // The group was sought elsewhere: acks count for nothing but as the answer to that.
    bool fenced = false;
    uint64_t assignment = 0;
    uint64_t revocation = 0;    // Its number, when revoked.
    absl::Time deadline;        // When revoked.
    Offset acked;               // Everything before it is done, or was before this owner came.
    Offset delivered_end;       // One past the last delivered event.
    Offset scanned_to;          // The filter has passed everything before it; >= delivered_end.
    std::optional<Offset> gap;  // Where the first Gap begins that nothing acked is behind.
    InFlight in_flight;
    absl::Time last_delivery = absl::InfinitePast();
    absl::Time passed_commit_time = absl::InfinitePast();
    bool drained() const { return acked >= delivered_end; }
    // What a commit may say now.
    Offset done_to() const { return drained() ? gap.value_or(scanned_to) : acked; }
  };
  struct PartitionState {
    log::TopicPtr topic;
    PartitionIndex index;
    log::PartitionPtr partition;
    bool retired = false;  // Its topic is not read any more: nobody gets it.
    std::optional<MemberNumber> target;
    std::unique_ptr<Ownership> owner;  // Null: free.
    MemberNumber last_owner;           // Before the present one; 0: nobody.
    Offset last_scanned_to;            // Its own.
    Offset delivered_high;             // One past the highest event ever delivered, in this run.
    uint64_t redelivered_events = 0;
  };

  // It must be revoked also if it is to stay where it is.
  bool MustComeBack(const Ownership& owner) const {
    return owner.fenced || owner.filter != filter_;
  }
  // Requires members.
  absl::Status HasMembers(absl::string_view next_step) const;
  PartitionState* Find(absl::string_view topic, PartitionIndex partition);
  // The state of a partition that `member` owns, else null.
  PartitionState* FindOwned(MemberNumber member, absl::string_view topic, PartitionIndex partition);
  Offset StartFor(const PartitionState& state) const;
  // FAILED_PRECONDITION  GROUP_SETTINGS_DIFFER.
  absl::Status CheckReads(const std::string& topic) const;
  absl::Status TryCommitOffsets(const std::vector<OffsetEntry>& entries, bool allow_rewind);
  absl::Status CheckCommit(const std::vector<OffsetEntry>& entries, bool allow_rewind,
                           std::vector<EntryState>& states, std::vector<LogId>& logs);
  PartitionDescription DescribeOne(const PartitionState& state) const;
  EntryState StateOf(const OffsetEntry& entry, const PartitionState& state) const;
  std::optional<AckRejection> AckOne(MemberNumber member, const TopicPartitionOffset& ack,
                                     std::vector<PendingAck::Part>& accepted, absl::Time now);
  // Exact where deliveries are dense, else at most too many.
  void CountRedelivered(PartitionState& state, Offset from, Offset end, uint64_t events);
  // Commits what the owner finished, if that is news.
  void CommitDone(const PartitionState& state);
  void CommitPassed(absl::Time now);
  // Takes the partition from its owner.
  void Free(LogId log, PartitionState& state);
  void CloseMembers(const absl::Status& why);
  // Closes members that did not answer a seek in time.
  void CloseUnanswering(absl::Time now);
  // Forgets topics that are not read any more, once nobody owns anything of them.
  void DropRetired();

  // Brings everything to rest after an input: Revoked, Taken and Assigned in this order, then
  // writes and answers.
  void Settle(absl::Time now);
  void Retarget();
  void RevokeMisplaced(absl::Time now);
  void FreeDrained();
  void AssignFree(absl::Time now);
  void WriteAndAnswer();
  void Answer(OffsetCommits::Ready ready);

  storage::GroupRecord record_;
  std::shared_ptr<const log::Filter> filter_;  // The record's.
  const GroupTiming timing_;
  Life life_ = Life::kLive;
  bool delete_issued_ = false;
  bool offsets_loaded_ = false;
  bool retarget_ = false;   // Members or partitions changed.
  bool rearrange_ = false;  // Some partition may be misplaced, drained or free.
  absl::Time last_progress_ = absl::InfinitePast();
  uint64_t redelivered_events_ = 0;
  uint64_t revocations_ = 0;  // Number of the newest one.
  uint64_t assignments_ = 0;  // The same.
  bool passed_ = false;       // Some filter passed events that no commit says yet.
  absl::btree_map<MemberNumber, MemberInfo> members_;
  absl::btree_map<LogId, PartitionState> partitions_;
  absl::btree_map<std::string, log::TopicPtr> topics_;  // Loaded ones, by name.
  OffsetCommits commits_;
  absl::btree_map<MemberNumber, std::vector<LogId>> taken_;  // To be told by Settle.
  std::vector<Effect> effects_;
};

}  // namespace tidemark::groups
