#include "server/log/compactor.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "server/base/executor.h"
#include "server/log/erasure_plan.h"
#include "spdlog/spdlog.h"

namespace tidemark::log {
namespace {

constexpr absl::Duration kLookPause = absl::Seconds(1);
constexpr absl::Duration kRetryPause = absl::Minutes(1);
// A partition that is not in memory gets no events; this is for one that came and went in between.
constexpr absl::Duration kEndPause = absl::Minutes(10);

// The newest event of keys, as the sealed index knows it.
class NewestOfKeys {
 public:
  explicit NewestOfKeys(std::unique_ptr<storage::TermCursor> cursor) : cursor_(std::move(cursor)) {}

  // Unset: the index does not have the key, or is damaged, as status() says.
  std::optional<Offset> Find(absl::string_view key) {
    const auto known = known_.find(key);
    if (known != known_.end()) return known->second;
    const absl::StatusOr<std::optional<storage::KeyTotal>> total =
        cursor_->TotalOf(std::string(key));
    if (!total.ok()) status_ = total.status();
    std::optional<Offset> newest;
    if (total.ok() && total->has_value()) newest = (*total)->last;
    known_.emplace(std::string(key), newest);
    return newest;
  }
  const absl::Status& status() const { return status_; }

 private:
  const std::unique_ptr<storage::TermCursor> cursor_;
  absl::flat_hash_map<std::string, std::optional<Offset>> known_;
  absl::Status status_;
};

}  // namespace

absl::Status Compactor::Load() {
  absl::StatusOr<std::vector<std::pair<LogId, storage::LogCompaction>>> compactions =
      parts_.store.ReadCompactions();
  if (!compactions.ok()) return compactions.status();
  absl::MutexLock lock(&pass_mu_);
  for (const auto& [log, done] : *compactions) states_[log].done = done;
  return absl::OkStatus();
}

void Compactor::Start() {
  thread_ = std::thread([this] {
    base::NameThisThread("compact");
    Run();
  });
}

void Compactor::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

bool Compactor::stopped() const {
  absl::MutexLock lock(&mu_);
  return stopping_;
}

void Compactor::Watch(const TopicPtr& topic) {
  absl::MutexLock lock(&mu_);
  if (topic->record.config.compact) {
    topics_[topic->id()] = topic;
  } else {
    topics_.erase(topic->id());
  }
}

void Compactor::Forget(TopicId topic) {
  absl::MutexLock lock(&mu_);
  topics_.erase(topic);
}

void Compactor::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      if (mu_.AwaitWithTimeout(absl::Condition(&stopping_), kLookPause)) return;
    }
    Step();
  }
}

void Compactor::Step() {
  std::vector<TopicPtr> topics;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [id, topic] : topics_) topics.push_back(topic);
  }
  absl::MutexLock lock(&pass_mu_);
  ForgetDeleted();
  for (const TopicPtr& topic : topics) {
    for (uint32_t p = 0; p < topic->partitions(); ++p) {
      const LogId log = topic->log(PartitionIndex(p));
      State& state = states_[log];
      absl::StatusOr<bool> due = IsDue(log, state);
      absl::Status status = due.status();
      if (due.ok() && *due) status = Pass(*topic, log, state);
      if (status.ok()) continue;
      if (stopped()) return;
      state.not_before = parts_.clock.Now() + kRetryPause;
      spdlog::warn("compacting partition {} of topic {}: {}; tried again", p, topic->name(),
                   status.ToString());
    }
  }
}

void Compactor::ForgetDeleted() {
  const uint64_t version = parts_.catalog.version();
  if (catalog_version_ == version) return;
  for (auto it = states_.begin(); it != states_.end();) {
    it = parts_.catalog.FindByLog(it->first) == nullptr ? states_.erase(it) : std::next(it);
  }
  catalog_version_ = version;
}

