#include "tidemark/processor.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/src/event_codec.h"
#include "client/cpp/src/offset_committer.h"

namespace tidemark {

class Processor::Impl final : public internal::OffsetCommitter {
 public:
  Impl(const Client& client, const ConsumerOptions& options, Handler handler, size_t bytes_max)
      : client_(client),
        handler_(std::move(handler)),
        bytes_max_(bytes_max),
        concurrency_(options.concurrency),
        consumer_(
            client, options, [this](const ReceivedEvent& event) { return Handle(event); }, this) {}

  absl::Status Check() const {
    if (concurrency_ == 1) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("ConsumerOptions::concurrency is ", concurrency_, ": a Processor has 1"));
  }
  Consumer& consumer() { return consumer_; }

  void Begin() override {
    transaction_ = Transaction();
    bytes_ = 0;
    // A name of its own: a repeated call is recognised, whatever became of earlier members.
    absl::BitGen random;
    producer_ = {absl::StrCat("processor-", absl::Hex(absl::Uniform<uint64_t>(random)), "-",
                              absl::Hex(absl::Uniform<uint64_t>(random))),
                 0};
  }

  bool IsFull() const override { return bytes_ >= bytes_max_; }

  absl::Status Commit(std::vector<OffsetCommit> offsets) override {
    transaction_.offset_commits = std::move(offsets);
    transaction_.producer = producer_;
    const absl::Status status = client_.Transact(transaction_).status();
    if (!status.ok()) return status;
    ++producer_.sequence;
    transaction_ = Transaction();
    bytes_ = 0;
    return absl::OkStatus();
  }

 private:
  absl::Status Handle(const ReceivedEvent& event) {
    Transaction results;
    if (absl::Status status = handler_(event, results); !status.ok()) return status;
    for (TopicEvents& append : results.appends) {
      for (Event& result : append.events) {
        bytes_ += internal::EncodedSize(result);
        if (!append.partition) transaction_.Append(append.topic, std::move(result));
      }
      if (append.partition) transaction_.appends.push_back(std::move(append));
    }
    for (Condition& condition : results.conditions) {
      transaction_.conditions.push_back(std::move(condition));
    }
    return absl::OkStatus();
  }

  const Client client_;
  const Handler handler_;
  const size_t bytes_max_;
  const int concurrency_;
  Transaction transaction_;  // Results of what is handled and not committed.
  size_t bytes_ = 0;         // Of them.
  ProducerSequence producer_;
  Consumer consumer_;  // Last: it calls the rest.
};

Processor::Processor(const Client& client, ConsumerOptions options, Handler handler,
                     size_t transaction_bytes_max)
    : impl_(std::make_unique<Impl>(client, options, std::move(handler), transaction_bytes_max)) {}
Processor::~Processor() = default;

absl::Status Processor::Run() {
  if (absl::Status status = impl_->Check(); !status.ok()) return status;
  return impl_->consumer().Run();
}

absl::Status Processor::RunUntilCaughtUp() {
  if (absl::Status status = impl_->Check(); !status.ok()) return status;
  return impl_->consumer().RunUntilCaughtUp();
}

void Processor::Stop() { impl_->consumer().Stop(); }
ConsumerStats Processor::stats() const { return impl_->consumer().stats(); }

}  // namespace tidemark
