// How a work queue's events come in: from the source, and single ones again from the log.
#include <algorithm>

#include "server/groups/dead_letters.h"
#include "server/groups/live_work.h"
#include "server/groups/work_chunk.h"
#include "server/log/filter.h"
#include "server/storage/key_schema.h"

namespace tidemark::groups {
namespace {

// Items that one task reads before others have the thread.
constexpr int kItemsPerTask = 16;
// So many events that are done are not read, but jumped over.
constexpr uint64_t kSkippedEventsMin = 10'000;
// Events that are asked for again at once.
constexpr size_t kRereadsMax = 64;

}  // namespace

void LiveWork::ScheduleReadLocked(log::MayWait may_wait) {
  base::Executor* live = context_->options.live;
  base::Executor& executor =
      may_wait == log::MayWait::kNo && live != nullptr ? *live : context_->disk;
  executor.Schedule([self = shared_from_this(), may_wait] { self->Read(may_wait); });
}

void LiveWork::MaybeReadLocked() {
  if (reading_ || closed_ || !failure_.ok() || queue_.members() == 0) return;
  for (const LogId log : full_) {
    if (queue_.HasRoom(log)) woken_ = true;
  }
  if (source_changes_.empty() && (!woken_ || !queue_.wants_events())) return;
  reading_ = true;
  at_end_ = false;
  ScheduleReadLocked(log::MayWait::kNo);
}

void LiveWork::OnWake() {
  {
    absl::MutexLock lock(&mu_);
    woken_ = true;
    MaybeReadLocked();
  }
  Drain();
}

bool LiveWork::PrepareRead() {
  std::vector<SourceChange> changes;
  std::vector<Partition> partitions;
  storage::FilterSpec filter;
  bool make_source = source_ == nullptr;
  {
    absl::MutexLock lock(&mu_);
    for (auto it = full_.begin(); it != full_.end();) {
      const auto here = it++;
      if (!queue_.HasRoom(*here)) continue;
      source_changes_.push_back({*here, queue_.ReadFrom(*here)});
      full_.erase(here);
    }
    make_source = std::exchange(new_filter_, false) || make_source;
    filter = filter_;
    changes = std::exchange(source_changes_, {});
    for (const SourceChange& change : changes) {
      const auto it = partitions_.find(change.log);
      partitions.push_back(it == partitions_.end() ? Partition() : it->second);
    }
  }
  if (make_source) {
    source_ = context_->options.work_source(filter, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->OnWake();
    });
  }
  for (size_t i = 0; i < changes.size(); ++i) {
    source_->Remove(changes[i].log);
    if (!changes[i].add_from.has_value() || partitions[i].partition == nullptr) continue;
    source_->Add(partitions[i].topic, partitions[i].index, partitions[i].partition,
                 *changes[i].add_from);
  }
  absl::ReleasableMutexLock lock(&mu_);
  if (!source_changes_.empty()) {
    lock.Release();
    return PrepareRead();
  }
  if (queue_.members() > 0 && queue_.wants_events() && failure_.ok() && !closed_) return true;
  reading_ = false;
  return false;
}

void LiveWork::Read(log::MayWait may_wait) {
  for (int i = 0; i < kItemsPerTask; ++i) {
    if (!PrepareRead()) return;
    {
      absl::MutexLock lock(&mu_);
      woken_ = false;
    }
    absl::StatusOr<WorkSource::Item> item = source_->Next(may_wait);
    if (item.ok() && item->kind == WorkSource::Item::Kind::kNeedsStore) {
      absl::MutexLock lock(&mu_);
      woken_ = true;
      return ScheduleReadLocked(log::MayWait::kYes);
    }
    bool more = false;
    if (!item.ok()) {
      absl::MutexLock lock(&mu_);
      reading_ = false;
      FailLocked(item.status());
      SettleLocked();
    } else {
      more = TakeItem(*std::move(item));
    }
    Drain();
    if (!more) return;
  }
  absl::MutexLock lock(&mu_);
  ScheduleReadLocked(log::MayWait::kNo);
}

bool LiveWork::TakeItem(WorkSource::Item item) {
  using Kind = WorkSource::Item::Kind;
  if (item.kind == Kind::kIdle) {
    const std::vector<std::pair<LogId, Offset>> positions = source_->Positions();
    absl::MutexLock lock(&mu_);
    for (const auto& [log, read_to] : positions) {
      // A change of the source that is under way knows better.
      if (source_changes_.empty()) queue_.ReadTo(log, read_to);
    }
    if (woken_ || !source_changes_.empty()) return true;
    at_end_ = true;
    from_tail_ = true;
    reading_ = false;
    SettleLocked();
    return false;
  }
  absl::MutexLock lock(&mu_);
  woken_ = true;  // There may be more.
  from_tail_ = item.from_tail;
  behind_ = behind_ || !item.from_tail;
  const bool outdated =
      std::any_of(source_changes_.begin(), source_changes_.end(),
                  [&](const SourceChange& change) { return change.log == item.log; });
  if (outdated) return true;
  const auto it = partitions_.find(item.log);
  if (item.kind == Kind::kEvents && it != partitions_.end() &&
      it->second.partition->erasures() != item.erasures) {
    // Perhaps of these; and ForgetBytes may have come before them.
    source_changes_.push_back({item.log, queue_.ReadFrom(item.log)});
  } else if (item.kind == Kind::kEvents) {
    queue_.AddEvents(item.log, item.chunk, item.read_to, NowUs());
    if (queue_.IsFull(item.log) && full_.insert(item.log).second) {
      source_changes_.push_back({item.log, std::nullopt});
    } else if (queue_.ReadFrom(item.log) > item.read_to + kSkippedEventsMin) {
      source_changes_.push_back({item.log, queue_.ReadFrom(item.log)});
    }
  } else if (item.kind == Kind::kGap) {
    queue_.ReadTo(item.log, item.read_to, item.gap_from, item.gap_reason);
  } else if (item.kind == Kind::kPassed) {
    queue_.ReadTo(item.log, item.read_to);
  } else {
    source_changes_.push_back({item.log, std::nullopt});
  }
  SettleLocked();
  return true;
}

