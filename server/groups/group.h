// Group: what is decided about one group's members, partitions and offsets; no thread, no lock and
// no I/O of its own. Inputs are calls; what is to be done about them are Effects, in order.
//
// Terms.     See member.h. target: the member a partition is to belong to once it is free.
// Invariant. A partition is sent to its owner only, and changes hands only when the owner drained,
//            released, left or was fenced. The next owner begins at the newest offset: the highest
//            that was ever acked or passed. Newest offsets fall only by CommitOffsets.
// Threads.   One thread at a time (LiveGroup's mutex).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/groups/assignment.h"
#include "server/groups/description.h"
#include "server/groups/effects.h"
#include "server/groups/in_flight.h"
#include "server/groups/offset_commits.h"
#include "server/groups/offset_entries.h"
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
  bool offsets_loaded() const { return offsets_loaded_; }
  void LoadOffsets(const std::vector<std::pair<LogId, Offset>>& offsets);
  bool HasTopic(TopicId id) const;
  bool HasTopicNamed(absl::string_view name) const { return topics_.contains(name); }
  std::vector<log::TopicPtr> topics() const;
  // Requires that offsets are loaded.
  void AddTopic(const LoadedTopic& topic, absl::Time now);
  // The topic is deleted: its partitions are forgotten and every member is closed.
  void RemoveTopic(TopicId id, const absl::Status& why, absl::Time now);

  // --- Members. Unknown ones are ignored: they left or were closed meanwhile.
  size_t members() const { return members_.size(); }
  // Requires that the group is live, its offsets are loaded, and the number is new.
  void Join(MemberNumber member, MemberInfo info, absl::Time now);
  void Leave(MemberNumber member, absl::Time now);
  // See Member. Never has effects.
  [[nodiscard]] bool Progress(MemberNumber member, LogId log, Offset delivered_end,
                              Offset scanned_to, uint64_t delivered_events);
  void Ack(MemberNumber member, std::vector<TopicPartitionOffset> offsets, AckCallback done,
           absl::Time now);
  void Release(MemberNumber member, const std::vector<TopicPartition>& partitions, absl::Time now);

  // --- Offsets. See GroupCoordinator; topics of `entries` exist.
  void CommitOffsets(const std::vector<OffsetEntry>& entries, bool allow_rewind,
                     log::DoneCallback done, absl::Time now);
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
  // False: Tick has nothing to do until another input comes.
  bool needs_tick() const { return !members_.empty() || commits_.pending(); }

  // --- To look at. Sums of lag and lag_time are left to the caller; `partitions` gets those of the
  // description, in its order.
  GroupDescription Describe(std::vector<log::PartitionPtr>& partitions) const;
  uint64_t LagOffsets() const;

  // To be done in order; newer ones after older ones, also across calls.
  std::vector<Effect> TakeEffects() { return std::exchange(effects_, {}); }

 private:
  // What is known of a partition while a member owns it.
  struct Ownership {
    MemberNumber member;
    bool revoked = false;
    absl::Time deadline;   // When revoked.
    Offset acked;          // Everything before it is done, or was before this owner came.
    Offset delivered_end;  // One past the last delivered event.
    Offset scanned_to;     // The filter has passed everything before it; >= delivered_end.
    InFlight in_flight;
    absl::Time passed_commit_time = absl::InfinitePast();
    bool drained() const { return acked >= delivered_end; }
    // What a commit may say now.
    Offset done_to() const { return drained() ? scanned_to : acked; }
  };
  struct PartitionState {
    log::TopicPtr topic;
    PartitionIndex index;
    log::PartitionPtr partition;
    std::optional<MemberNumber> target;
    std::unique_ptr<Ownership> owner;  // Null: free.
    MemberNumber last_owner;           // Before the present one; 0: nobody.
    Offset last_scanned_to;            // Its own.
  };

  PartitionState* Find(absl::string_view topic, PartitionIndex partition);
  // The state of a partition that `member` owns, else null.
  PartitionState* FindOwned(MemberNumber member, absl::string_view topic, PartitionIndex partition);
  Offset StartFor(const PartitionState& state) const;
  absl::Status TryCommitOffsets(const std::vector<OffsetEntry>& entries, bool allow_rewind);
  PartitionDescription DescribeOne(const PartitionState& state) const;
  EntryState StateOf(const OffsetEntry& entry, const PartitionState& state) const;
  std::optional<AckRejection> AckOne(MemberNumber member, const TopicPartitionOffset& ack,
                                     std::vector<PendingAck::Part>& accepted);
  // Commits what the owner finished, if that is news.
  void CommitDone(const PartitionState& state);
  void CommitPassed(absl::Time now);
  // Takes the partition from its owner.
  void Free(LogId log, PartitionState& state);
  void CloseMembers(const absl::Status& why);

  // Brings everything to rest after an input: Revoked, Taken and Assigned in this order, then
  // writes and answers.
  void Settle(absl::Time now);
  void Retarget();
  void RevokeMisplaced(absl::Time now);
  void FreeDrained();
  void AssignFree();
  void WriteAndAnswer();
  void Answer(OffsetCommits::Ready ready);

  storage::GroupRecord record_;
  const GroupTiming timing_;
  Life life_ = Life::kLive;
  bool delete_issued_ = false;
  bool offsets_loaded_ = false;
  bool retarget_ = false;   // Members or partitions changed.
  bool rearrange_ = false;  // Some partition may be misplaced, drained or free.
  bool passed_ = false;     // Some filter passed events that no commit says yet.
  absl::btree_map<MemberNumber, MemberInfo> members_;
  absl::btree_map<LogId, PartitionState> partitions_;
  absl::btree_map<std::string, log::TopicPtr> topics_;  // Loaded ones, by name.
  OffsetCommits commits_;
  absl::btree_map<MemberNumber, std::vector<LogId>> taken_;  // To be told by Settle.
  std::vector<Effect> effects_;
};

}  // namespace tidemark::groups
