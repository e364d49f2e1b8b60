// A consumer's session with several handlers at work.
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/consumer_session.h"
#include "client/cpp/src/handler_run.h"
#include "client/cpp/src/status_codec.h"
#include "client/cpp/src/steady_time.h"

namespace tidemark::internal {
namespace {

// Enough that a lane does not run dry while the session's thread is at the stream.
constexpr size_t kInHandOfEachThread = 16;

}  // namespace

void ConsumerSession::StartPool() {
  if (pool_ != nullptr || (options_.concurrency <= 1 && !is_work())) return;
  pool_ = std::make_unique<HandlerPool>(
      options_.concurrency,
      [this](const ReceivedEvent& event, HandlerPool::Pause pause) { return RunOne(event, pause); },
      [this] { stream_.Wake(); });
}

// On a lane's thread.
HandlerPool::Outcome ConsumerSession::RunOne(const ReceivedEvent& event, HandlerPool::Pause pause) {
  using Kind = HandlerPool::Outcome::Kind;
  if (is_work()) return RunWork(event);
  for (uint32_t attempts = 1;; ++attempts) {
    const absl::Status status = CallHandler(handler_, event);
    if (status.ok()) {
      ++counters_.events_handled;
      return {.kind = Kind::kDone};
    }
    ++counters_.events_failed;
    const Verdict verdict = JudgeFailure(options_, event, status, attempts);
    switch (verdict.action) {
      case FailureAction::kSkip:
        return {.kind = Kind::kDone};
      case FailureAction::kDeadLetter:
      case FailureAction::kStop:
        return {.kind = Kind::kStop, .error = FailedAt(event, status)};
      case FailureAction::kRetry:
        if (!pause(verdict.pause)) return {.kind = Kind::kDropped};
    }
  }
}

bool ConsumerSession::CanDispatch() const {
  if (queue_.empty() || finishing_ || leaving_ || draining_) return false;
  // What a note is about comes before it.
  if (!std::holds_alternative<Batch>(queue_.front())) return pool_->in_hand() == 0;
  return pool_->in_hand() < kInHandOfEachThread * static_cast<size_t>(options_.concurrency);
}

void ConsumerSession::Dispatch() {
  if (!std::holds_alternative<Batch>(queue_.front())) return OnQueuedNote();
  if (is_work()) return DispatchWork();
  const ReceivedEvent& event = queue_.current();
  book_.Begin(queue_.current_partition(), event.offset);
  pool_->Add({queue_.current_partition(), event, std::get<Batch>(queue_.front()), event.event.key});
  queue_.Pop();
}

void ConsumerSession::TakeResults() {
  if (pool_ == nullptr) return;
  for (HandlerPool::Result& result : pool_->TakeResults()) {
    using Kind = HandlerPool::Outcome::Kind;
    if (result.outcome.kind != Kind::kStop && is_work()) {
      TakeWorkResult(result);
    } else if (result.outcome.kind == Kind::kDone) {
      book_.Finish(result.partition, result.offset, SteadyNow());
    } else if (result.outcome.kind == Kind::kStop) {
      BeginLeaving(result.outcome.error);
    }
  }
  for (auto it = to_release_.begin(); it != to_release_.end();) {
    it = GaveBack(*it) ? to_release_.erase(it) : std::next(it);
  }
  if (finishing_ && pool_->in_hand() == 0) {
    finishing_ = false;
    Leave();
  }
}

// Gives the partitions back whose handlers are through; true once that is all of them.
bool ConsumerSession::GaveBack(v1::Revoked& revoked) {
  v1::Revoked ready;
  v1::Revoked rest;
  for (const v1::TopicPartition& partition : revoked.partitions()) {
    const bool busy = pool_->in_hand({partition.topic(), partition.partition()}) > 0;
    *(busy ? rest : ready).add_partitions() = partition;
  }
  ready.set_revocation(revoked.revocation());
  rest.set_revocation(revoked.revocation());
  if (ready.partitions_size() > 0) GiveBack(ready);
  revoked = std::move(rest);
  return revoked.partitions_size() == 0;
}

}  // namespace tidemark::internal
