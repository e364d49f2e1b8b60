// The callers' side of a producer: options, Send, back-pressure, Flush and Close.
#include "tidemark/producer.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "client/cpp/src/event_codec.h"
#include "client/cpp/src/producer_impl.h"
#include "client/cpp/src/steady_time.h"
#include "client/cpp/src/wire.h"

namespace tidemark {
namespace {

// What the fields of an AppendRequest beside its events need at most.
constexpr uint64_t kRequestOverheadBytes = 1024;

absl::Status ValidateOptions(const ProducerOptions& options) {
  if (options.linger < absl::ZeroDuration()) {
    return absl::InvalidArgumentError("ProducerOptions::linger is negative; zero sends at once");
  }
  if (options.request_bytes_max == 0 || options.request_events_max == 0 ||
      options.requests_in_flight_max == 0 || options.bytes_in_flight_max == 0 ||
      options.buffered_bytes_max == 0) {
    return absl::InvalidArgumentError(
        "ProducerOptions: request_bytes_max, request_events_max, requests_in_flight_max, "
        "bytes_in_flight_max and buffered_bytes_max must be 1 or more");
  }
  if (options.producer_id.size() > 180) {
    return absl::InvalidArgumentError(absl::StrCat("ProducerOptions::producer_id has ",
                                                   options.producer_id.size(),
                                                   " bytes; at most 180 are possible"));
  }
  return absl::OkStatus();
}

// Requests must fit what the server takes.
ProducerOptions FitToServer(ProducerOptions options, const ServerLimits& limits) {
  if (limits.request_bytes_max > kRequestOverheadBytes) {
    options.request_bytes_max = std::min<uint64_t>(
        options.request_bytes_max, limits.request_bytes_max - kRequestOverheadBytes);
  }
  if (limits.request_events_max > 0) {
    options.request_events_max =
        std::min<uint64_t>(options.request_events_max, limits.request_events_max);
  }
  return options;
}

std::string RandomId() {
  absl::BitGen random;
  return absl::StrCat("p-", absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16),
                      absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16));
}

absl::Status OverLimit(absl::string_view what, size_t size, absl::string_view limit, uint64_t max) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " has ", size, " bytes; the server's ", limit, " is ", max));
}

}  // namespace

Producer::Impl::Impl(const Client& client, const TopicInfo& topic, const ServerLimits& limits,
                     ProducerOptions options, std::optional<uint64_t> last_sequence)
    : client_(client),
      topic_(topic.name),
      limits_(limits),
      options_(FitToServer(std::move(options), limits)),
      window_(options_.producer_id, last_sequence),
      backoff_(options_.backoff_min, options_.backoff_max),
      partitions_(topic.partitions),
      last_answer_at_(internal::SteadyNow()),
      producer_id_(options_.producer_id),
      sender_([this] { RunSender(); }) {}

Producer::Impl::~Impl() {
  {
    absl::MutexLock lock(&mu_);
    closed_ = stop_ = true;
    NotifyLocked();
  }
  sender_.join();
}

// What is cheap to see here; the server checks the rest and names the event.
absl::Status Producer::Impl::Validate(const Event& event, size_t encoded_size) const {
  if (event.type.empty()) {
    return absl::InvalidArgumentError("Event::type is empty; say what happened");
  }
  if (limits_.type_bytes_max > 0 && event.type.size() > limits_.type_bytes_max) {
    return OverLimit("Event::type", event.type.size(), "type_bytes_max", limits_.type_bytes_max);
  }
  if (limits_.key_bytes_max > 0 && event.key.size() > limits_.key_bytes_max) {
    return OverLimit("Event::key", event.key.size(), "key_bytes_max", limits_.key_bytes_max);
  }
  if (limits_.event_bytes_max > 0 && encoded_size > limits_.event_bytes_max) {
    return OverLimit("the encoded event", encoded_size, "event_bytes_max", limits_.event_bytes_max);
  }
  return absl::OkStatus();
}

absl::Status Producer::Impl::WaitForSpaceLocked(size_t size) {
  const auto has_space = [this, size] {
    mu_.AssertHeld();
    return closed_ || buffered_bytes_ == 0 || buffered_bytes_ + size <= options_.buffered_bytes_max;
  };
  if (!has_space()) {
    if (!options_.block_when_full || OnSenderThread()) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the producer's buffer is full: ", buffered_bytes_, " of ", options_.buffered_bytes_max,
          " bytes wait for the server; send again later"));
    }
    open_is_due_ = true;  // Nobody gains by lingering now.
    NotifyLocked();
    mu_.Await(absl::Condition(&has_space));
  }
  if (closed_) return absl::FailedPreconditionError("the producer is closed");
  return absl::OkStatus();
}

