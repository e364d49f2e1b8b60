#include "server/rpc/append_decoder.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "server/base/error.h"
#include "server/base/utf8.h"
#include "server/delivery/start_resolver.h"
#include "server/log/wire.h"
#include "server/rpc/event_router.h"
#include "server/rpc/names.h"
#include "server/rpc/request_extras.h"
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

absl::Status Malformed(absl::string_view what) {
  return InvalidField(what, "is malformed", "MALFORMED");
}

// The request, with the events where they are.
struct Envelope {
  absl::string_view topic;
  std::optional<uint64_t> partition;
  RequestExtras extras;
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
        checked.cut = reader.cut();
        if (checked.cut == nullptr) checked.buffer = request.BufferOf(field.whole);
        const uint64_t data_bytes = checked.cut != nullptr ? checked.cut->data_bytes : 0;
        envelope.event_status =
            log::CheckEvent(field.bytes, limits.event, index, checked.view, data_bytes);
        break;
      }
      case AppendRequest::kTopicFieldNumber:
        // The last one counts, but none may be what Protobuf would refuse.
        if (!base::IsUtf8(envelope.topic)) return Malformed("topic");
        envelope.topic = field.bytes;
        break;
      case AppendRequest::kConditionsFieldNumber:
        envelope.extras.conditions.Add(field.bytes, limits.request_conditions_max);
        break;
      case AppendRequest::kOffsetCommitsFieldNumber:
        envelope.extras.offset_commits.Add(field.bytes, limits.request_offset_commits_max);
        break;
      default:
        envelope.extras.producer.Add(field.bytes, kProducerPiecesMax);
    }
  }
  if (!reader.ok()) return Malformed("request");
  return envelope;
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
  return CheckExtras(envelope.extras, limits);
}

}  // namespace

absl::StatusOr<DecodedAppend> DecodeAppend(std::shared_ptr<RequestBytes> request,
                                           const RpcLimits& limits, const log::Catalog& catalog,
                                           uint32_t spread, bool* is_message) {
  // Keeps its memory from request to request: nothing is allocated for an event.
  static thread_local std::vector<CheckedEvent> events;
  events.clear();
  RequestReader reader(*request, RequestReader::Across::kCutEvents);
  absl::StatusOr<Envelope> envelope = Scan(*request, reader, limits, events);
  if (is_message != nullptr) *is_message = reader.ok();
  if (!envelope.ok()) return envelope.status();
  absl::Status checked = CheckEnvelope(*envelope, request->size(), limits);
  if (!checked.ok()) return checked;
  DecodedAppend decoded;
  log::AppendRequest& append = decoded.request;
  if (absl::Status status = TakeProducer(envelope->extras, limits, append); !status.ok()) {
    return status;
  }
  append.fingerprint = base::Crc32c(envelope->topic);
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
  absl::Status taken = TakeExtras(envelope->extras, {.topic = append.topic, .partition = fixed},
                                  limits, catalog, decoded);
  if (!taken.ok()) return taken;
  EventRouter router(append.topic, spread);
  for (CheckedEvent& event : events) {
    router.Add(event, fixed);
    if (append.producer.has_value()) {
      append.fingerprint = ExtendFingerprint(append.fingerprint, event);
    }
  }
  events.clear();
  append.parts = router.Take();
  append.bytes = request->size();
  append.owner = std::move(request);
  return decoded;
}

}  // namespace tidemark::rpc
