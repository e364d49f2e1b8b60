// What follows an erasure's commit, in the background.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/executor.h"
#include "server/base/seeded_fault.h"
#include "server/log/eraser.h"
#include "server/log/erasure_receipt.h"
#include "spdlog/spdlog.h"

namespace tidemark::log {
namespace {

// After a failure, and while an old file is still there: from the first to the second, doubling.
constexpr absl::Duration kRetryPauseMin = absl::Milliseconds(10);
constexpr absl::Duration kRetryPauseMax = absl::Seconds(1);

}  // namespace

using storage::ErasureState;

void Eraser::Start() {
  {
    absl::MutexLock lock(&mu_);
    woken_ = !pending_.empty();
  }
  thread_ = std::thread([this] {
    base::NameThisThread("erase");
    Run();
  });
}

void Eraser::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

bool Eraser::stopped() const {
  absl::MutexLock lock(&mu_);
  return stopping_;
}

void Eraser::SetForget(Forget forget) {
  absl::MutexLock lock(&forget_mu_);
  forget_ = forget == nullptr ? nullptr : std::make_shared<const Forget>(std::move(forget));
}

void Eraser::SetForgetKeys(ForgetKeys forget) {
  absl::MutexLock lock(&forget_mu_);
  forget_keys_ =
      forget == nullptr ? nullptr : std::make_shared<const ForgetKeys>(std::move(forget));
}

bool Eraser::IdleLocked() const {
  return std::all_of(pending_.begin(), pending_.end(),
                     [](const auto& entry) { return !entry.second.problem.empty(); });
}

void Eraser::WaitUntilIdle() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &Eraser::IdleLocked));
}

void Eraser::ShowPending() {
  parts_.metrics.erasure.pending.Set(static_cast<double>(pending_.size()));
}

void Eraser::Run() {
  absl::Duration pause = kRetryPauseMin;
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &Eraser::HasWorkLocked));
      if (stopping_) return;  // What is left goes on after the next start.
      woken_ = false;
    }
    const bool done = Step();
    absl::MutexLock lock(&mu_);
    if (done) {
      pause = kRetryPauseMin;
      continue;
    }
    mu_.AwaitWithTimeout(absl::Condition(this, &Eraser::HasWorkLocked), pause);
    pause = std::min(2 * pause, kRetryPauseMax);
    woken_ = true;
  }
}

std::vector<Eraser::Pending> Eraser::PendingIn(ErasureState state) const {
  std::vector<Pending> found;
  absl::MutexLock lock(&mu_);
  for (const auto& [id, pending] : pending_) {
    if (pending.record.state == state) found.push_back(pending);
  }
  return found;
}

void Eraser::SetProblem(uint64_t id, const absl::Status& status) {
  if (absl::IsCancelled(status)) return;
  const std::string problem = status.ok() ? "" : std::string(status.message());
  {
    absl::MutexLock lock(&mu_);
    const auto pending = pending_.find(id);
    if (pending == pending_.end() || pending->second.problem == problem) return;
    pending->second.problem = problem;
  }
  if (!status.ok()) spdlog::warn("erasure {}: {}; tried again", id, status.ToString());
}

bool Eraser::Step() {
  bool done = true;
  for (Pending& pending : PendingIn(ErasureState::kRewriting)) {
    const uint64_t id = pending.record.id;
    const absl::Status status = Rewrite(std::move(pending));
    SetProblem(id, status);
    done = done && status.ok();
    if (stopped()) return true;
  }
  const absl::StatusOr<bool> scrubbed = ScrubAll();
  if (!scrubbed.ok()) {
    for (const storage::ErasureRecord& record : scrubbing_)
      SetProblem(record.id, scrubbed.status());
    scrubbing_.clear();
  }
  return done && scrubbed.ok() && *scrubbed;
}

absl::Status Eraser::Rewrite(Pending pending) {
  if (absl::Status status = ForgetIn(pending.logs); !status.ok()) return status;
  for (const auto& [log, ranges] : pending.logs) {
    absl::Status status = rewrite_.Run(log, ranges, [this] { return stopped(); });
    if (!status.ok()) return status;
  }
  pending.record.state = ErasureState::kScrubbing;
  return SetState(std::move(pending.record));
}

