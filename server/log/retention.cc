#include "server/log/retention.h"

#include <algorithm>
#include <utility>

#include "absl/synchronization/notification.h"
#include "server/base/seeded_fault.h"
#include "spdlog/spdlog.h"

namespace tidemark::log {
namespace {

// What a step lets collect before it moves a start: 1/64 of max_bytes; 1/1024 of max_age, a tenth
// of a second to a minute. Readers that open a partition do not see it: Enforce is exact.
constexpr uint64_t kBytesShare = 64;
constexpr uint64_t kAgeShare = 1024;
constexpr uint64_t kPauseMinUs = 100'000;
constexpr uint64_t kPauseMaxUs = 60'000'000;
// A partition can grow and leave memory before a step sees it: so often the store is asked.
constexpr uint64_t kUnloadedUs = 600'000'000;

bool HasRule(const storage::TopicConfig& config) {
  return config.retention_max_age_us.has_value() || config.retention_max_bytes.has_value();
}

uint64_t SaturatingAdd(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

// Batches appended at or before it are passed; empty: none is.
std::optional<uint64_t> NewestPassedTime(const storage::TopicConfig& config, uint64_t now_us) {
  if (!config.retention_max_age_us.has_value()) return std::nullopt;
  if (*config.retention_max_age_us > now_us) return std::nullopt;
  return now_us - *config.retention_max_age_us;
}

bool PassedByAge(const storage::TopicConfig& config, const Partition::Kept& kept, uint64_t now_us) {
  const std::optional<uint64_t> passed = NewestPassedTime(config, now_us);
  return passed.has_value() && !kept.empty() && kept.oldest_time_us <= *passed;
}

bool PassedByBytes(const storage::TopicConfig& config, const Partition::Kept& kept,
                   uint64_t slack_share) {
  if (!config.retention_max_bytes.has_value()) return false;
  const uint64_t max = *config.retention_max_bytes;
  const uint64_t slack = slack_share == 0 ? 0 : max / slack_share;
  return kept.bytes() > SaturatingAdd(max, slack);
}

uint64_t Pause(const storage::TopicConfig& config) {
  return std::clamp(config.retention_max_age_us.value_or(0) / kAgeShare, kPauseMinUs, kPauseMaxUs);
}

}  // namespace

uint64_t Retention::NowMicros() const {
  return static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMicros(clock_.Now())));
}

void Retention::Watch(const TopicPtr& topic) {
  absl::MutexLock lock(&mu_);
  if (!HasRule(topic->record.config)) {
    watched_.erase(topic->id());
    return;
  }
  Watched& watched = watched_[topic->id()];
  watched.topic = topic;
  watched.places.assign(topic->partitions(), {});
}

void Retention::Forget(TopicId topic) {
  absl::MutexLock lock(&mu_);
  watched_.erase(topic);
}

absl::Status Retention::Enforce(const TopicPtr& topic, const PartitionPtr& partition) {
  const storage::TopicConfig& config = topic->record.config;
  if (!HasRule(config)) return absl::OkStatus();
  const uint64_t now_us = NowMicros();
  while (true) {
    const Partition::Kept kept = partition->kept();
    if (!PassedByAge(config, kept, now_us) && !PassedByBytes(config, kept, 0)) {
      return absl::OkStatus();
    }
    absl::StatusOr<std::optional<Cut>> cut = FindCut(topic, partition, now_us);
    if (!cut.ok()) return cut.status();
    if (cut->has_value()) return Apply({**cut});
    absl::StatusOr<std::optional<storage::BatchInfo>> oldest =
        store_.BatchAt(partition->log(), kept.ends.start);
    if (!oldest.ok()) return oldest.status();
    if (oldest->has_value()) return absl::OkStatus();  // The rule keeps what there is.
    // Somebody else moves the start: that is written, and perhaps not published yet.
    if (absl::Status settled = Trim({}); !settled.ok()) return settled;
    if (partition->kept().ends.start == kept.ends.start) return absl::OkStatus();
  }
}

