// WorkQueue: what is decided about one group whose members ack event by event (KEY_ORDERED,
// UNORDERED); no thread, no lock, no clock and no I/O of its own.
//
// Terms.     See work_types.h and work_partition.h. Holder: the member that has events of a lane in
//            its hands. Hungry: a member that asked and got nothing.
// Order.     Events of a lane are delivered in offset order. While a member holds a lane, later
//            events of it may go to the same member before the first is acked. When one fails,
//            those after it are taken back: they come again after it, and the deliveries that were
//            taken back do not count as attempts. Acks of what was taken back are fenced.
// Failure.   An event fails when its member says so, when its lease ends, or when the member's
//            stream breaks. It comes again after a pause that grows with the attempts (at once
//            after a broken stream), or becomes a dead letter.
// Invariant. A lane has one holder. An event is done only by the ack of the member that holds it,
// by
//            becoming a dead letter, or because retention passed it. Leased events of a lane come
//            first in it.
// Bytes.     Kept from reading to delivery, within readahead_bytes_max; read again for a later
//            attempt, and before an event becomes a dead letter, to know its type and key.
// Cost.      O(1) an event, but for timers; O(log n) for each batch.
// Threads.   One at a time (LiveWork's mutex).
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "server/groups/work_entries.h"
#include "server/groups/work_partition.h"

namespace tidemark::groups {

class WorkQueue {
 public:
  explicit WorkQueue(WorkOptions options) : options_(std::move(options)) {}

  const WorkOptions& options() const { return options_; }
  // For what is decided from now on.
  void SetRetry(const storage::RetryPolicy& retry) { options_.retry = retry; }

  // --- Partitions.
  void AddPartition(const log::TopicPtr& topic, PartitionIndex index,
                    std::optional<Offset> committed, RestoredWork restored);
  // A dead letter of the store: it counts, may block its key, and is delivered if it is redriven.
  void AddDeadLetter(LogId log, Offset offset, const storage::DeadLetter& letter, uint64_t now_us);
  bool HasPartition(LogId log) const { return slots_.contains(log); }
  // With its rows, unless they are to be kept; what they are still to say is in the next write.
  void RemovePartition(LogId log, bool keep_rows = false);
  // Remembers which dead letters come and go from now on, for the Rewind that follows.
  void PrepareRewind(LogId log);
  // Begins again at `offset`; what is in flight is fenced. Dead letters stay, and their events,
  // which are done, do not come again; `letters`: those in the store since PrepareRewind, in any
  // order.
  void Rewind(LogId log, Offset offset, const std::vector<Offset>& letters);

  // --- Reading.
  // What it occupies, as an estimate.
  uint64_t memory_bytes() const { return entries_.memory_bytes(); }
  // Events that failed for the last time wait for their bytes.
  bool has_dying() const { return !deaths_.empty(); }
  // True: whoever reads should go on.
  bool wants_events() const;
  // Reading of this partition should stop, or may go on.
  bool IsFull(LogId log) const;
  bool HasRoom(LogId log) const;
  Offset ReadFrom(LogId log) const;
  // Events that the group wants, with everything before `read_to` looked at.
  void AddEvents(LogId log, const WorkChunk& chunk, Offset read_to, uint64_t now_us);
  // Everything before `read_to` is looked at, or can no longer be read from `gap_from` on.
  void ReadTo(LogId log, Offset read_to, std::optional<Offset> gap_from = std::nullopt,
              log::GapReason reason = log::GapReason::kRetention);

  // WorkEntries whose bytes have to be read again, at most `count`; each is answered once by Reread
  // or RereadGone.
  struct Wanted {
    LogId log;
    Offset offset;
    bool redriven = false;  // Its dead letter may hold the bytes.
  };
  std::vector<Wanted> TakeWanted(size_t count);
  bool has_wanted() const { return unread_.size > 0; }
  void Reread(LogId log, const WorkChunk& chunk, const WorkEvent& event, uint64_t now_us);
  // It can no longer be read.
  void RereadGone(LogId log, Offset offset, log::GapReason reason, uint64_t now_us);
  // Forgets what it can read again, all but redriven dead letters, and begins to read at the
  // low-water marks. Requires that there are no members. False: something is not over yet.
  bool Unload();
  // What is in memory of the log's events that nobody has yet is to be read again.
  void ForgetBytes(LogId log, uint64_t now_us);
  // Nobody could read it now; it is wanted again.
  void RereadLater(LogId log, Offset offset);

  // --- Members. Unknown ones get nothing and are fenced.
  void Join(MemberNumber member, std::string client_name);
  // Failed: what it holds counts as tried. Else it gave everything back in order.
  void Leave(MemberNumber member, bool failed, uint64_t now_us);
  size_t members() const { return slot_of_member_.size(); }
  struct TakeLimits {
    uint64_t events_max = 0;  // At least 1.
    uint64_t bytes_max = 0;   // But at least one event.
  };
  // Empty: nothing is ready, and the member is hungry.
  std::optional<WorkDelivery> Take(MemberNumber member, const TakeLimits& limits, uint64_t now_us);
  // A hungry member, while something is ready; it is no longer hungry.
  std::optional<MemberNumber> TakeHungry();
  bool nothing_ready() const { return ready_events_ == 0; }