absl::Status Eraser::SetState(storage::ErasureRecord record) {
  return Commit({.prepare =
                     [&](storage::WriteSet& set) {
                       set.PutErasure(record);
                       return absl::OkStatus();
                     },
                 .publish =
                     [&] {
                       absl::MutexLock lock(&mu_);
                       pending_[record.id].record = record;
                     },
                 .done = {}});
}

absl::StatusOr<bool> Eraser::ScrubAll() {
  if (scrubbing_.empty()) {
    for (Pending& pending : PendingIn(ErasureState::kScrubbing)) {
      scrubbing_.push_back(std::move(pending.record));
    }
  }
  if (scrubbing_.empty()) return true;
  storage::ScrubSpec spec;
  for (const storage::ErasureRecord& record : scrubbing_) {
    spec.logs.emplace_back(record.first_log, record.partitions);
  }
  absl::StatusOr<storage::ScrubReport> report = parts_.store.Scrub(
      spec, [this] { return SetState(scrubbing_.front()); }, [this] { return stopped(); });
  if (!report.ok()) return report.status();
  if (report->more) return false;
  const absl::StatusOr<bool> destroyed = DestroyKeys();
  if (!destroyed.ok() || !*destroyed) return destroyed;
  for (storage::ErasureRecord& record : scrubbing_) {
    absl::Status status = Complete(std::move(record), report->gone);
    if (!status.ok()) return status;
    report->gone.clear();
  }
  scrubbing_.clear();
  // Those that came here while the files of an earlier look were waited for.
  return PendingIn(ErasureState::kScrubbing).empty();
}

absl::StatusOr<bool> Eraser::DestroyKeys() {
  std::vector<std::string> keys;
  for (const storage::ErasureRecord& record : scrubbing_) {
    keys.insert(keys.end(), record.entity_keys.begin(), record.entity_keys.end());
  }
  if (keys.empty() || TM_SEEDED_FAULT("keeps_erased_keys")) return true;
  if (parts_.vault == nullptr) {
    return absl::FailedPreconditionError("there is no vault of keys; set master_key_file");
  }
  if (absl::Status status = parts_.vault->Destroy(keys); !status.ok()) return status;
  const absl::StatusOr<bool> scrubbed = parts_.vault->Scrub();
  if (!scrubbed.ok() || !*scrubbed) return scrubbed;
  std::shared_ptr<const ForgetKeys> forget;
  {
    absl::MutexLock lock(&forget_mu_);
    forget = forget_keys_;
  }
  if (forget == nullptr) return true;
  if (absl::Status status = (*forget)(); !status.ok()) return status;
  return true;
}

absl::Status Eraser::Complete(storage::ErasureRecord record, const std::vector<std::string>& gone) {
  absl::StatusOr<TopicPtr> receipts = parts_.receipts();
  if (!receipts.ok()) return receipts.status();
  record.state = ErasureState::kComplete;
  record.complete_time_us = std::max(NowMicros(), record.request_time_us);
  return Commit({.prepare =
                     [&](storage::WriteSet& set) {
                       set.PutErasure(record);
                       set.DeleteErasedRanges(record.id);
                       set.DeleteSuperseded(gone);
                       return absl::OkStatus();
                     },
                 .publish =
                     [&] {
                       parts_.erased.Remove(record.id);
                       parts_.store.ForgetSuperseded(gone);
                       absl::MutexLock lock(&mu_);
                       pending_.erase(record.id);
                       ShowPending();
                     },
                 .done = {},
                 .append =
                     [&] {
                       return MakeReceipt(*receipts, kErasureCompleted, record,
                                          record.complete_time_us);
                     }});
}

absl::Status Eraser::ForgetIn(const std::vector<std::pair<LogId, OffsetRanges>>& logs) {
  std::shared_ptr<const Forget> forget;
  {
    absl::MutexLock lock(&forget_mu_);
    forget = forget_;
  }
  if (forget == nullptr) return absl::OkStatus();
  for (const auto& [log, ranges] : logs) {
    if (absl::Status status = (*forget)(log, ranges); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace tidemark::log
