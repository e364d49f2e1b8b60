#include "server/groups/live_work.h"

#include <algorithm>

#include "absl/synchronization/notification.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/seeded_fault.h"
#include "server/groups/dead_letters.h"
#include "spdlog/spdlog.h"

namespace tidemark::groups {
namespace {

constexpr absl::Duration kWriteAgainPause = absl::Milliseconds(100);

absl::Status BeingDeleted() {
  return MakeError(absl::StatusCode::kUnavailable,
                   "the group is being deleted. Repeat after a pause",
                   {.reason = "GROUP_DELETING", .retry_delay = absl::Milliseconds(100)});
}

}  // namespace

LiveWork::LiveWork(std::shared_ptr<const GroupContext> context, const storage::GroupRecord& record,
                   CommittedCallback committed)
    : context_(std::move(context)),
      group_(record.id),
      committed_(std::move(committed)),
      queue_({.group = record.id,
              .mode = record.mode,
              .retry = record.retry,
              .window_events_max = context_->options.window_events_max,
              .readahead_bytes_max = context_->options.readahead_bytes_max,
              .keep_copy =
                  [this](LogId log, Offset offset, std::string event, storage::DeadLetter& letter) {
                    const absl::Status kept =
                        KeepCopy(context_->log, log, offset, std::move(event), letter);
                    if (kept.ok()) return;
                    spdlog::error("a dead letter's event, offset {} of log {}, is not kept: {}",
                                  offset.value(), log.value(), kept.ToString());
                  },
              .budget = context_->work_budget.get()}),
      filter_(record.filter) {}

LiveWork::~LiveWork() {
  absl::MutexLock lock(&mu_);
  context_->work_budget->Change(-static_cast<int64_t>(charged_bytes_));
}

uint64_t LiveWork::NowUs() const {
  return static_cast<uint64_t>(std::max<int64_t>(1, absl::ToUnixMicros(context_->clock.Now())));
}

void LiveWork::SetClosed(bool closed) {
  absl::MutexLock lock(&mu_);
  closed_ = closed;
}

std::optional<LogId> LiveWork::FindLog(absl::string_view topic, PartitionIndex partition) const {
  absl::MutexLock lock(&mu_);
  const auto it = topics_.find(topic);
  if (it == topics_.end() || partition.value() >= it->second->partitions()) return std::nullopt;
  return it->second->log(partition);
}

// --- Members.

void LiveWork::Join(MemberNumber member, std::string client_name,
                    std::shared_ptr<MemberListener> listener) {
  {
    absl::MutexLock lock(&mu_);
    queue_.Join(member, std::move(client_name));
    // What is damaged is met again, unless it was repaired or passed; a store that failed is not.
    if (absl::IsDataLoss(failure_)) failure_ = absl::OkStatus();
    if (!failure_.ok()) {
      outbox_.push_back([listener, status = failure_] { listener->OnClosed(status); });
    }
    // It may have asked before.
    woken_ = true;
    outbox_.push_back([listener] { listener->OnWork(); });
    listeners_[member] = std::move(listener);
    behind_ = true;
    SettleLocked();
  }
  Drain();
}

void LiveWork::Leave(MemberNumber member, bool failed) {
  {
    absl::MutexLock lock(&mu_);
    if (listeners_.erase(member) == 0) return;
    queue_.Leave(member, failed, NowUs());
    unload_ = queue_.members() == 0;  // Nobody knows when somebody comes.
    SettleLocked();
  }
  Drain();
}

LiveWork::Taken LiveWork::Take(MemberNumber member, const WorkQueue::TakeLimits& limits) {
  Taken taken;
  {
    absl::MutexLock lock(&mu_);
    taken.delivery = queue_.Take(member, limits, NowUs());
    taken.from_tail = from_tail_;
    taken.at_end =
        !taken.delivery.has_value() && at_end_ && full_.empty() && queue_.nothing_ready();
    SettleLocked();
  }
  Drain();
  return taken;
}

void LiveWork::Ack(MemberNumber member, const std::vector<EventRef>& events, EventsCallback done) {
  {
    absl::MutexLock lock(&mu_);
    EventsResult result;
    const uint64_t now_us = NowUs();
    for (size_t i = 0; i < events.size(); ++i) {
      const auto rejection = queue_.Ack(member, events[i].log, events[i].offset, now_us);
      if (rejection.has_value()) result.rejected.emplace_back(i, *rejection);
    }
    result.done = events.size() - result.rejected.size();
    metrics::WorkMetrics& metrics = context_->metrics.work;
    metrics.fenced_total.Increment(static_cast<double>(result.rejected.size()));
    AnswerLocked({.answer = [&metrics, result = std::move(result),
                             done = std::move(done)](absl::Status status) mutable {
      if (!status.ok()) return std::move(done)(std::move(status));
      metrics.acks_total.Increment(static_cast<double>(result.done));
      std::move(done)(std::move(result));
    }});
    SettleLocked();
  }
  Drain();
}

void LiveWork::Nack(MemberNumber member, const std::vector<EventRef>& events,
                    WorkQueue::NackOptions options, EventsCallback done) {
  {
    absl::MutexLock lock(&mu_);
    EventsResult result;
    const uint64_t now_us = NowUs();
    options.ticket = ++tickets_;
    using Outcome = WorkQueue::NackOutcome;
    for (size_t i = 0; i < events.size(); ++i) {
      switch (queue_.Nack(member, events[i].log, events[i].offset, options, now_us)) {
        case Outcome::kRetried:
          ++result.done;
          break;
        case Outcome::kDying:
          ++result.dead_letters;
          break;
        case Outcome::kFenced:
          result.rejected.emplace_back(i, WorkRejection::kFenced);
          break;
        case Outcome::kNotInFlight:
          result.rejected.emplace_back(i, WorkRejection::kNotInFlight);
          break;
      }
    }
    metrics::WorkMetrics& metrics = context_->metrics.work;
    metrics.fenced_total.Increment(static_cast<double>(result.rejected.size()));
    metrics.nacks_total.Increment(static_cast<double>(events.size() - result.rejected.size()));
    const uint64_t deaths = result.dead_letters;
    AnswerLocked({.ticket = options.ticket,
                  .deaths = deaths,
                  .answer = [result = std::move(result),
                             done = std::move(done)](absl::Status status) mutable {
                    if (!status.ok()) return std::move(done)(std::move(status));
                    std::move(done)(std::move(result));
                  }});
    SettleLocked();
  }
  Drain();
}

void LiveWork::Extend(MemberNumber member, const std::vector<EventRef>& events,
                      absl::Duration lease, EventsCallback done) {
  {
    absl::MutexLock lock(&mu_);
    EventsResult result;
    const uint64_t now_us = NowUs();
    const auto lease_us = static_cast<uint64_t>(absl::ToInt64Microseconds(lease));
    for (size_t i = 0; i < events.size(); ++i) {
      const auto rejection =
          queue_.Extend(member, events[i].log, events[i].offset, lease_us, now_us);
      if (rejection.has_value()) result.rejected.emplace_back(i, *rejection);
    }
    result.done = events.size() - result.rejected.size();
    context_->metrics.work.fenced_total.Increment(static_cast<double>(result.rejected.size()));
    outbox_.push_back([result = std::move(result), done = std::move(done)]() mutable {
      std::move(done)(std::move(result));
    });
    SettleLocked();
  }
  Drain();
}

absl::Status LiveWork::Change(
    absl::AnyInvocable<void(WorkQueue& queue, uint64_t now_us) &&> change) {
  absl::Notification durable;
  absl::Status result;
  {
    absl::MutexLock lock(&mu_);
    std::move(change)(queue_, NowUs());
    wanted_write_ = next_write_;
    changes_.push_back({.write = next_write_, .done = [&](absl::Status status) {
                          result = std::move(status);
                          durable.Notify();
                        }});
    SettleLocked();
  }
  Drain();
  // Of a group without members nobody else tries a write again that found the queue full.
  while (!durable.WaitForNotificationWithTimeout(kWriteAgainPause)) Tick(context_->clock.Now());
  return result;
}

// --- Settling.

void LiveWork::AnswerLocked(Pending pending) {
  pending.write = next_write_;
  // One whose events are still to be read waits for a later write than the next.
  if (pending.deaths == 0) wanted_write_ = next_write_;
  pending_.push_back(std::move(pending));
}

void LiveWork::SettleLocked() {
  MaybeUnloadLocked();
  CollectBuriedLocked();
  MaybeWriteLocked();
  ReleaseAnswersLocked();
  WakeHungryLocked();
  MaybeReadLocked();
  MaybeRereadLocked();
  TellEndLocked();
  CountLocked();
  ChargeLocked();
}

void LiveWork::MaybeUnloadLocked() {
  if (!unload_ || queue_.members() > 0 || reading_ || rereading_) return;
  if (!queue_.Unload()) return;  // At the next tick.
  unload_ = false;
  full_.clear();
  for (const auto& [log, partition] : partitions_) {
    source_changes_.push_back({log, queue_.ReadFrom(log)});
  }
  woken_ = true;
}

void LiveWork::ChargeLocked() {
  const uint64_t bytes = queue_.memory_bytes();
  context_->work_budget->Change(static_cast<int64_t>(bytes) - static_cast<int64_t>(charged_bytes_));
  charged_bytes_ = bytes;
}

void LiveWork::CollectBuriedLocked() {
  for (const uint64_t ticket : queue_.TakeBuried()) {
    for (Pending& pending : pending_) {
      if (pending.ticket != ticket) continue;
      pending.write = next_write_;
      if (--pending.deaths == 0) wanted_write_ = next_write_;
    }
  }
}

void LiveWork::MaybeWriteLocked() {
  if (writing_ || closed_ || queue_was_full_ || !failure_.ok()) return;
  if (wanted_write_ < next_write_) return;
  const uint64_t number = next_write_++;
  if (!queue_.dirty()) {
    durable_write_ = number;
    return;
  }
  WorkWrite write = queue_.BeginWrite();
  writing_ = true;
  flush_due_ = context_->clock.Now() + FlushPause();
  outbox_.push_back([self = shared_from_this(), write = std::move(write)]() mutable {
    std::vector<log::OffsetWrite> offsets = write.offsets;
    self->context_->log.CommitGroupState(std::move(write.offsets), std::move(write.rows),
                                         [self, offsets = std::move(offsets)](absl::Status status) {
                                           self->WriteEnded(offsets, status);
                                         });
  });
}

void LiveWork::WriteEnded(const std::vector<log::OffsetWrite>& offsets,
                          const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    queue_.EndWrite(status.ok());
    if (status.ok()) {
      durable_write_ = next_write_ - 1;
      if (!offsets.empty()) {
        outbox_.push_back([this, offsets] { committed_(offsets); });
      }
    } else if (absl::IsResourceExhausted(status)) {
      // The same again, with what came since.
      queue_was_full_ = true;
      --next_write_;
      for (Pending& pending : pending_) pending.write = std::min(pending.write, next_write_);
      for (Changed& change : changes_) change.write = std::min(change.write, next_write_);
      wanted_write_ = next_write_;
    } else {
      FailLocked(status);
    }
    SettleLocked();
  }
  Drain();
}

