// LiveWork: a work queue at work: under a mutex, with what it reads, writes and answers.
//
// Order.     Answers are given in the order of the requests, each once what it promises is durable.
//            One write of a group is under way at a time; what comes meanwhile goes into the next.
// Writing.   Acks, nacks and dead letters are written at once. Deliveries are not waited for: the
//            attempts of those that are not done meanwhile are written at the latest after
//            flush_interval. So a crash may forget the attempts of the last flush_interval, and
//            nothing else.
// Reading.   While there are members; when the last one leaves, what can be read again is
// forgotten.
//            In memory by `live`, from the disk by `disk`.
// Failure.   A full commit queue is waited out. After any other failed write, or a damaged batch,
//            every member is closed with the error.
// Threads.   Safe from any thread. Load waits for the disk; nothing else does. Answers and
// listeners
//            are called without locks held.
// Lifetime.  Shared by its LiveGroup, its members' handles, and tasks and commits under way. What
//            GroupContext refers to outlives it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "server/groups/group.h"
#include "server/groups/group_context.h"
#include "server/groups/member.h"
#include "server/groups/work_queue.h"
#include "server/groups/work_source.h"

namespace tidemark::groups {

// Events of one partition that somebody speaks about.
struct EventRef {
  LogId log;
  Offset offset;
};

struct EventsResult {
  uint64_t done = 0;                                       // Acked, retried, or extended.
  uint64_t dead_letters = 0;                               // Of a nack.
  std::vector<std::pair<size_t, WorkRejection>> rejected;  // By place in the request.
};
using EventsCallback = absl::AnyInvocable<void(absl::StatusOr<EventsResult>) &&>;

// Whether the event of a dead letter was erased; its row has type and key.
using ErasedLetters = absl::FunctionRef<bool(Offset offset, const storage::DeadLetter& letter)>;

class LiveWork : public std::enable_shared_from_this<LiveWork> {
 public:
  // Told, without locks held, which offsets became durable.
  using CommittedCallback = absl::AnyInvocable<void(const std::vector<log::OffsetWrite>&)>;
  LiveWork(std::shared_ptr<const GroupContext> context, const storage::GroupRecord& record,
           CommittedCallback committed);
  ~LiveWork();

  // --- Partitions, told by the group. AddTopic reads rows: it waits for the disk.
  // Removes what is stored of partitions that do not exist any more. Waits for the disk.
  absl::Status RemoveStrayRows() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status AddTopic(const LoadedTopic& topic,
                        const std::vector<std::pair<LogId, Offset>>& committed)
      ABSL_LOCKS_EXCLUDED(mu_);
  bool HasTopic(const log::Topic& topic) const ABSL_LOCKS_EXCLUDED(mu_);
  void RemoveTopic(const log::Topic& topic) ABSL_LOCKS_EXCLUDED(mu_);
  // Begins again at these offsets, soon; `done` once that is durable. See WorkQueue::Rewind.
  void Rewind(std::vector<std::pair<LogId, Offset>> offsets, log::DoneCallback done)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The group has these settings, and reads these topics, from now on. What was read under another
  // filter is still delivered; of topics that it does not read any more the rows stay.
  void Update(const storage::GroupRecord& record) ABSL_LOCKS_EXCLUDED(mu_);
  // While the group is being deleted: no write begins any more.
  void SetClosed(bool closed) ABSL_LOCKS_EXCLUDED(mu_);