// Those who wait are told that there is nothing left, once.
void LiveWork::TellEndLocked() {
  if (!at_end_ || !behind_ || !full_.empty() || !queue_.nothing_ready()) return;
  behind_ = false;
  for (const auto& [member, listener] : listeners_) {
    outbox_.push_back([listener = listener] { listener->OnWork(); });
  }
}

// --- Again.

void LiveWork::MaybeRereadLocked() {
  if (rereading_ || closed_ || !failure_.ok() || !queue_.has_wanted()) return;
  if (queue_.members() == 0 && !queue_.has_dying()) return;
  rereading_ = true;
  context_->disk.Schedule([self = shared_from_this()] { self->Reread(); });
}

void LiveWork::Reread() {
  RereadSome();
  {
    absl::MutexLock lock(&mu_);
    rereading_ = false;
    SettleLocked();
  }
  Drain();
}

void LiveWork::RereadSome() {
  std::vector<WorkQueue::Wanted> wanted;
  {
    absl::MutexLock lock(&mu_);
    wanted = queue_.TakeWanted(kRereadsMax);
  }
  LastRead last;
  for (const WorkQueue::Wanted& one : wanted) RereadOne(one, last);
}

// On this thread: those that read for us may all wait for the same.
void LiveWork::RereadDying(LogId log, Offset until) {
  bool settled = false;
  const auto is_settled = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return closed_ || !failure_.ok() || !queue_.HasDying(log, until);
  };
  const auto goes_on = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return is_settled() || queue_.has_wanted();
  };
  while (!settled) {
    RereadSome();
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&goes_on));  // What is not wanted another thread reads.
    settled = is_settled();
  }
}

absl::StatusOr<std::optional<WorkChunk>> LiveWork::ReadAgain(const WorkQueue::Wanted& wanted,
                                                             const log::Partition& partition,
                                                             storage::BatchPtr& batch,
                                                             log::GapReason& gone) {
  absl::StatusOr<std::optional<WorkChunk>> stored =
      ReadOne(context_->log.reader(), partition, wanted.offset, batch, gone);
  if (!stored.ok() || stored->has_value() || !wanted.redriven) return stored;
  const absl::StatusOr<std::optional<storage::DeadLetter>> letter =
      ReadDeadLetter(context_->log.store(), group_, wanted.log, wanted.offset);
  if (!letter.ok()) return letter.status();
  if (!letter->has_value()) return std::optional<WorkChunk>();
  const absl::StatusOr<std::optional<std::string>> event =
      CopyIn(context_->log, wanted.log, wanted.offset, **letter);
  if (!event.ok()) return event.status();
  if (!event->has_value()) return std::optional<WorkChunk>();
  absl::StatusOr<WorkChunk> chunk = MakeChunk(wanted.offset, **event);
  if (!chunk.ok()) return chunk.status();
  return std::optional<WorkChunk>(*std::move(chunk));
}

void LiveWork::RereadOne(const WorkQueue::Wanted& wanted, LastRead& last) {
  log::PartitionPtr partition;
  {
    absl::MutexLock lock(&mu_);
    const auto it = partitions_.find(wanted.log);
    if (it == partitions_.end()) return;
    partition = it->second.partition;
  }
  // Before the bytes: an erasure meanwhile may be one of these, and ForgetBytes have come already.
  const uint64_t erasures = partition->erasures();
  if (last.partition != partition || last.erasures != erasures) last = {partition, erasures, {}};
  log::GapReason gone = log::GapReason::kRetention;
  const absl::StatusOr<std::optional<WorkChunk>> chunk =
      ReadAgain(wanted, *partition, last.batch, gone);
  absl::MutexLock lock(&mu_);
  if (partition->erasures() != erasures) {
    queue_.RereadLater(wanted.log, wanted.offset);
  } else if (!chunk.ok()) {
    queue_.RereadLater(wanted.log, wanted.offset);
    FailLocked(chunk.status());
  } else if (!chunk->has_value()) {
    queue_.RereadGone(wanted.log, wanted.offset, gone, NowUs());
  } else {
    queue_.Reread(wanted.log, **chunk, (*chunk)->events.front(), NowUs());
  }
}

}  // namespace tidemark::groups