  std::optional<WorkRejection> Ack(MemberNumber member, LogId log, Offset offset, uint64_t now_us);
  struct NackOptions {
    std::optional<uint64_t> delay_us;
    bool dead_letter = false;
    std::string reason;
    uint64_t ticket = 0;  // See TakeBuried.
  };
  enum class NackOutcome { kRetried, kDying, kFenced, kNotInFlight };
  NackOutcome Nack(MemberNumber member, LogId log, Offset offset, const NackOptions& options,
                   uint64_t now_us);
  std::optional<WorkRejection> Extend(MemberNumber member, LogId log, Offset offset,
                                      uint64_t lease_us, uint64_t now_us);
  // Tickets of nacks, once for each event that became a dead letter since.
  std::vector<uint64_t> TakeBuried() { return std::exchange(buried_, {}); }

  // Ends leases and pauses that are due.
  void Tick(uint64_t now_us);

  // --- Dead letters.
  // Delivers it again, not before `due_us`. False: there is no room (redrives_max).
  bool Redrive(LogId log, Offset offset, storage::DeadLetter letter, uint64_t due_us,
               uint64_t now_us);
  bool IsRedriven(LogId log, Offset offset) const;
  // It failed for the last time; its dead letter is made once its bytes are read.
  bool IsDying(LogId log, Offset offset) const;
  // Some event of the log before `until` is.
  bool HasDying(LogId log, Offset until) const;
  // Requires a dead letter that is not redriven.
  void Discard(LogId log, Offset offset, const storage::DeadLetter& letter, uint64_t now_us);
  // A copy of the event, for a dead letter.
  void ChangeLetter(LogId log, Offset offset, const storage::DeadLetter& letter);
  // Its event was erased. Also of one that is redriven, whoever has it.
  void EraseLetter(LogId log, Offset offset, const storage::DeadLetter& letter, uint64_t now_us);
  // Events of the log before `start` are about to go: what becomes a dead letter from now on keeps
  // a copy of its event. True: dead letters of the log may be on their way to the disk.
  bool ExpectTrim(LogId log, Offset start);

  // --- Writing. One write at a time.
  bool dirty() const;
  // Rows of dead letters or of removed partitions are not known to be written.
  bool has_leftovers() const {
    return !rows_.empty() || !offsets_.empty() || !writing_rows_.empty() ||
           !writing_offsets_.empty();
  }
  WorkWrite BeginWrite();
  // First deliveries are written once they are as old as the time between two of these calls, at
  // the latest with the second one.
  void AgeDeliveries();
  // Not OK: the same has to be written again.
  void EndWrite(bool ok);

  // --- To look at.
  WorkFigures Figures(LogId log) const;
  WorkFigures Figures() const;
  uint64_t InFlight(MemberNumber member) const;
  uint64_t InFlight(LogId log) const;
  std::optional<Offset> Durable(LogId log) const;
  struct Counts {  // Since the last call.
    uint64_t deliveries = 0;
    uint64_t redeliveries = 0;
    uint64_t leases_expired = 0;
    uint64_t dead_letters = 0;
  };
  Counts TakeCounts() { return std::exchange(counts_, {}); }
  // For tests: dies if an invariant does not hold.
  void CheckInvariants() const;

 private:
  struct Lane {
    uint32_t partition = 0;
    uint64_t key_hash = 0;
    EntryIndex front = kNoEntry;
    EntryIndex back = kNoEntry;
    EntryIndex next = kNoEntry;  // The first that is not leased.
    uint32_t leased = 0;
    uint32_t apart = 0;           // WorkEntries that join it later.
    uint32_t blockers = 0;        // Dead letters that block it.
    MemberSlot holder = kNobody;  // With leased > 0.
  };
  struct Redriven {
    EntryIndex entry = kNoEntry;
    storage::DeadLetter letter;
  };
  struct Slot {
    Slot(log::TopicPtr topic, PartitionIndex index, WorkPartition partition)
        : topic(std::move(topic)), index(index), partition(std::move(partition)) {}
    log::TopicPtr topic;
    PartitionIndex index;
    WorkPartition partition;
    absl::flat_hash_map<uint64_t, uint32_t> lanes;  // By hash of the key.
    absl::btree_map<Offset, Redriven> redriven;
    bool has_letters = false;
    // Between PrepareRewind and Rewind: dead letters that came (true) or went meanwhile.
    std::optional<absl::btree_map<Offset, bool>> noted;
    Offset trim_to;  // Dead letters of events before it have copies.
    uint64_t dead_letters = 0;
    uint64_t in_flight = 0;
    uint64_t waiting = 0;
    uint64_t ready = 0;
    uint64_t redeliveries = 0;
    uint64_t blocked_keys = 0;
  };
  // What is ready of the lanes that it holds is ready for it alone.
  struct Member {
    MemberNumber number;
    std::string client_name;
    EntryList leased;  // By lease, but for extended ones.
    uint64_t leases = 0;
    bool hungry = false;
  };
  struct Death {
    std::string reason;
    std::string client;
    uint64_t ticket = 0;
  };

