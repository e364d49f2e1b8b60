#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/append_sink.h"
#include "tidemark/errors.h"
#include "tidemark/stubs.h"

namespace tidemark::cli {
namespace {

// A request holds a power of two of events, so that a rerun can find out how the input was cut: the
// server stores a sequence once, and knows it again only with the same events. Where the input
// ended in an earlier run, or paused, it tries the smaller powers.
constexpr size_t kRequestEventsMax = 4096;
// One request is under way at a time, so it should be large; but far below request_bytes_max (4
// MiB).
constexpr size_t kRequestBytesMax = size_t{1} << 20;
// The server's word for a sequence that it knows with other events.
constexpr absl::string_view kReusedReason = "PRODUCER_SEQUENCE_REUSED";

// The index of the event that `status` is about, from a field path such as "events[3].type".
std::optional<size_t> RefusedIndex(const absl::Status& status) {
  const auto details = DetailsOf(status);
  if (!absl::IsInvalidArgument(status) || !details.has_value()) return std::nullopt;
  for (const FieldViolation& violation : details->field_violations) {
    absl::string_view path = violation.field;
    uint64_t index = 0;
    if (absl::ConsumePrefix(&path, "events[") &&
        absl::SimpleAtoi(path.substr(0, path.find(']')), &index)) {
      return index;
    }
  }
  return std::nullopt;
}

size_t SizeOf(const Event& event) {
  constexpr size_t kOverhead = 32;
  size_t bytes = kOverhead + event.id.size() + event.type.size() + event.source.size() +
                 event.key.size() + event.content_type.size() + event.data.size();
  for (const auto& [name, value] : event.attributes)
    bytes += kOverhead + name.size() + value.size();
  return bytes;
}

class ResumableSink final : public AppendSink {
 public:
  // `stored_requests`: sequences 0 to stored_requests - 1 are in the store.
  ResumableSink(const Client& client, AppendSettings settings, AppendCallbacks callbacks,
                uint64_t stored_requests)
      : client_(client),
        settings_(std::move(settings)),
        callbacks_(std::move(callbacks)),
        stored_requests_(stored_requests) {}

  absl::Status Send(const Event& event, uint64_t line_number) override {
    if (!failure_.ok()) return failure_;
    if (IsFull()) failure_ = SendPending(/*all=*/false, /*more_may_come=*/false);
    if (!failure_.ok()) return failure_;
    ++counts_.sent;
    pending_.push_back(event);
    pending_lines_.push_back(line_number);
    pending_bytes_ += SizeOf(event);
    return absl::OkStatus();
  }

  absl::Status Wait() override {
    if (failure_.ok()) failure_ = SendPending(/*all=*/true, /*more_may_come=*/true);
    return failure_;
  }

  absl::Status Finish() override {
    if (failure_.ok()) failure_ = SendPending(/*all=*/true, /*more_may_come=*/false);
    return failure_;
  }

  absl::Status Failure() const override { return failure_; }

  AppendCounts counts() const override { return counts_; }

 private:
  bool IsFull() const {
    return pending_.size() >= kRequestEventsMax || pending_bytes_ > kRequestBytesMax;
  }
  bool Recalling() const { return next_sequence_ < stored_requests_; }

  // The most events that may go into the next request: a power of two, within the limits.
  size_t LargestCut() const {
    size_t fitting = 0;
    for (size_t bytes = 0; fitting < pending_.size() && fitting < kRequestEventsMax; ++fitting) {
      bytes += SizeOf(pending_[fitting]);
      if (bytes > kRequestBytesMax) break;
    }
    size_t cut = 1;
    while (cut * 2 <= fitting) cut *= 2;
    return cut;
  }

  // Sends pending events, all of them or while there are enough for a full request.
  absl::Status SendPending(bool all, bool more_may_come) {
    absl::Status refusal;
    while (!pending_.empty() && (all || IsFull() || !refusal.ok())) {
      const auto sent = SendOne(&refusal);
      if (!sent.ok()) return sent.status();
      if (*sent) continue;
      if (more_may_come) return absl::OkStatus();
      return absl::FailedPreconditionError(absl::StrCat(
          "the events up to line ", pending_lines_.back(), " are not those that producer id ",
          settings_.producer_id, " stored as its request ", next_sequence_,
          "; repeat a run with the same input, or use another id"));
    }
    return refusal;
  }