absl::StatusOr<std::optional<Retention::Cut>> Retention::FindCut(const TopicPtr& topic,
                                                                 const PartitionPtr& partition,
                                                                 uint64_t now_us) const {
  const storage::TopicConfig& config = topic->record.config;
  const LogId log = partition->log();
  const Partition::Kept kept = partition->kept();
  const auto [start, end] = kept.ends;
  if (start == end) return std::nullopt;
  Offset cut = start;
  if (const auto passed = NewestPassedTime(config, now_us)) {
    absl::StatusOr<Offset> by_age = store_.FirstOffsetAtTime(log, *passed + 1, start, end);
    if (!by_age.ok()) return by_age.status();
    cut = *by_age;
  }
  if (PassedByBytes(config, kept, 0)) {
    absl::StatusOr<Offset> by_bytes =
        store_.FirstOffsetAtBytes(log, kept.end_bytes - *config.retention_max_bytes, start, end);
    if (!by_bytes.ok()) return by_bytes.status();
    absl::StatusOr<std::optional<storage::BatchInfo>> newest =
        store_.BatchAt(log, Offset(end.value() - 1));
    if (!newest.ok()) return newest.status();
    if (newest->has_value()) *by_bytes = std::min(*by_bytes, (*newest)->base_offset);
    cut = std::max(cut, *by_bytes);
  }
  if (cut <= start) return std::nullopt;
  if (TM_SEEDED_FAULT("trims_too_much")) {
    const auto more = store_.BatchAt(log, cut);
    if (more.ok() && more->has_value()) cut = (*more)->end_offset();
  }
  absl::StatusOr<std::optional<storage::BatchInfo>> oldest = store_.BatchAt(log, start);
  if (!oldest.ok()) return oldest.status();
  absl::StatusOr<std::optional<storage::BatchInfo>> last =
      store_.BatchAt(log, Offset(cut.value() - 1));
  if (!last.ok()) return last.status();
  absl::StatusOr<std::optional<storage::BatchInfo>> next = store_.BatchAt(log, cut);
  if (!next.ok()) return next.status();
  // Somebody else moved the start meanwhile.
  if (!oldest->has_value() || !last->has_value()) return std::nullopt;
  Cut found{.trim = {.topic = topic, .partition = partition, .start = cut},
            .epochs = {(*oldest)->row.epoch, (*last)->row.epoch}};
  if (next->has_value()) {
    found.trim.start_bytes = (*next)->row.log_bytes;
    found.trim.oldest_time_us = (*next)->row.append_time_us;
  } else {
    // Nothing is left; what comes in the meantime is younger than now.
    found.trim.start_bytes = (*last)->row.log_bytes + (*last)->row.events_bytes;
    found.trim.oldest_time_us = now_us;
  }
  return found;
}

void Retention::SetGuard(TrimGuard guard) {
  absl::MutexLock lock(&guard_mu_);
  guard_ = guard == nullptr ? nullptr : std::make_shared<const TrimGuard>(std::move(guard));
}

absl::Status Retention::Guard(const std::vector<Cut>& cuts) {
  std::shared_ptr<const TrimGuard> guard;
  {
    absl::MutexLock lock(&guard_mu_);
    guard = guard_;
  }
  if (guard == nullptr) return absl::OkStatus();
  for (const Cut& cut : cuts) {
    absl::Status kept = (*guard)(*cut.trim.partition, cut.trim.start);
    if (!kept.ok()) return kept;
  }
  return absl::OkStatus();
}

absl::Status Retention::Apply(const std::vector<Cut>& cuts) {
  if (cuts.empty()) return absl::OkStatus();
  std::vector<LogTrim> trims;
  trims.reserve(cuts.size());
  for (const Cut& cut : cuts) {
    trims.push_back(cut.trim);
    if (!cut.trim.topic->record.config.index_keys) continue;
    // Revisions count events that retention has passed, so keys are counted while they can be.
    absl::Status sealed = sealer_.SealBefore(cut.trim.partition, cut.trim.start);
    // Of a damaged log nobody can count them any more; space is freed all the same.
    if (!sealed.ok() && !absl::IsDataLoss(sealed)) return sealed;
  }
  if (absl::Status kept = Guard(cuts); !kept.ok()) return kept;
  if (absl::Status status = Trim(std::move(trims)); !status.ok()) return status;
  for (const Cut& cut : cuts) {
    // The start as it is, and not as it was to be: another rule may have kept more.
    const Offset start = cut.trim.partition->ends().start;
    if (start > Offset(0)) store_.MarkTrimmed(cut.trim.partition->log(), start, cut.epochs);
  }
  return absl::OkStatus();
}

