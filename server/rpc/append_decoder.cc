#include "server/rpc/append_decoder.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "server/base/error.h"
#include "server/base/murmur2.h"
#include "server/base/utf8.h"
#include "server/delivery/start_resolver.h"
#include "server/log/wire.h"
#include "server/rpc/names.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {
namespace {

using v1::AppendRequest;
using v1::Event;

// The log looks into events by these numbers.
static_assert(log::kEventIdField == Event::kIdFieldNumber);
static_assert(log::kEventTypeField == Event::kTypeFieldNumber);
static_assert(log::kEventSourceField == Event::kSourceFieldNumber);
static_assert(log::kEventKeyField == Event::kKeyFieldNumber);
static_assert(log::kEventTimeField == Event::kTimeFieldNumber);
static_assert(log::kEventContentTypeField == Event::kContentTypeFieldNumber);
static_assert(log::kEventDataField == Event::kDataFieldNumber);
static_assert(log::kEventAttributesField == Event::kAttributesFieldNumber);
// A stored batch is the `events` field of both.
static_assert(log::kEventsField == AppendRequest::kEventsFieldNumber);
static_assert(log::kEventsField == v1::EventBatch::kEventsFieldNumber);

constexpr uint64_t kSequenceMax = INT64_MAX;

absl::Status Malformed(absl::string_view what) {
  return InvalidField(what, "is malformed", "MALFORMED");
}

// An entry of `events`, checked.
struct CheckedEvent {
  absl::string_view entry;  // With tag and length.
  absl::string_view event;
  log::EventView view;
  std::shared_ptr<const std::string> buffer;  // Of a large event that has one.
};

// The request, with the events where they are.
struct Envelope {
  absl::string_view topic;
  std::optional<uint64_t> partition;
  std::optional<absl::string_view> producer;
  bool has_conditions = false;
  bool has_offset_commits = false;
  uint64_t event_count = 0;
  absl::Status event_status;  // Of the first event that is refused.
};

// Fields may come in any order, and what an event is to be is known only at the end: so the scan
// leaves in `events` what routing needs. Events after one that is refused are only counted.
absl::StatusOr<Envelope> Scan(const RequestBytes& request, RequestReader& reader,
                              const RpcLimits& limits, std::vector<CheckedEvent>& events) {
  Envelope envelope;
  log::WireField field;
  while (reader.Next(field)) {
    if (field.number == AppendRequest::kPartitionFieldNumber) {
      if (field.type != log::WireType::kVarint) return Malformed("partition");
      envelope.partition = field.number_value;
      continue;
    }
    if (field.number > AppendRequest::kProducerFieldNumber) continue;  // Of a newer contract.
    if (field.type != log::WireType::kBytes) return Malformed(absl::StrCat("field ", field.number));
    switch (field.number) {
      case AppendRequest::kEventsFieldNumber: {
        const uint64_t index = envelope.event_count++;
        if (index >= limits.request_events_max || !envelope.event_status.ok()) break;
        CheckedEvent& checked = events.emplace_back();
        checked.entry = field.whole;
        checked.event = field.bytes;
        checked.buffer = request.BufferOf(field.whole);
        envelope.event_status = log::CheckEvent(field.bytes, limits.event, index, checked.view);
        break;
      }
      case AppendRequest::kTopicFieldNumber:
        envelope.topic = field.bytes;
        break;
      case AppendRequest::kConditionsFieldNumber:
        envelope.has_conditions = true;
        break;
      case AppendRequest::kOffsetCommitsFieldNumber:
        envelope.has_offset_commits = true;
        break;
      default:
        envelope.producer = field.bytes;
    }
  }
  if (!reader.ok()) return Malformed("request");
  return envelope;
}

absl::StatusOr<log::ProducerSequence> DecodeProducer(absl::string_view bytes,
                                                     const RpcLimits& limits) {
  v1::Producer producer;
  if (!producer.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Malformed("producer");
  }
  absl::Status name = CheckName(producer.id(), limits.name_bytes_max, "producer.id");
  if (!name.ok()) return name;
  if (producer.sequence() > kSequenceMax) {
    return OverLimit("producer.sequence", "sequence_max", kSequenceMax, producer.sequence(), "");
  }
  return log::ProducerSequence{.id = producer.id(), .sequence = producer.sequence()};
}

absl::Status CheckEnvelope(const Envelope& envelope, size_t request_bytes,
                           const RpcLimits& limits) {
  absl::Status name = CheckName(envelope.topic, limits.name_bytes_max, "topic");
  if (!name.ok()) return name;
  if (request_bytes > limits.request_bytes_max) {
    return OverLimit("request", "request_bytes_max", limits.request_bytes_max, request_bytes,
                     "bytes");
  }
  if (envelope.event_count == 0) return InvalidField("events", "is required: at least one event");
  if (envelope.event_count > limits.request_events_max) {
    return OverLimit("events", "request_events_max", limits.request_events_max,
                     envelope.event_count, "events");
  }
  if (envelope.has_conditions) {
    return NoFeature("append.conditions", "this server does not check conditions yet");
  }
  if (envelope.has_offset_commits) {
    return NoFeature("append.offset_commits",
                     "this server does not commit offsets with an append yet; use CommitOffsets");
  }
  return absl::OkStatus();
}

// What a retry must repeat, whatever the order in which a client's encoder wrote fields and map
// entries: per event the sum of its fields' checksums.
uint32_t ExtendFingerprint(uint32_t fingerprint, absl::string_view event) {
  uint64_t sum = 0;
  log::WireReader reader(event);
  log::WireField field;
  while (reader.Next(field)) sum += base::Crc32c(field.whole);
  return base::ExtendCrc32c(fingerprint,
                            absl::string_view(reinterpret_cast<const char*>(&sum), sizeof(sum)));
}

// Sorts events into their partitions.
class Router {
 public:
  Router(const log::Topic& topic, std::optional<uint32_t> fixed, uint32_t spread)
      : partitions_(topic.partitions()),
        index_keys_(topic.record.config.index_keys),
        fixed_(fixed),
        keyless_(spread % topic.partitions()) {}