absl::Status Compactor::Compact(const Topic& topic) {
  absl::MutexLock lock(&pass_mu_);
  for (uint32_t p = 0; p < topic.partitions(); ++p) {
    const LogId log = topic.log(PartitionIndex(p));
    if (absl::Status status = Pass(topic, log, states_[log]); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Offset> Compactor::EndOf(LogId log, State& state) {
  if (const PartitionPtr partition = parts_.partitions.Peek(log)) return partition->ends().end;
  const absl::Time now = parts_.clock.Now();
  if (now - state.end_time < kEndPause) return state.end;
  absl::StatusOr<std::optional<storage::BatchInfo>> last = parts_.store.LastBatch(log);
  if (!last.ok()) return last.status();
  state.end = last->has_value() ? (*last)->end_offset() : Offset(0);
  state.end_time = now;
  return state.end;
}

absl::StatusOr<bool> Compactor::IsDue(LogId log, State& state) {
  const absl::Time now = parts_.clock.Now();
  if (now < state.not_before) return false;
  if (state.pass_time == absl::InfinitePast()) state.pass_time = now;
  const absl::StatusOr<Offset> end = EndOf(log, state);
  if (!end.ok()) return end.status();
  if (*end <= state.done.clean_until) return false;
  return *end - state.done.clean_until >= std::max(kDirtyMin, state.done.kept / 2) ||
         now - state.pass_time >= kPauseMax;
}

absl::Status Compactor::Pass(const Topic& topic, LogId log, State& state) {
  absl::StatusOr<PartitionPtr> partition = parts_.partitions.Get(log);
  if (!partition.ok()) return partition.status();
  const Offset until = (*partition)->ends().end;
  if (absl::Status sealed = parts_.sealer.SealBefore(*partition, until); !sealed.ok()) {
    return sealed;
  }
  parts_.store.MarkReordered(log, 1);
  Progress progress{.next = (*partition)->ends().start};
  while (progress.next < until) {
    if (stopped()) return absl::CancelledError("stopped");
    absl::Status status = CompactSome(topic, **partition, until, state.done, progress);
    if (absl::IsAborted(status)) continue;  // In a new epoch.
    if (!status.ok()) return status;
  }
  const storage::LogCompaction done{.clean_until = until, .kept = progress.kept};
  {
    absl::MutexLock lock(&parts_.replacer.mutex());
    absl::Status status = parts_.replacer.Commit(
        log, {}, [&](storage::WriteSet& set) { set.PutCompaction(log, done); }, [](Partition&) {});
    if (!status.ok()) return status;
  }
  state.done = done;
  state.pass_time = parts_.clock.Now();
  return absl::OkStatus();
}

absl::Status Compactor::CompactSome(const Topic& topic, const Partition& partition, Offset until,
                                    const storage::LogCompaction& done, Progress& progress) {
  const LogId log = partition.log();
  absl::MutexLock lock(&parts_.replacer.mutex());
  const Offset from = std::max(progress.next, partition.ends().start);
  if (from >= until) {
    progress.next = until;
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<storage::BatchPtr>> read =
      parts_.store.ReadBatches(log, from, until, BatchReplacer::kCommitBytes);
  if (!read.ok()) return read.status();
  if (partition.deleted()) return absl::NotFoundError("the topic was deleted");
  if (read->empty()) return absl::UnavailableError("retention has passed the batch");
  NewestOfKeys newest(parts_.store.Terms(log));
  ErasurePlan plan(log, topic.record.config.index_keys);
  // What is erased and still stored is on its way out, and counts as gone.
  const ErasedEvents::RangesPtr erased = parts_.erased.Of(log);
  for (storage::BatchPtr& batch : *read) {
    if (erased != nullptr) {
      absl::StatusOr<storage::BatchPtr> blanked = Blank(batch, *erased);
      if (!blanked.ok()) return blanked.status();
      batch = *std::move(blanked);
    }
    absl::Status status = plan.AddIf(*batch, [&](Offset offset, const EventView& event) {
      if (event.key.empty()) return false;
      const std::optional<Offset> last = newest.Find(event.key);
      return last.has_value() && offset < *last;
    });
    if (!status.ok()) return status;
  }
  if (!newest.status().ok()) return newest.status();
  if (plan.events() > 0) {
    absl::Status status = Replace(partition, *read, plan, done);
    if (!status.ok()) return status;
  }
  progress.next = read->back()->header.end_offset();
  progress.kept += plan.kept();
  return absl::OkStatus();
}

absl::Status Compactor::Replace(const Partition& partition,
                                const std::vector<storage::BatchPtr>& batches,
                                const ErasurePlan& plan, const storage::LogCompaction& done) {
  const LogId log = partition.log();
  absl::StatusOr<std::vector<storage::BatchInfo>> infos = parts_.store.ReadIndex(
      log, batches.front()->header.base_offset, batches.back()->header.end_offset(),
      /*newest_first=*/false, batches.size());
  if (!infos.ok()) return infos.status();
  std::vector<BatchReplacer::Replacement> replacements;
  auto info = infos->begin();
  for (const storage::BatchPtr& batch : batches) {
    const Offset base = batch->header.base_offset;
    while (info != infos->end() && info->base_offset < base) ++info;
    if (info == infos->end() || info->base_offset != base) break;  // Retention takes them.
    absl::StatusOr<storage::BatchPtr> blanked = Blank(batch, plan.ranges(), kCompactedBlank);
    if (!blanked.ok()) return blanked.status();
    if (*blanked != batch) replacements.push_back({*std::move(blanked), info->row});
  }
  std::vector<std::pair<std::string, std::optional<std::string>>> rows;
  absl::Status status =
      plan.WriteIndex(parts_.store, partition.ends().start,
                      [&](std::string row, const std::optional<std::string>& value) {
                        rows.emplace_back(std::move(row), value);
                      });
  if (!status.ok()) return status;
  status = parts_.replacer.Commit(
      log, replacements,
      [&](storage::WriteSet& set) {
        for (const auto& [row, value] : rows) set.ChangeTerm(row, value);
        // So that after a crash the store knows that batches of the log were stored again.
        set.PutCompaction(log, done);
      },
      [&](Partition& opened) { opened.Compact(plan.ranges()); });
  if (status.ok()) {
    parts_.metrics.erasure.compacted_events_total.Increment(static_cast<double>(plan.events()));
  }
  return status;
}

}  // namespace tidemark::log
