#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/append_sink.h"
#include "tidemark/producer.h"

namespace tidemark::cli {
namespace {

class PipelinedSink final : public AppendSink {
 public:
  PipelinedSink(std::unique_ptr<Producer> producer, bool skip_invalid, AppendCallbacks callbacks)
      : skip_invalid_(skip_invalid),
        callbacks_(std::move(callbacks)),
        producer_(std::move(producer)) {
    producer_->OnRequestDone([this](const absl::StatusOr<AppendResult>& result) {
      if (result.ok()) OnAcknowledged(*result);
    });
  }

  absl::Status Send(const Event& event, uint64_t line_number) override {
    if (absl::Status failure = Failure(); !failure.ok()) return failure;
    absl::Status sent = producer_->Send(event, [this, line_number](absl::StatusOr<Ack> ack) {
      if (!ack.ok()) OnFailed(line_number, ack.status());
    });
    if (sent.ok()) ++sent_;
    return sent;
  }

  // The producer's linger does it.
  absl::Status Wait() override { return Failure(); }

  absl::Status Failure() const override {
    absl::MutexLock lock(&mu_);
    return failure_;
  }

  absl::Status Finish() override {
    absl::Status closed = producer_->Close();
    absl::Status failure = Failure();
    return failure.ok() ? closed : failure;
  }

  AppendCounts counts() const override {
    absl::MutexLock lock(&mu_);
    return {.sent = sent_, .acknowledged = acknowledged_, .invalid = invalid_};
  }

 private:
  void OnAcknowledged(const AppendResult& result) {
    {
      absl::MutexLock lock(&mu_);
      for (const OffsetRange& range : result.ranges) acknowledged_ += range.count;
    }
    callbacks_.on_acknowledged(result);
  }

  void OnFailed(uint64_t line_number, const absl::Status& status) {
    const bool invalid = absl::IsInvalidArgument(status);
    {
      absl::MutexLock lock(&mu_);
      // What follows a failure may fail with it; the first one says why.
      if (!failure_.ok()) return;
      if (invalid) ++invalid_;
      if (!invalid || !skip_invalid_) failure_ = status;
    }
    if (invalid) callbacks_.on_invalid(line_number, status);
  }

  const bool skip_invalid_;
  AppendCallbacks callbacks_;
  uint64_t sent_ = 0;  // Of the sending thread.
  mutable absl::Mutex mu_;
  uint64_t acknowledged_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t invalid_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  // Last, so first to go: its callbacks use the others.
  std::unique_ptr<Producer> producer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AppendSink>> OpenPipelinedSink(const Client& client,
                                                              const AppendSettings& settings,
                                                              AppendCallbacks callbacks) {
  ProducerOptions options;
  options.partition = settings.partition;
  // Long enough for a restart of the server, short enough for a script.
  options.delivery_timeout = absl::Seconds(60);
  auto producer = Producer::Open(client, settings.topic, std::move(options));
  if (!producer.ok()) return producer.status();
  return std::make_unique<PipelinedSink>(*std::move(producer), settings.skip_invalid,
                                         std::move(callbacks));
}

}  // namespace tidemark::cli
