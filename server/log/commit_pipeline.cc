#include "server/log/commit_pipeline.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/executor.h"
#include "server/base/seeded_fault.h"
#include "server/base/system_clock.h"
#include "spdlog/spdlog.h"

namespace tidemark::log {
namespace {

constexpr int kThreads = 2;  // One commits, one prepares.
// What a request occupies beside its bytes.
constexpr uint64_t kRequestOverheadBytes = 256;
constexpr uint64_t kOffsetWriteBytes = 32;
constexpr uint64_t kConditionBytes = 128;
// Below this preparing is short beside an fsync (128 KiB: 60 us beside 200).
constexpr uint64_t kPrepareAheadBytes = 128 << 10;
// Of offsets and trims, which are few and small and must stay in order.
constexpr FlowId kOwnFlow{0};

absl::Status Failed(const absl::Status& cause) {
  return MakeError(
      absl::StatusCode::kUnavailable,
      absl::StrCat(
          "the store refuses writes after a failed commit, until the server is restarted: ",
          cause.message()),
      {.reason = "STORE_FAILED"});
}

uint64_t BytesOf(const AppendRequest& request) {
  uint64_t bytes = request.bytes + kRequestOverheadBytes;
  for (const KeyCondition& condition : request.conditions) {
    bytes += kConditionBytes + condition.key.size();
  }
  return bytes;
}

bool IsPatient(const PipelineRequest& request) {
  const auto* offsets = std::get_if<QueuedOffsets>(&request);
  return offsets != nullptr && offsets->haste == Haste::kPatient;
}

}  // namespace

CommitPipeline::CommitPipeline(const PipelineOptions& options, storage::Store& store,
                               const Catalog& catalog, PartitionTable& partitions,
                               const base::Clock& clock, metrics::Metrics& metrics, KeyCounts& keys,
                               const EventCipher& cipher, storage::CommitMark last_commit)
    : options_(options),
      store_(store),
      catalog_(catalog),
      partitions_(partitions),
      clock_(clock),
      metrics_(metrics),
      keys_(keys),
      cipher_(cipher),
      horizon_(last_commit.position),
      disk_space_(store, options.disk_free_min),
      producers_(store, options.producers_max),
      last_position_(last_commit.position),
      last_append_time_us_(last_commit.append_time_us),
      tail_(options.tail_bytes_max) {
  for (int i = 0; i < kThreads; ++i) {
    threads_.emplace_back([this, i] {
      base::NameThisThread(absl::StrCat("commit/", i));
      Run();
    });
  }
}

CommitPipeline::~CommitPipeline() { Stop(); }

void CommitPipeline::Stop() {
  {
    absl::MutexLock lock(&queue_mu_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

absl::Status CommitPipeline::health() const {
  absl::MutexLock lock(&queue_mu_);
  return failure_.ok() ? absl::OkStatus() : Failed(failure_);
}

absl::Status CommitPipeline::Stopping() {
  return MakeError(absl::StatusCode::kUnavailable,
                   "the server is shutting down; nothing was written. Reconnect and repeat",
                   {.reason = "SHUTTING_DOWN"});
}

absl::Status CommitPipeline::QueueFull(uint64_t bytes) const {
  const uint64_t waiting = queue_.bytes() + held_bytes_;
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("the commit queue is full: ", waiting, " bytes wait, the request has ", bytes,
                   ", and queue_bytes_max is ", options_.queue_bytes_max,
                   "; nothing was written. Repeat after a pause"),
      {.reason = "QUEUE_FULL",
       .metadata = {{"limit_name", "queue_bytes_max"},
                    {"limit", std::to_string(options_.queue_bytes_max)},
                    {"value", std::to_string(waiting + bytes)}},
       .retry_delay = absl::Milliseconds(50)});
}

absl::Status CommitPipeline::CheckRoomLocked(uint64_t bytes) const {
  if (stopping_) return Stopping();
  if (!failure_.ok()) return Failed(failure_);
  if (queue_.bytes() + held_bytes_ + bytes > options_.queue_bytes_max) return QueueFull(bytes);
  return absl::OkStatus();
}

absl::Status CommitPipeline::CheckDeadlineLocked(FlowId flow, int64_t deadline_nanos) const {
  if (deadline_nanos == kNoDeadline) return absl::OkStatus();
  const int64_t left = deadline_nanos - base::MonotonicNanos();
  if (left <= 0) return DeadlinePassed();
  const int64_t needed = drain_rate_.NanosFor(queue_.BytesBefore(flow));
  if (left > needed) return absl::OkStatus();
  const int64_t needed_ms = needed / 1'000'000;
  const int64_t left_ms = left / 1'000'000;
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("the commit queue would take about ", needed_ms, " ms, and the call's deadline ",
                   "is in ", left_ms, " ms; nothing was written. Repeat after a pause"),
      {.reason = "QUEUE_TOO_LONG",
       .metadata = {{"queue_ms", std::to_string(needed_ms)}, {"left_ms", std::to_string(left_ms)}},
       .retry_delay = absl::Milliseconds(50)});
}

absl::Status CommitPipeline::Enqueue(Request& request, FlowId flow, uint64_t bytes,
                                     uint64_t held_bytes, int64_t deadline_nanos) {
  absl::MutexLock lock(&queue_mu_);
  held_bytes_ -= held_bytes;
  if (absl::Status status = CheckDeadlineLocked(flow, deadline_nanos); !status.ok()) return status;
  if (absl::Status status = CheckRoomLocked(bytes); !status.ok()) return status;
  if (IsPatient(request)) ++patient_requests_;
  queue_.Push(std::move(request), flow, bytes);
  metrics_.queue_bytes.Set(static_cast<double>(queue_.bytes()));
  metrics_.queue_requests.Set(static_cast<double>(queue_.requests()));
  return absl::OkStatus();
}

void CommitPipeline::Append(AppendRequest request, AppendCallback done, uint64_t held_bytes) {
  const uint64_t bytes = BytesOf(request);
  const FlowId flow = request.flow;
  const int64_t deadline_nanos = request.deadline_nanos;
  Request queued = QueuedAppend{std::move(request), std::move(done), base::MonotonicNanos()};
  absl::Status status = disk_space_.CheckAppend();
  if (status.ok()) {
    status = Enqueue(queued, flow, bytes, held_bytes, deadline_nanos);
  } else {
    LetGo(held_bytes);
  }
  if (!status.ok()) Refuse(status, std::move(std::get<QueuedAppend>(queued).done));
}

void CommitPipeline::Refuse(const absl::Status& status, AppendCallback done) {
  metrics_.RefusedAppends(DetailOf(status)->reason).Increment();
  std::move(done)(status);
}

absl::StatusOr<uint64_t> CommitPipeline::Hold(const AppendRequest& request) {
  if (absl::Status room = disk_space_.CheckAppend(); !room.ok()) return room;
  const uint64_t bytes = BytesOf(request);
  absl::MutexLock lock(&queue_mu_);
  if (absl::Status status = CheckRoomLocked(bytes); !status.ok()) return status;
  held_bytes_ += bytes;
  return bytes;
}

void CommitPipeline::LetGo(uint64_t held_bytes) {
  absl::MutexLock lock(&queue_mu_);
  held_bytes_ -= held_bytes;
}

void CommitPipeline::CommitOffsets(std::vector<OffsetWrite> writes,
                                   std::vector<GroupRowChange> rows, OffsetRevision revise,
                                   Haste haste, DoneCallback done) {
  uint64_t bytes = kRequestOverheadBytes + kOffsetWriteBytes * writes.size();
  for (const GroupRowChange& row : rows) {
    bytes += kOffsetWriteBytes + row.key.size() + row.value.value_or("").size();
  }
  Request queued =
      QueuedOffsets{std::move(writes), std::move(revise), std::move(rows), haste, std::move(done)};
  absl::Status status = disk_space_.CheckSmall();
  if (status.ok()) status = Enqueue(queued, kOwnFlow, bytes);
  if (!status.ok()) {
    std::move(std::get<QueuedOffsets>(queued).done)(status);
  }
}

void CommitPipeline::Trim(std::vector<LogTrim> trims, DoneCallback done) {
  Request queued = QueuedTrims{std::move(trims), std::move(done)};
  absl::Status status = disk_space_.CheckSmall();
  if (status.ok()) status = Enqueue(queued, kOwnFlow, 0);
  if (!status.ok()) {
    std::move(std::get<QueuedTrims>(queued).done)(status);
  }
}

void CommitPipeline::Mutate(Mutation mutation) {
  Request queued = std::move(mutation);
  absl::Status status = disk_space_.CheckSmall();
  if (status.ok()) status = Enqueue(queued, FlowId{}, kRequestOverheadBytes);
  if (!status.ok()) {
    std::move(std::get<Mutation>(queued).done)(status);
  }
}

bool CommitPipeline::ShouldHurryLocked() const {
  if (preparing_) return false;
  if (committing_) return queue_.bytes() >= kPrepareAheadBytes;
  return stopping_ || queue_.requests() > patient_requests_;
}

bool CommitPipeline::ShouldTakeLocked() const {
  if (ShouldHurryLocked()) return true;
  return !preparing_ && !committing_ && lingering_ == 0 && !queue_.empty();
}

void CommitPipeline::BeginCommit() {
  absl::MutexLock lock(&queue_mu_);
  preparing_ = false;
  committing_ = true;
}

void CommitPipeline::EndCommit() {
  absl::MutexLock lock(&queue_mu_);
  committing_ = false;
  ++lingering_;
}

std::vector<CommitPipeline::Request> CommitPipeline::Take(bool lingers) {
  absl::MutexLock lock(&queue_mu_);
  if (lingers) {
    queue_mu_.AwaitWithTimeout(absl::Condition(this, &CommitPipeline::ShouldHurryLocked),
                               options_.patience);
    --lingering_;
  }
  queue_mu_.Await(absl::Condition(this, &CommitPipeline::ShouldTakeLocked));
  const int64_t now_nanos = base::MonotonicNanos();
  std::vector<Request> taken = queue_.Take(options_.commit_bytes_max, now_nanos);
  drain_rate_.Taken(queue_.last_taken_bytes(), queue_.bytes(), now_nanos);
  preparing_ = !taken.empty();
  patient_requests_ -= static_cast<uint64_t>(std::count_if(taken.begin(), taken.end(), &IsPatient));
  metrics_.queue_bytes.Set(static_cast<double>(queue_.bytes()));
  metrics_.queue_requests.Set(static_cast<double>(queue_.requests()));
  return taken;
}

// The two locks are held hand over hand, which the analysis cannot follow.
void CommitPipeline::Run() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (bool lingers = false;; lingers = true) {
    // Before the turn, for whoever has it would keep the other thread from stopping.
    partitions_.index_budget().WaitForRoom();
    std::vector<Request> requests = Take(lingers);
    if (requests.empty()) return;
    prepare_mu_.Lock();
    if (auto* mutation = std::get_if<Mutation>(&requests.front())) {
      commit_mu_.Lock();  // Everything before it is readable now.
      const absl::Status status = CommitMutation(*mutation);
      BeginCommit();
      EndCommit();
      commit_mu_.Unlock();
      prepare_mu_.Unlock();
      std::move(mutation->done)(status);
      continue;
    }
    CommitGroup group = Prepare(std::move(requests));
    commit_mu_.Lock();
    prepare_mu_.Unlock();
    BeginCommit();
    const bool answered = TM_SEEDED_FAULT("answer_before_fsync");
    if (answered) group.Complete(absl::OkStatus(), base::MonotonicNanos(), metrics_);
    const absl::Status status = Commit(group);
    EndCommit();
    commit_mu_.Unlock();
    if (!answered) group.Complete(status, base::MonotonicNanos(), metrics_);
  }
}

PrepareContext CommitPipeline::Context() {
  return {.catalog = catalog_,
          .partitions = partitions_,
          .producers = producers_,
          .keys = keys_,
          .cipher = cipher_,
          .last_position = last_position_,
          .last_append_time_us = last_append_time_us_,
          .clock = clock_,
          .batch_bytes_max = options_.batch_bytes_max};
}

CommitGroup CommitPipeline::Prepare(std::vector<Request> requests) {
  CommitGroup group(Context(), store_.Begin());
  for (Request& request : requests) {
    if (auto* append = std::get_if<QueuedAppend>(&request)) {
      group.Add(std::move(*append));
    } else if (auto* trims = std::get_if<QueuedTrims>(&request)) {
      group.Add(std::move(*trims));
    } else {
      group.Add(std::get<QueuedOffsets>(std::move(request)));
    }
  }
  group.Finish().IgnoreError();  // Commit looks at it.
  return group;
}

absl::Status CommitPipeline::WriteSetNow(std::unique_ptr<storage::WriteSet> set,
                                         storage::Sync sync) {
  if (absl::Status failed = health(); !failed.ok()) return failed;
  const int64_t begin = base::MonotonicNanos();
  const absl::Status status = store_.Commit(std::move(set), sync);
  if (sync == storage::Sync::kSync) {
    metrics_.fsync_seconds.Observe(static_cast<double>(base::MonotonicNanos() - begin) / 1e9);
  }
  return status.ok() ? status : Fail(status);
}

absl::Status CommitPipeline::Fail(const absl::Status& cause) {
  spdlog::critical("commit failed, refusing writes from now on: {}", cause.ToString());
  metrics_.store_failed.Set(1);
  partitions_.KeepAll();
  absl::MutexLock lock(&queue_mu_);
  failure_ = cause;
  return Failed(cause);
}

absl::Status CommitPipeline::Commit(CommitGroup& group) {
  if (!group.finished().ok()) return Fail(group.finished());
  // A group without writes still waits for its turn: a duplicate is answered after its first.
  if (!group.has_writes()) return health();
  const bool published = TM_SEEDED_FAULT("publish_before_fsync");
  if (published) group.Publish(tail_, metrics_);
  const absl::Status status = WriteSetNow(
      group.TakeSet(), group.needs_sync() ? storage::Sync::kSync : storage::Sync::kNoSync);
  if (!status.ok()) return status;
  disk_space_.LookIfNear();
  metrics_.commit_groups_total.Increment();
  metrics_.commit_group_bytes.Observe(static_cast<double>(group.bytes()));
  // No fault, but a moment that is short elsewhere: written, and not published.
  if (TM_SEEDED_FAULT("publishes_late")) absl::SleepFor(absl::Milliseconds(20));
  if (!published) group.Publish(tail_, metrics_);
  horizon_.Advance(group.last_position());
  return absl::OkStatus();
}

absl::Status CommitPipeline::CommitMutation(Mutation& mutation) {
  std::unique_ptr<storage::WriteSet> set = store_.Begin();
  if (absl::Status status = mutation.prepare(*set); !status.ok()) return status;
  if (mutation.append != nullptr) return CommitWithAppend(mutation, std::move(set));
  if (!set->empty()) {
    absl::Status status = WriteSetNow(std::move(set), storage::Sync::kSync);
    if (!status.ok()) return status;
  }
  mutation.publish();
  return absl::OkStatus();
}

absl::Status CommitPipeline::CommitWithAppend(Mutation& mutation,
                                              std::unique_ptr<storage::WriteSet> set) {
  const int64_t now_nanos = base::MonotonicNanos();
  CommitGroup group(Context(), std::move(set));
  group.Add(QueuedAppend{mutation.append(), [](absl::StatusOr<AppendResult>) {}, now_nanos});
  absl::Status status = group.refusal();
  if (!status.ok()) return status;
  status = group.Finish();
  status = status.ok() ? WriteSetNow(group.TakeSet(), storage::Sync::kSync) : Fail(status);
  if (status.ok()) {
    group.Publish(tail_, metrics_);
    horizon_.Advance(group.last_position());
    mutation.publish();
  }
  group.Complete(status, base::MonotonicNanos(), metrics_);
  return status;
}

}  // namespace tidemark::log
