#include "tidemark/consumer.h"

#include <algorithm>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/src/backoff.h"
#include "client/cpp/src/consumer_session.h"
#include "client/cpp/src/status_codec.h"
#include "client/cpp/src/steady_time.h"

namespace tidemark {

using internal::ConsumerSession;

namespace {
constexpr int kConcurrencyMax = 1'024;
}  // namespace

// Keeps one session going after the other.
class Consumer::Impl {
 public:
  Impl(const Client& client, ConsumerOptions options, Handler handler,
       internal::OffsetCommitter* committer)
      : client_(client),
        options_(std::move(options)),
        handler_(std::move(handler)),
        committer_(committer) {}

  absl::Status Run(bool until_caught_up) ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);
  ConsumerStats stats() const;

 private:
  absl::Status Validate() const;
  absl::Status Unconfirmed() const;
  // One connection; what became of it besides its end.
  struct Outcome {
    bool joined = false;
    bool all_confirmed = true;
  };
  ConsumerSession::End RunSession(bool until_caught_up, Outcome* outcome) ABSL_LOCKS_EXCLUDED(mu_);

  const Client client_;
  const ConsumerOptions options_;
  const Handler handler_;
  internal::OffsetCommitter* const committer_;  // May be null.
  internal::ConsumerCounters counters_;

  absl::Mutex mu_;  // RawStream's wake lock may be taken under it.
  ConsumerSession* session_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

absl::Status Consumer::Impl::Validate() const {
  if (options_.group.empty()) return absl::InvalidArgumentError("ConsumerOptions::group is empty");
  if (options_.events_ahead_max == 0 || options_.bytes_ahead_max == 0 ||
      options_.ack_events_max == 0) {
    return absl::InvalidArgumentError(
        "ConsumerOptions: events_ahead_max, bytes_ahead_max and ack_events_max must be 1 or more");
  }
  if (options_.concurrency < 1 || options_.concurrency > kConcurrencyMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ConsumerOptions::concurrency is ", options_.concurrency, ": 1 to ", kConcurrencyMax));
  }
  return absl::OkStatus();
}

// What Run answers if Stop comes while there is no connection.
absl::Status Consumer::Impl::Unconfirmed() const {
  return absl::UnavailableError(
      absl::StrCat("stopped without connection, before the last acknowledgements of group '",
                   options_.group, "' were confirmed; some events may be delivered again"));
}

absl::Status Consumer::Impl::Run(bool until_caught_up) {
  if (absl::Status status = Validate(); !status.ok()) return status;
  internal::Backoff backoff(options_.backoff_min, options_.backoff_max);
  absl::Time last_joined = internal::SteadyNow();
  absl::Status result;  // If Stop ends the loop.
  while (!counters_.stop_requested) {
    Outcome outcome;
    const ConsumerSession::End end = RunSession(until_caught_up, &outcome);
    if (outcome.joined) {
      last_joined = internal::SteadyNow();
      backoff.Reset();
    }
    const bool give_up = internal::SteadyNow() - last_joined > options_.give_up_after;
    if (end.kind != ConsumerSession::EndKind::kBroken || give_up) {
      result = end.status;
      break;
    }
    if (outcome.joined) result = outcome.all_confirmed ? absl::OkStatus() : Unconfirmed();
    const absl::Duration pause = std::max(backoff.Next(), internal::RetryDelayOf(end.status));
    if (options_.on_reconnect) options_.on_reconnect(end.status, pause);
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithTimeout(absl::Condition(&stopping_), pause);
  }
  absl::MutexLock lock(&mu_);
  stopping_ = false;
  counters_.stop_requested = false;
  return result;
}

ConsumerSession::End Consumer::Impl::RunSession(bool until_caught_up, Outcome* outcome) {
  ConsumerSession session(client_, options_, handler_, until_caught_up, committer_, &counters_);
  {
    absl::MutexLock lock(&mu_);
    session_ = &session;
  }
  const ConsumerSession::End end = session.Run();
  outcome->joined = session.joined();
  outcome->all_confirmed = session.all_confirmed();
  absl::MutexLock lock(&mu_);
  session_ = nullptr;
  return end;
}

void Consumer::Impl::Stop() {
  absl::MutexLock lock(&mu_);
  stopping_ = true;
  counters_.stop_requested = true;
  if (session_ != nullptr) session_->Wake();
}

ConsumerStats Consumer::Impl::stats() const {
  ConsumerStats stats;
  stats.events_handled = counters_.events_handled;
  stats.events_failed = counters_.events_failed;
  stats.acks_fenced = counters_.acks_fenced;
  stats.events_retried = counters_.events_retried;
  stats.dead_letters = counters_.dead_letters;
  stats.gap_events = counters_.gap_events;
  stats.connections = counters_.connections;
  return stats;
}

Consumer::Consumer(const Client& client, ConsumerOptions options, Handler handler)
    : Consumer(client, std::move(options), std::move(handler), nullptr) {}
Consumer::Consumer(const Client& client, ConsumerOptions options, Handler handler,
                   internal::OffsetCommitter* committer)
    : impl_(std::make_unique<Impl>(client, std::move(options), std::move(handler), committer)) {}
Consumer::~Consumer() = default;

absl::Status Consumer::Run() { return impl_->Run(false); }
absl::Status Consumer::RunUntilCaughtUp() { return impl_->Run(true); }
void Consumer::Stop() { impl_->Stop(); }
ConsumerStats Consumer::stats() const { return impl_->stats(); }

}  // namespace tidemark