  // Sends one request. False: none of the possible ones is what an earlier run stored with this
  // sequence. Sets `refusal` when an event is invalid and must not be skipped.
  absl::StatusOr<bool> SendOne(absl::Status* refusal) {
    for (size_t cut = LargestCut(); cut > 0; cut /= 2) {
      const auto result = Append(cut);
      if (result.ok()) return Acknowledge(cut, *result);
      if (Recalling() && ReasonOf(result.status()) == kReusedReason) continue;
      const auto index = RefusedIndex(result.status());
      if (!index.has_value() || *index >= cut) return result.status();
      callbacks_.on_invalid(pending_lines_[*index], result.status());
      ++counts_.invalid;
      if (settings_.skip_invalid) {
        Remove(*index, *index + 1);
      } else {
        // What stands before it is still sent.
        *refusal = result.status();
        counts_.sent -= pending_.size() - *index - 1;
        Remove(*index, pending_.size());
      }
      return true;
    }
    return false;
  }

  absl::StatusOr<AppendResult> Append(size_t events) {
    AppendOptions options;
    options.partition = settings_.partition;
    options.producer = ProducerSequence{.id = settings_.producer_id, .sequence = next_sequence_};
    if (events == pending_.size()) return client_.Append(settings_.topic, pending_, options);
    const std::vector<Event> first(pending_.begin(), pending_.begin() + ToDistance(events));
    return client_.Append(settings_.topic, first, options);
  }

  bool Acknowledge(size_t events, const AppendResult& result) {
    counts_.acknowledged += events;
    if (Recalling()) counts_.stored_before += events;
    ++next_sequence_;
    Remove(0, events);
    callbacks_.on_acknowledged(result);
    return true;
  }

  static ptrdiff_t ToDistance(size_t index) { return static_cast<ptrdiff_t>(index); }

  // Forgets pending events [from, until).
  void Remove(size_t from, size_t until) {
    for (size_t i = from; i < until; ++i) pending_bytes_ -= SizeOf(pending_[i]);
    pending_.erase(pending_.begin() + ToDistance(from), pending_.begin() + ToDistance(until));
    pending_lines_.erase(pending_lines_.begin() + ToDistance(from),
                         pending_lines_.begin() + ToDistance(until));
  }

  const Client& client_;
  const AppendSettings settings_;
  AppendCallbacks callbacks_;
  const uint64_t stored_requests_;
  uint64_t next_sequence_ = 0;
  std::vector<Event> pending_;
  std::vector<uint64_t> pending_lines_;  // As many as pending_.
  size_t pending_bytes_ = 0;
  AppendCounts counts_;
  absl::Status failure_;
};

// How many requests of this producer id are stored.
// FAILED_PRECONDITION  in another topic: its answers would pass for ours, and nothing be stored.
absl::StatusOr<uint64_t> StoredRequests(const Client& client, const AppendSettings& settings) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + client.options().call_timeout));
  v1::GetProducerRequest request;
  request.set_id(settings.producer_id);
  v1::GetProducerResponse response;
  const absl::Status status =
      ToStatus(EventStoreStub(client)->GetProducer(&context, request, &response));
  if (absl::IsNotFound(status)) return 0;
  if (!status.ok()) return status;
  for (const v1::OffsetRange& range : response.last_response().ranges()) {
    if (range.topic() == settings.topic) continue;
    return absl::FailedPreconditionError(absl::StrCat("producer id ", settings.producer_id,
                                                      " was used for topic ", range.topic(),
                                                      "; use an id for one input and one topic"));
  }
  return response.last_sequence() + 1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AppendSink>> OpenResumableSink(const Client& client,
                                                              const AppendSettings& settings,
                                                              AppendCallbacks callbacks) {
  const auto topic = client.GetTopic(settings.topic);
  if (!topic.ok()) return topic.status();
  const auto stored_requests = StoredRequests(client, settings);
  if (!stored_requests.ok()) return stored_requests.status();
  return std::make_unique<ResumableSink>(client, settings, std::move(callbacks), *stored_requests);
}

}  // namespace tidemark::cli