absl::Status Producer::Impl::Send(const Event& event, AckCallback done, bool at_once) {
  const size_t encoded_size = internal::EncodedSize(event);
  if (absl::Status status = Validate(event, encoded_size); !status.ok()) return status;
  const size_t size = internal::BytesFieldSize(encoded_size);
  absl::MutexLock lock(&mu_);
  if (absl::Status status = WaitForSpaceLocked(size); !status.ok()) return status;
  if (!open_.empty() && open_.bytes() + size > options_.request_bytes_max) {
    SealLocked();
    NotifyLocked();
  }
  if (open_.empty()) open_since_ = internal::SteadyNow();
  const bool was_empty = open_.empty();
  if (done == nullptr) {
    open_.Add(event, encoded_size);
  } else {
    open_.Add(event, encoded_size, std::move(done));
  }
  buffered_bytes_ += size;
  ++buffered_events_;
  ++stats_.events_sent;
  ++events_by_epoch_[epoch_];
  if (at_once) open_is_due_ = true;
  if (open_.bytes() >= options_.request_bytes_max ||
      open_.event_count() >= options_.request_events_max) {
    SealLocked();
    NotifyLocked();
  } else if (was_empty || at_once) {
    NotifyLocked();
  }
  return absl::OkStatus();
}

void Producer::Impl::SealLocked() {
  open_is_due_ = false;
  if (open_.empty()) return;
  RequestPtr request = open_.Seal();
  request->flush_epoch = epoch_;
  ready_.push_back(std::move(request));
}

void Producer::Impl::NotifyLocked() {
  if (notified_) return;
  notified_ = true;
  if (stream_ != nullptr) stream_->Wake();
}

absl::Status Producer::Impl::Flush(absl::Duration timeout) {
  if (OnSenderThread()) {
    return absl::FailedPreconditionError(
        "Flush and Close cannot wait within a producer's callback");
  }
  absl::MutexLock lock(&mu_);
  SealLocked();
  NotifyLocked();
  const uint64_t epoch = epoch_++;
  const auto all_answered = [this, epoch] {
    mu_.AssertHeld();
    return events_by_epoch_.empty() || events_by_epoch_.begin()->first > epoch;
  };
  if (!mu_.AwaitWithTimeout(absl::Condition(&all_answered), timeout)) {
    return absl::DeadlineExceededError(
        absl::StrCat(buffered_events_, " events are not answered after ",
                     absl::FormatDuration(timeout), "; they are still on their way"));
  }
  return std::exchange(first_failure_, absl::OkStatus());
}

absl::Status Producer::Impl::Close(absl::Duration timeout) {
  {
    absl::MutexLock lock(&mu_);
    closed_ = true;
    if (close_status_) return *close_status_;
  }
  const absl::Status status = Flush(timeout);
  absl::MutexLock lock(&mu_);
  if (events_by_epoch_.empty()) {
    close_status_ = status;
    stop_ = true;
    NotifyLocked();
  }
  return status;
}

void Producer::Impl::OnRequestDone(RequestCallback callback) {
  absl::MutexLock lock(&mu_);
  request_callback_ = std::move(callback);
}

ProducerStats Producer::Impl::stats() const {
  absl::MutexLock lock(&mu_);
  ProducerStats stats = stats_;
  stats.buffered_events = buffered_events_;
  stats.buffered_bytes = buffered_bytes_;
  return stats;
}

std::string Producer::Impl::producer_id() const {
  absl::MutexLock lock(&mu_);
  return producer_id_;
}

absl::StatusOr<std::unique_ptr<Producer>> Producer::Open(const Client& client,
                                                         absl::string_view topic,
                                                         ProducerOptions options) {
  if (absl::Status status = ValidateOptions(options); !status.ok()) return status;
  const absl::StatusOr<TopicInfo> info = client.GetTopic(topic);
  if (!info.ok()) return info.status();
  const absl::StatusOr<ServerInfo> server = client.GetServerInfo();
  if (!server.ok()) return server.status();
  if (options.partition && *options.partition >= info->partitions) {
    return absl::InvalidArgumentError(absl::StrCat("ProducerOptions::partition is ",
                                                   *options.partition, "; topic '", topic, "' has ",
                                                   info->partitions));
  }
  std::optional<uint64_t> last_sequence;
  if (options.producer_id.empty()) {
    options.producer_id = RandomId();
  } else {
    const absl::StatusOr<uint64_t> known = client.GetProducerSequence(options.producer_id);
    if (known.ok()) last_sequence = *known;
    if (!known.ok() && !absl::IsNotFound(known.status())) return known.status();
  }
  return std::unique_ptr<Producer>(new Producer(
      std::make_unique<Impl>(client, *info, server->limits, std::move(options), last_sequence)));
}

Producer::Producer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Producer::~Producer() = default;

absl::Status Producer::Send(const Event& event) { return impl_->Send(event, nullptr, false); }

absl::Status Producer::Send(const Event& event, AckCallback done) {
  return impl_->Send(event, std::move(done), false);
}

absl::StatusOr<Ack> Producer::SendAndWait(const Event& event) {
  absl::StatusOr<Ack> result = absl::UnknownError("no outcome");
  absl::Notification told;
  const auto tell = [&result, &told](absl::StatusOr<Ack> ack) {
    result = std::move(ack);
    told.Notify();
  };
  if (absl::Status status = impl_->Send(event, tell, true); !status.ok()) return status;
  told.WaitForNotification();
  return result;
}

absl::Status Producer::Flush(absl::Duration timeout) { return impl_->Flush(timeout); }
absl::Status Producer::Close(absl::Duration timeout) { return impl_->Close(timeout); }
void Producer::OnRequestDone(RequestCallback callback) {
  impl_->OnRequestDone(std::move(callback));
}
ProducerStats Producer::stats() const { return impl_->stats(); }
std::string Producer::producer_id() const { return impl_->producer_id(); }

}  // namespace tidemark