  // --- Members.
  void Join(MemberNumber member, std::string client_name, std::shared_ptr<MemberListener> listener)
      ABSL_LOCKS_EXCLUDED(mu_);
  // See WorkQueue::Leave. Without effect if it left before.
  void Leave(MemberNumber member, bool failed) ABSL_LOCKS_EXCLUDED(mu_);
  struct Taken {
    std::optional<WorkDelivery> delivery;
    bool at_end = false;     // Without delivery: everything stored was delivered.
    bool from_tail = false;  // Reading has caught up.
  };
  // Without delivery OnWork follows when there may be one.
  Taken Take(MemberNumber member, const WorkQueue::TakeLimits& limits) ABSL_LOCKS_EXCLUDED(mu_);
  void Ack(MemberNumber member, const std::vector<EventRef>& events, EventsCallback done)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Nack(MemberNumber member, const std::vector<EventRef>& events,
            WorkQueue::NackOptions options, EventsCallback done) ABSL_LOCKS_EXCLUDED(mu_);
  void Extend(MemberNumber member, const std::vector<EventRef>& events, absl::Duration lease,
              EventsCallback done) ABSL_LOCKS_EXCLUDED(mu_);
  // The log of a partition, if the group reads it.
  std::optional<LogId> FindLog(absl::string_view topic, PartitionIndex partition) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // --- Dead letters. `change` decides, with the queue as it is; durable when it returns. Waits for
  // a commit, and for nothing that needs a thread of ours: on those it may be called, too.
  absl::Status Change(absl::AnyInvocable<void(WorkQueue& queue, uint64_t now_us) &&> change)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Events of `log` below `start` are about to go: what becomes a dead letter from now on keeps a
  // copy of its event. When it returns, those made before are in the store. Waits for the disk and
  // a commit.
  absl::Status ExpectTrim(LogId log, Offset start) ABSL_LOCKS_EXCLUDED(mu_);
  // Keeps copies of events below `start` that are dead letters in the store; durable when it
  // returns. Waits for the disk and a commit.
  absl::Status CopyLetters(const log::Partition& partition, Offset start)
      ABSL_LOCKS_EXCLUDED(letters_mu_, mu_);
  // Events of `log` were erased: what of it is in memory is read again, or found to be gone, before
  // it is delivered. Waits for a commit.
  absl::Status ForgetBytes(LogId log) ABSL_LOCKS_EXCLUDED(mu_);
  // Removes the dead letters of the log that `erased` chooses, copies and those being redriven
  // included; durable when it returns. Waits for the disk and a commit.
  absl::Status EraseLetters(LogId log, ErasedLetters erased) ABSL_LOCKS_EXCLUDED(letters_mu_, mu_);
  // Held by who reads dead letters and then changes them; before any other lock.
  absl::Mutex& letters_mutex() { return letters_mu_; }

  // True: call again at the next tick, which has to come well within flush_interval.
  bool Tick(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // Fills in what only the queue knows.
  void Describe(GroupDescription& group, const std::vector<log::PartitionPtr>& partitions,
                const std::vector<MemberNumber>& members) const ABSL_LOCKS_EXCLUDED(mu_);
  WorkFigures Figures() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Letters = std::vector<std::pair<Offset, storage::DeadLetter>>;
  // Readable dead letters before `until` without a copy, with their events.
  absl::StatusOr<Letters> FindUncopied(const log::Partition& partition, Offset until) const;
  absl::Status DeleteLetters(LogId log, const Letters& letters) const;
  absl::Status WriteCopies(LogId log, const Letters& letters) const;
  // A request that waits for its answer.
  struct Pending {
    uint64_t write = 0;   // Durable once this write is.
    uint64_t ticket = 0;  // Of a nack.
    uint64_t deaths = 0;  // Of its events that are not dead letters yet.
    absl::AnyInvocable<void(absl::Status) &&> answer;
  };
  // A Change that waits for its write.
  struct Changed {
    uint64_t write = 0;
    log::DoneCallback done;
  };
  struct Partition {
    log::TopicPtr topic;
    PartitionIndex index;
    log::PartitionPtr partition;
  };
  struct SourceChange {
    LogId log;
    std::optional<Offset> add_from;  // Unset: remove.
  };

  uint64_t NowUs() const;
  bool HasLeftovers() const ABSL_LOCKS_EXCLUDED(mu_);
  bool HasPartition(LogId log) const ABSL_LOCKS_EXCLUDED(mu_);
  // A delivery is old after two of these at the latest, and then written within a third.
  absl::Duration FlushPause() const { return context_->options.flush_interval / 3; }
  void AnswerLocked(Pending pending) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetTopicLocked(const log::Topic& topic, bool keep_rows)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Brings everything to rest after an input.
  void SettleLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CollectBuriedLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MaybeWriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReleaseAnswersLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WakeHungryLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MaybeReadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MaybeRereadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ChargeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MaybeUnloadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FailLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);

  void WriteEnded(const std::vector<log::OffsetWrite>& offsets, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);

  void RewindOnDisk(const std::vector<std::pair<LogId, Offset>>& offsets, log::DoneCallback done)
      ABSL_LOCKS_EXCLUDED(letters_mu_, mu_);