  void Add(CheckedEvent& checked) {
    const log::EventView& event = checked.view;
    const absl::string_view entry = checked.entry;
    const uint32_t partition = fixed_.has_value()  ? *fixed_
                               : event.key.empty() ? keyless_
                                                   : base::PartitionOfKey(event.key, partitions_);
    log::PartitionEvents& part = PartOf(partition);
    ++part.count;
    part.bytes += entry.size();
    part.terms.Add(event, index_keys_);
    if (checked.buffer != nullptr) {
      part.buffers.push_back(std::move(checked.buffer));
    } else if (!part.runs.empty()) {
      absl::string_view& run = part.runs.back();
      if (run.data() + run.size() == entry.data()) {
        run = absl::string_view(run.data(), run.size() + entry.size());
        return;
      }
    }
    part.runs.push_back(entry);
  }

  std::vector<log::PartitionEvents> Take() {
    std::sort(parts_.begin(), parts_.end(),
              [](const auto& a, const auto& b) { return a.partition < b.partition; });
    return std::move(parts_);
  }

 private:
  log::PartitionEvents& PartOf(uint32_t partition) {
    if (index_.empty()) index_.assign(partitions_, -1);
    if (index_[partition] < 0) {
      index_[partition] = static_cast<int32_t>(parts_.size());
      parts_.push_back({.partition = PartitionIndex(partition)});
    }
    return parts_[index_[partition]];
  }

  const uint32_t partitions_;
  const bool index_keys_;
  const std::optional<uint32_t> fixed_;
  const uint32_t keyless_;
  std::vector<log::PartitionEvents> parts_;
  absl::InlinedVector<int32_t, 64> index_;  // From partition to place in parts_.
};

}  // namespace

absl::StatusOr<log::AppendRequest> DecodeAppend(std::shared_ptr<RequestBytes> request,
                                                const RpcLimits& limits,
                                                const log::Catalog& catalog, uint32_t spread,
                                                bool* is_message) {
  // Keeps its memory from request to request: nothing is allocated for an event.
  static thread_local std::vector<CheckedEvent> events;
  events.clear();
  RequestReader reader(*request);
  absl::StatusOr<Envelope> envelope = Scan(*request, reader, limits, events);
  if (is_message != nullptr) *is_message = reader.ok();
  if (!envelope.ok()) return envelope.status();
  absl::Status checked = CheckEnvelope(*envelope, request->size(), limits);
  if (!checked.ok()) return checked;
  log::AppendRequest append;
  if (envelope->producer.has_value()) {
    absl::StatusOr<log::ProducerSequence> producer = DecodeProducer(*envelope->producer, limits);
    if (!producer.ok()) return producer.status();
    append.producer = *std::move(producer);
    append.fingerprint = base::Crc32c(envelope->topic);
  }
  append.topic = catalog.Find(envelope->topic);
  if (append.topic == nullptr) {
    return NoSuch("topic", envelope->topic, ". Create it, or check the name");
  }
  std::optional<uint32_t> fixed;
  if (envelope->partition.has_value()) {
    if (*envelope->partition >= append.topic->partitions()) {
      return delivery::NoSuchPartition(*append.topic, *envelope->partition, "partition");
    }
    fixed = static_cast<uint32_t>(*envelope->partition);
    append.fingerprint = base::ExtendCrc32c(append.fingerprint, std::to_string(*fixed));
  }
  if (!envelope->event_status.ok()) return envelope->event_status;
  Router router(*append.topic, fixed, spread);
  for (CheckedEvent& event : events) {
    router.Add(event);
    if (append.producer.has_value()) {
      append.fingerprint = ExtendFingerprint(append.fingerprint, event.event);
    }
  }
  events.clear();
  append.parts = router.Take();
  append.bytes = request->size();
  append.owner = std::move(request);
  return append;
}

}  // namespace tidemark::rpc