absl::Status Retention::Trim(std::vector<LogTrim> trims) {
  absl::Notification done;
  absl::Status status;
  pipeline_.Trim(std::move(trims), [&](absl::Status answer) {
    status = std::move(answer);
    done.Notify();
  });
  done.WaitForNotification();
  return status;
}

std::vector<Retention::Visit> Retention::TakeDue(uint64_t now_us) {
  absl::MutexLock lock(&mu_);
  std::vector<Visit> due;
  auto it = watched_.lower_bound(next_.first);
  uint32_t place = it != watched_.end() && it->first == next_.first ? next_.second : 0;
  const auto begin_at = it;
  const uint32_t begin_place = place;
  bool wrapped = false;
  while (due.size() < kVisitsPerStep) {
    if (it == watched_.end()) {
      if (wrapped) break;
      wrapped = true;
      it = watched_.begin();
      place = 0;
      if (it == watched_.end()) break;
    }
    if (wrapped && it == begin_at && place >= begin_place) break;
    if (place >= it->second.places.size()) {
      if (wrapped && it == begin_at) break;
      ++it;
      place = 0;
      continue;
    }
    const Watched::Place& at = it->second.places[place];
    const bool is_due = at.due_us <= now_us;
    const bool may_grow = it->second.topic->record.config.retention_max_bytes.has_value();
    if ((is_due || may_grow) && at.not_before_us <= now_us) {
      due.push_back({it->second.topic, PartitionIndex(place), is_due});
    }
    ++place;
  }
  next_ = it == watched_.end() ? std::pair<TopicId, uint32_t>() : std::pair(it->first, place);
  return due;
}

void Retention::Set(const Visit& visit, Watched::Place place) {
  absl::MutexLock lock(&mu_);
  const auto it = watched_.find(visit.topic->id());
  if (it == watched_.end() || it->second.topic != visit.topic) return;  // Due anyway.
  it->second.places[visit.partition.value()] = place;
}

absl::Status Retention::Look(const Visit& visit, uint64_t now_us, std::vector<Cut>& cuts) {
  const storage::TopicConfig& config = visit.topic->record.config;
  const LogId log = visit.topic->log(visit.partition);
  PartitionPtr partition = partitions_.Peek(log);
  if (partition == nullptr && !visit.due) return absl::OkStatus();
  absl::StatusOr<Partition::Kept> kept =
      partition != nullptr ? partition->kept() : ReadKept(store_, log);
  if (!kept.ok()) return kept.status();
  const bool by_age = visit.due && PassedByAge(config, *kept, now_us);
  if (!by_age && !PassedByBytes(config, *kept, kBytesShare)) {
    // What is appended to an empty partition is younger than now.
    const uint64_t oldest_us = kept->empty() ? now_us : kept->oldest_time_us;
    uint64_t due_us = SaturatingAdd(oldest_us, config.retention_max_age_us.value_or(UINT64_MAX));
    if (config.retention_max_bytes.has_value()) due_us = std::min(due_us, now_us + kUnloadedUs);
    if (visit.due) Set(visit, {.due_us = due_us});
    return absl::OkStatus();
  }
  if (partition == nullptr) {
    absl::StatusOr<PartitionPtr> loaded = partitions_.Get(log);
    if (!loaded.ok()) return loaded.status();
    partition = *std::move(loaded);
  }
  absl::StatusOr<std::optional<Cut>> cut = FindCut(visit.topic, partition, now_us);
  if (!cut.ok()) return cut.status();
  if (cut->has_value()) cuts.push_back(**std::move(cut));
  if (visit.due) Set(visit, {.due_us = now_us + Pause(config)});
  return absl::OkStatus();
}

absl::StatusOr<bool> Retention::Step() {
  const uint64_t now_us = NowMicros();
  std::vector<Cut> cuts;
  for (const Visit& visit : TakeDue(now_us)) {
    if (absl::Status status = Look(visit, now_us, cuts); !status.ok()) {
      spdlog::error("retention of topic {} partition {}: {}", visit.topic->name(),
                    visit.partition.value(), status.ToString());
      Set(visit, {.not_before_us = SaturatingAdd(now_us, kPauseMaxUs)});
    }
  }
  if (absl::Status status = Apply(cuts); !status.ok()) return status;
  return !cuts.empty();
}

}  // namespace tidemark::log