void LiveWork::ReleaseAnswersLocked() {
  const absl::Status refused = closed_ ? BeingDeleted() : failure_;
  // Before the answers, which may wait for events that have to be read.
  while (!changes_.empty()) {
    Changed& front = changes_.front();
    const absl::Status status = front.write <= durable_write_ ? absl::OkStatus() : refused;
    if (front.write > durable_write_ && status.ok()) break;
    outbox_.push_back(
        [done = std::move(front.done), status]() mutable { std::move(done)(status); });
    changes_.pop_front();
  }
  while (!pending_.empty()) {
    Pending& front = pending_.front();
    const bool durable =
        (front.deaths == 0 && front.write <= durable_write_) || TM_SEEDED_FAULT("work_unsaved");
    const absl::Status status = durable ? absl::OkStatus() : refused;
    if (!durable && status.ok()) return;
    outbox_.push_back(
        [answer = std::move(front.answer), status]() mutable { std::move(answer)(status); });
    pending_.pop_front();
  }
}

void LiveWork::FailLocked(const absl::Status& status) {
  failure_ = status;
  for (auto& [member, listener] : listeners_) {
    outbox_.push_back([listener = listener, status] { listener->OnClosed(status); });
  }
}

void LiveWork::WakeHungryLocked() {
  const std::optional<MemberNumber> hungry = queue_.TakeHungry();
  if (!hungry.has_value()) return;
  const auto it = listeners_.find(*hungry);
  if (it == listeners_.end()) return;
  // One at a time: what it leaves wakes the next.
  outbox_.push_back([listener = it->second] { listener->OnWork(); });
}

