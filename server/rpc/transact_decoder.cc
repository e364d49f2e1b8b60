// Decoding a TransactRequest: as an AppendRequest, but the events are in appends, each with its
// topic.
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "server/base/error.h"
#include "server/base/utf8.h"
#include "server/delivery/start_resolver.h"
#include "server/log/wire.h"
#include "server/rpc/append_decoder.h"
#include "server/rpc/event_router.h"
#include "server/rpc/names.h"
#include "server/rpc/request_extras.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {
namespace {

using v1::TopicAppend;
using v1::TransactRequest;

// Entries of a TopicAppend become entries of a stored batch.
static_assert(log::kEventsField == TopicAppend::kEventsFieldNumber);

absl::Status Malformed(absl::string_view what) {
  return InvalidField(what, "is malformed", "MALFORMED");
}

// What is wrong with an event, told from the request on: "appends[1].events[3].type".
absl::Status InAppend(const absl::Status& status, const std::string& path) {
  std::optional<ErrorDetail> detail = DetailOf(status);
  if (!detail.has_value()) return status;
  for (FieldViolation& field : detail->fields) field.field = absl::StrCat(path, ".", field.field);
  for (auto& [name, value] : detail->metadata) {
    if (name == "field") value = absl::StrCat(path, ".", value);
  }
  return MakeError(status.code(), absl::StrCat(path, ".", status.message()), *std::move(detail));
}

struct Envelope {
  EncodedEntries appends;
  RequestExtras extras;
};

absl::StatusOr<Envelope> Scan(RequestReader& reader, const RpcLimits& limits) {
  Envelope envelope;
  log::WireField field;
  while (reader.Next(field)) {
    if (field.number > TransactRequest::kProducerFieldNumber) continue;  // Of a newer contract.
    if (field.type != log::WireType::kBytes) return Malformed(absl::StrCat("field ", field.number));
    switch (field.number) {
      case TransactRequest::kAppendsFieldNumber:
        envelope.appends.Add(field.bytes, limits.transact_appends_max);
        break;
      case TransactRequest::kConditionsFieldNumber:
        envelope.extras.conditions.Add(field.bytes, limits.request_conditions_max);
        break;
      case TransactRequest::kOffsetCommitsFieldNumber:
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
  if (request_bytes > limits.request_bytes_max) {
    return OverLimit("request", "request_bytes_max", limits.request_bytes_max, request_bytes,
                     "bytes");
  }
  if (envelope.appends.count == 0 && envelope.extras.offset_commits.count == 0) {
    return InvalidField("appends", "is required: at least one, or an entry of offset_commits");
  }
  if (envelope.appends.count > limits.transact_appends_max) {
    return OverLimit("appends", "transact_appends_max", limits.transact_appends_max,
                     envelope.appends.count, "entries");
  }
  return CheckExtras(envelope.extras, limits);
}

// The appends of a request, one after the other.
class AppendsDecoder {
 public:
  // `has_producer`: somebody asks for the fingerprint.
  AppendsDecoder(const RpcLimits& limits, const log::Catalog& catalog, uint32_t spread,
                 bool has_producer)
      : limits_(limits), catalog_(catalog), spread_(spread), has_producer_(has_producer) {}

  absl::Status Add(absl::string_view encoded, size_t index) {
    const std::string path = absl::StrCat("appends[", index, "]");
    absl::string_view topic;
    std::optional<uint64_t> partition;
    events_.clear();
    if (absl::Status status = Walk(encoded, path, topic, partition); !status.ok()) return status;
    absl::Status name = CheckName(topic, limits_.name_bytes_max, absl::StrCat(path, ".topic"));
    if (!name.ok()) return name;
    if (events_.empty()) {
      return InvalidField(absl::StrCat(path, ".events"), "is required: at least one event");
    }
    EventRouter* const router = RouterOf(topic);
    if (router == nullptr) return NoSuch("topic", topic, ". Create it, or check the name");
    std::optional<uint32_t> fixed;
    fingerprint_ = base::ExtendCrc32c(fingerprint_, absl::StrCat("append ", topic));
    if (partition.has_value()) {
      if (*partition >= router->topic()->partitions()) {
        return delivery::NoSuchPartition(*router->topic(), *partition,
                                         absl::StrCat(path, ".partition"));
      }
      fixed = static_cast<uint32_t>(*partition);
      fingerprint_ = base::ExtendCrc32c(fingerprint_, absl::StrCat(" ", *fixed));
    }
    for (CheckedEvent& event : events_) {
      router->Add(event, fixed);
      if (has_producer_) fingerprint_ = ExtendFingerprint(fingerprint_, event);
    }
    return absl::OkStatus();
  }

  // Of topics and partitions alone, unless the request has a producer.
  uint32_t fingerprint() const { return fingerprint_; }
  std::vector<log::PartitionEvents> Take() {
    std::vector<log::PartitionEvents> parts;
    for (EventRouter& router : routers_) {
      for (log::PartitionEvents& part : router.Take()) {
        part.topic = router.topic();
        parts.push_back(std::move(part));
      }
    }
    return parts;
  }

 private:
  absl::Status Walk(absl::string_view encoded, const std::string& path, absl::string_view& topic,
                    std::optional<uint64_t>& partition) {
    log::WireReader reader(encoded);
    log::WireField field;
    while (reader.Next(field)) {
      if (field.number == TopicAppend::kPartitionFieldNumber) {
        if (field.type != log::WireType::kVarint)
          return Malformed(absl::StrCat(path, ".partition"));
        partition = field.number_value;
      } else if (field.number > TopicAppend::kPartitionFieldNumber) {
        continue;  // Of a newer contract.
      } else if (field.type != log::WireType::kBytes) {
        return Malformed(path);
      } else if (field.number == TopicAppend::kTopicFieldNumber) {
        // The last one counts, but none may be what Protobuf would refuse.
        if (!base::IsUtf8(topic)) return Malformed(absl::StrCat(path, ".topic"));
        topic = field.bytes;
      } else if (absl::Status status = AddEvent(field, path); !status.ok()) {
        return status;
      }
    }
    return reader.ok() ? absl::OkStatus() : Malformed(path);
  }

  absl::Status AddEvent(const log::WireField& field, const std::string& path) {
    if (++event_count_ > limits_.request_events_max) {
      return OverLimit("appends", "request_events_max", limits_.request_events_max, event_count_,
                       "events");
    }
    CheckedEvent& checked = events_.emplace_back();
    checked.entry = field.whole;
    checked.event = field.bytes;
    absl::Status status =
        log::CheckEvent(field.bytes, limits_.event, events_.size() - 1, checked.view);
    return status.ok() ? status : InAppend(status, path);
  }

  EventRouter* RouterOf(absl::string_view topic) {
    for (EventRouter& router : routers_) {
      if (router.topic()->name() == topic) return &router;
    }
    log::TopicPtr found = catalog_.Find(topic);
    if (found == nullptr) return nullptr;
    return &routers_.emplace_back(std::move(found), spread_);
  }

  const RpcLimits& limits_;
  const log::Catalog& catalog_;
  const uint32_t spread_;
  const bool has_producer_;
  uint64_t event_count_ = 0;
  uint32_t fingerprint_ = 0;
  std::vector<CheckedEvent> events_;  // Of the append at hand.
  std::deque<EventRouter> routers_;   // One for each topic, as the request names them first.
};

}  // namespace

absl::StatusOr<DecodedAppend> DecodeTransact(std::shared_ptr<RequestBytes> request,
                                             const RpcLimits& limits, const log::Catalog& catalog,
                                             uint32_t spread) {
  RequestReader reader(*request);
  const absl::StatusOr<Envelope> envelope = Scan(reader, limits);
  if (!envelope.ok()) return envelope.status();
  absl::Status status = CheckEnvelope(*envelope, request->size(), limits);
  DecodedAppend decoded;
  if (status.ok()) status = TakeProducer(envelope->extras, limits, decoded.request);
  if (!status.ok()) return status;
  AppendsDecoder appends(limits, catalog, spread, decoded.request.producer.has_value());
  for (size_t i = 0; i < envelope->appends.entries.size(); ++i) {
    status = appends.Add(envelope->appends.entries[i], i);
    if (!status.ok()) return status;
  }
  // Another first word than an append's, whose first one is a topic.
  decoded.request.fingerprint =
      base::ExtendCrc32c(base::Crc32c("transact "), std::to_string(appends.fingerprint()));
  status = TakeExtras(envelope->extras, {}, limits, catalog, decoded);
  if (!status.ok()) return status;
  decoded.request.parts = appends.Take();
  decoded.request.bytes = request->size();
  decoded.request.owner = std::move(request);
  return decoded;
}

}  // namespace tidemark::rpc