  // --- Reading; one task at a time.
  void ScheduleReadLocked(log::MayWait may_wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Read(log::MayWait may_wait) ABSL_LOCKS_EXCLUDED(mu_);
  // False: enough for now.
  bool PrepareRead() ABSL_LOCKS_EXCLUDED(mu_);
  // False: nothing now.
  bool TakeItem(WorkSource::Item item) ABSL_LOCKS_EXCLUDED(mu_);
  void Reread() ABSL_LOCKS_EXCLUDED(mu_);
  void RereadSome() ABSL_LOCKS_EXCLUDED(mu_);
  // Has the dead letters made of events before `until` that failed for the last time.
  void RereadDying(LogId log, Offset until) ABSL_LOCKS_EXCLUDED(mu_);
  // Empty: it can no longer be read.
  absl::StatusOr<std::optional<WorkChunk>> ReadAgain(const WorkQueue::Wanted& wanted,
                                                     const log::Partition& partition,
                                                     storage::BatchPtr& batch,
                                                     log::GapReason& gone);
  void TellEndLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The batch that was read last, as it was after so many erasures of its partition.
  struct LastRead {
    log::PartitionPtr partition;
    uint64_t erasures = 0;
    storage::BatchPtr batch;
  };
  void RereadOne(const WorkQueue::Wanted& wanted, LastRead& last) ABSL_LOCKS_EXCLUDED(mu_);
  void OnWake() ABSL_LOCKS_EXCLUDED(mu_);

  const std::shared_ptr<const GroupContext> context_;
  const storage::GroupId group_;
  CommittedCallback committed_;         // Called by one Drain at a time.
  std::unique_ptr<WorkSource> source_;  // Of the reading task; made by the first.

  absl::Mutex letters_mu_;  // Then mu_. Also held while waiting for the disk.
  mutable absl::Mutex mu_;  // Then: a partition's.
  WorkQueue queue_ ABSL_GUARDED_BY(mu_);
  storage::FilterSpec filter_ ABSL_GUARDED_BY(mu_);
  bool new_filter_ ABSL_GUARDED_BY(mu_) = false;  // The source has another one.
  absl::flat_hash_map<LogId, Partition> partitions_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, log::TopicPtr> topics_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<MemberNumber, std::shared_ptr<MemberListener>> listeners_
      ABSL_GUARDED_BY(mu_);
  std::deque<Pending> pending_ ABSL_GUARDED_BY(mu_);
  std::deque<Changed> changes_ ABSL_GUARDED_BY(mu_);
  uint64_t charged_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // To the budget of all groups.
  uint64_t tickets_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t next_write_ ABSL_GUARDED_BY(mu_) = 1;
  uint64_t durable_write_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t wanted_write_ ABSL_GUARDED_BY(mu_) = 0;  // Somebody waits for it.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool queue_was_full_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time flush_due_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time age_due_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();  // Of WorkQueue::AgeDeliveries.
  std::vector<SourceChange> source_changes_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<LogId> full_ ABSL_GUARDED_BY(mu_);  // Not read now.
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool woken_ ABSL_GUARDED_BY(mu_) = true;  // The source may have something.
  bool at_end_ ABSL_GUARDED_BY(mu_) = false;
  bool from_tail_ ABSL_GUARDED_BY(mu_) = false;
  bool behind_ ABSL_GUARDED_BY(mu_) = true;  // Somebody was not told of the end.
  bool rereading_ ABSL_GUARDED_BY(mu_) = false;
  bool unload_ ABSL_GUARDED_BY(mu_) = false;  // The last member left.
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  std::deque<absl::AnyInvocable<void() &&>> outbox_ ABSL_GUARDED_BY(mu_);
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
};

// One member's side of it.
class WorkMember {
 public:
  WorkMember(std::shared_ptr<LiveWork> work, MemberNumber number)
      : work_(std::move(work)), number_(number) {}
  LiveWork& work() { return *work_; }
  LiveWork::Taken Take(const WorkQueue::TakeLimits& limits) { return work_->Take(number_, limits); }
  void Ack(const std::vector<EventRef>& events, EventsCallback done) {
    work_->Ack(number_, events, std::move(done));
  }
  void Nack(const std::vector<EventRef>& events, WorkQueue::NackOptions options,
            EventsCallback done) {
    work_->Nack(number_, events, std::move(options), std::move(done));
  }
  void Extend(const std::vector<EventRef>& events, absl::Duration lease, EventsCallback done) {
    work_->Extend(number_, events, lease, std::move(done));
  }
  // What it holds goes to others without counting as tried; before Member::Leave.
  void GiveBack() { work_->Leave(number_, /*failed=*/false); }

 private:
  const std::shared_ptr<LiveWork> work_;
  const MemberNumber number_;
};

}  // namespace tidemark::groups