void LiveWork::CountLocked() {
  const WorkQueue::Counts counts = queue_.TakeCounts();
  metrics::WorkMetrics& metrics = context_->metrics.work;
  if (counts.deliveries > 0) {
    metrics.deliveries_total.Increment(static_cast<double>(counts.deliveries));
  }
  if (counts.redeliveries > 0) {
    metrics.redeliveries_total.Increment(static_cast<double>(counts.redeliveries));
  }
  if (counts.leases_expired > 0) {
    metrics.leases_expired_total.Increment(static_cast<double>(counts.leases_expired));
  }
  if (counts.dead_letters > 0) {
    metrics.dead_letters_total.Increment(static_cast<double>(counts.dead_letters));
  }
}

void LiveWork::Drain() {
  const std::shared_ptr<LiveWork> self = shared_from_this();
  mu_.Lock();
  if (draining_) {
    mu_.Unlock();
    return;
  }
  draining_ = true;
  while (!outbox_.empty()) {
    absl::AnyInvocable<void()&&> effect = std::move(outbox_.front());
    outbox_.pop_front();
    mu_.Unlock();
    std::move(effect)();
    mu_.Lock();
  }
  draining_ = false;
  mu_.Unlock();
}

bool LiveWork::Tick(absl::Time now) {
  bool again = false;
  {
    absl::MutexLock lock(&mu_);
    queue_.Tick(static_cast<uint64_t>(std::max<int64_t>(1, absl::ToUnixMicros(now))));
    queue_was_full_ = false;
    // A clock that stepped back must not hold it up.
    const absl::Duration pause = FlushPause();
    if (now >= age_due_ || age_due_ > now + pause) {
      queue_.AgeDeliveries();
      age_due_ = now + pause;
    }
    const bool flush = now >= flush_due_ || flush_due_ > now + pause;
    if (flush && !writing_ && queue_.dirty()) wanted_write_ = next_write_;
    SettleLocked();
    again = queue_.members() > 0 || unload_ || writing_ || !pending_.empty() || !changes_.empty() ||
            queue_.dirty();
  }
  Drain();
  return again;
}

// --- To look at.

void LiveWork::Describe(GroupDescription& group, const std::vector<log::PartitionPtr>& partitions,
                        const std::vector<MemberNumber>& members) const {
  absl::MutexLock lock(&mu_);
  TM_CHECK_EQ(partitions.size(), group.partitions.size());
  TM_CHECK_EQ(members.size(), group.members.size());
  for (size_t i = 0; i < partitions.size(); ++i) {
    group.partitions[i].work = queue_.Figures(partitions[i]->log());
    group.partitions[i].in_flight_events = group.partitions[i].work->in_flight_events;
  }
  for (size_t i = 0; i < members.size(); ++i) {
    group.members[i].in_flight_events = queue_.InFlight(members[i]);
  }
  group.work = queue_.Figures();
}

WorkFigures LiveWork::Figures() const {
  absl::MutexLock lock(&mu_);
  return queue_.Figures();
}

}  // namespace tidemark::groups