  void CheckLane(uint32_t at) const;
  void CheckEntry(EntryIndex i) const;
  Slot* FindSlot(LogId log);
  const Slot* FindSlot(LogId log) const;
  // kNobody: no such member.
  MemberSlot FindMember(MemberNumber number) const;
  EntryIndex FindEntry(const Slot& slot, Offset offset) const;
  void SetState(EntryIndex i, WorkEntryState state);

  // --- Lanes.
  uint32_t LaneOf(uint32_t slot, absl::string_view key);
  void DropLaneIfUnused(uint32_t lane);
  void AppendToLane(EntryIndex i);
  // Among those that are not leased: what is redriven first, then by offset.
  void InsertIntoLane(EntryIndex i, uint64_t now_us);
  void RemoveFromLane(EntryIndex i, uint64_t now_us);
  void TakeBackAfter(EntryIndex i);
  void ReleaseLane(uint32_t lane, uint64_t now_us);
  void SetBlockers(uint32_t lane, uint32_t blockers, uint64_t now_us);

  // Puts an entry that is neither leased nor behind another where it belongs now.
  void Place(EntryIndex i, uint64_t now_us);
  // Takes it out of lists and timers.
  void Unplace(EntryIndex i);
  void SetTimer(EntryIndex i, uint64_t due_us);
  void DropTimer(EntryIndex i);

  EntryIndex MakeEntry(uint32_t slot, Offset offset);
  // The oldest batch with something for the member; kNoEntry: there is none.
  uint32_t OldestReady(MemberSlot member);
  // The first of it for the member; kNoEntry: there is none.
  EntryIndex FirstReady(MemberSlot member, uint32_t chunk) const;
  void Lease(EntryIndex i, MemberSlot member, uint64_t now_us);
  WorkDelivery MakeDelivery(std::vector<EntryIndex>& taken);
  // The entry, if the member holds the event; else `rejection` tells why not.
  EntryIndex FindLeased(MemberNumber member, LogId log, Offset offset,
                        WorkRejection& rejection) const;
  // Of a leased entry.
  void EndLease(EntryIndex i);
  void Fail(EntryIndex i, const NackOptions& options, uint64_t now_us);
  void Done(EntryIndex i, uint64_t now_us);
  void Kill(EntryIndex i, Death death, uint64_t now_us);
  // Its bytes are there, or are never going to be.
  void Bury(EntryIndex i, uint64_t now_us);
  void Remove(EntryIndex i, uint64_t now_us);
  uint64_t BackoffUs(uint32_t attempts) const;
  void LetBytesGo();
  // Null: there is none any more.
  // The budget of all queues is used up, and the partition has events.
  bool MustWait(const Slot& slot) const;
  void DeleteRows(LogId log);
  void RemoveUndone(Slot& slot);
  void PutLetter(Slot& slot, Offset offset, const storage::DeadLetter* letter);
  void StartRedriven(uint32_t place, Offset offset, storage::DeadLetter letter, uint64_t now_us);
  EntryIndex FindWanted(LogId log, Offset offset) const;

  WorkOptions options_;
  std::vector<std::unique_ptr<Slot>> slot_of_;  // Null: removed.
  absl::flat_hash_map<LogId, uint32_t> slots_;
  WorkEntries entries_;
  std::vector<Lane> lanes_;
  std::vector<uint32_t> free_lanes_;
  std::vector<std::unique_ptr<Member>> members_;  // By slot; null: free. That of kAnybody is.
  absl::flat_hash_map<MemberNumber, MemberSlot> slot_of_member_;
  std::deque<MemberSlot> hungry_;
  EntryList unread_;           // To be read again.
  uint64_t ready_events_ = 0;  // kReady, kUnread or kReading.
  absl::btree_set<std::pair<uint64_t, EntryIndex>> timers_;
  absl::flat_hash_map<EntryIndex, Death> deaths_;
  std::deque<std::pair<uint32_t, WorkDelivery::Gap>> gaps_;
  std::vector<uint64_t> buried_;
  size_t redrives_ = 0;
  Counts counts_;
  // Rows of dead letters and of removed partitions: to be written, and of the write under way.
  absl::btree_map<std::string, log::GroupRowChange> rows_;
  absl::btree_map<LogId, log::OffsetWrite> offsets_;  // The same, of removed partitions.
  absl::btree_map<LogId, log::OffsetWrite> writing_offsets_;
  absl::btree_map<std::string, log::GroupRowChange> writing_rows_;
  bool writing_ = false;
};

}  // namespace tidemark::groups
