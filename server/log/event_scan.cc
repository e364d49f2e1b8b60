#include "server/log/event_scan.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/utf8.h"
#include "server/log/delivery_time.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

constexpr uint32_t kMapKeyField = 1;
constexpr uint32_t kMapValueField = 2;
constexpr uint32_t kSecondsField = 1;
constexpr uint32_t kNanosField = 2;
// google.protobuf.Timestamp: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
constexpr int64_t kMinSeconds = -62135596800;
constexpr int64_t kMaxSeconds = 253402300799;

// The name in front of a field in errors; built only when there is one.
struct Path {
  size_t index;
  std::string Of(absl::string_view field) const {
    return absl::StrCat("events[", index, "].", field);
  }
};

absl::Status CheckText(absl::string_view text, uint64_t bytes_max, absl::string_view limit_name,
                       absl::string_view field, const Path& path) {
  if (text.size() > bytes_max) [[unlikely]] {
    return OverLimit(path.Of(field), limit_name, bytes_max, text.size(), "bytes");
  }
  if (!base::IsPlainText(text)) [[unlikely]] {
    return InvalidField(path.Of(field), "is not valid UTF-8 without control characters");
  }
  return absl::OkStatus();
}

absl::Status CheckTime(absl::string_view message, const Path& path) {
  WireReader reader(message);
  WireField field;
  int64_t seconds = 0;
  int64_t nanos = 0;
  while (reader.Next(field)) {
    if (field.type != WireType::kVarint) continue;
    if (field.number == kSecondsField) seconds = static_cast<int64_t>(field.number_value);
    if (field.number == kNanosField) nanos = static_cast<int32_t>(field.number_value);
  }
  if (!reader.ok()) return InvalidField(path.Of("time"), "is malformed", "MALFORMED");
  if (seconds < kMinSeconds || seconds > kMaxSeconds || nanos < 0 || nanos > 999'999'999) {
    return InvalidField(
        path.Of("time"),
        absl::StrCat(seconds, " s and ", nanos, " ns is not a time between the years 1 and 9999"));
  }
  return absl::OkStatus();
}

absl::Status CheckAttribute(absl::string_view entry, const EventLimits& limits, const Path& path) {
  absl::string_view name;
  absl::string_view value;
  WireReader reader(entry);
  WireField field;
  while (reader.Next(field)) {
    if (field.number == kMapKeyField) name = field.bytes;
    if (field.number == kMapValueField) value = field.bytes;
    // Each occurrence must be parseable, though the last one counts.
    if (field.type != WireType::kBytes || !base::IsPlainText(field.bytes)) {
      return InvalidField(path.Of("attributes"),
                          "has a name or value that is not valid UTF-8 without control characters");
    }
  }
  if (!reader.ok()) return InvalidField(path.Of("attributes"), "is malformed", "MALFORMED");
  if (name.empty()) return InvalidField(path.Of("attributes"), "has an empty name");
  absl::Status status = CheckText(name, limits.attribute_name_bytes_max, "attribute_name_bytes_max",
                                  "attributes", path);
  if (!status.ok()) return status;
  if (value.size() > limits.attribute_value_bytes_max) {
    return OverLimit(path.Of(absl::StrCat("attributes[\"", name, "\"]")),
                     "attribute_value_bytes_max", limits.attribute_value_bytes_max, value.size(),
                     "bytes");
  }
  if (name != kDeliverAtAttribute && name != kDelayAttribute) return absl::OkStatus();
  return CheckDeliveryAttribute(name, value, path.Of(absl::StrCat("attributes[\"", name, "\"]")));
}

// Checks one field; fills `view` where it is type or key. Unknown fields are stored as they are.
absl::Status CheckField(const WireField& field, const EventLimits& limits, const Path& path,
                        size_t& attributes, EventView& view) {
  if (field.number > kEventAttributesField) return absl::OkStatus();
  if (field.type != WireType::kBytes) [[unlikely]] {
    return InvalidField(path.Of(absl::StrCat("field ", field.number)), "has the wrong wire type",
                        "MALFORMED");
  }
  switch (field.number) {
    case kEventDataField:
      return absl::OkStatus();
    case kEventTypeField:
      // Each occurrence must be parseable; the last one counts, and is checked as a type below.
      view.type = field.bytes;
      if (!base::IsPlainText(field.bytes)) {
        return InvalidField(path.Of("type"), "is not valid UTF-8 without control characters");
      }
      return absl::OkStatus();
    case kEventKeyField:
      view.key = field.bytes;
      return CheckText(field.bytes, limits.key_bytes_max, "key_bytes_max", "key", path);
    case kEventIdField:
      return CheckText(field.bytes, limits.id_bytes_max, "id_bytes_max", "id", path);
    case kEventSourceField:
      return CheckText(field.bytes, limits.source_bytes_max, "source_bytes_max", "source", path);
    case kEventContentTypeField:
      return CheckText(field.bytes, limits.content_type_bytes_max, "content_type_bytes_max",
                       "content_type", path);
    case kEventTimeField:
      return CheckTime(field.bytes, path);
    default:
      if (++attributes > limits.attributes_max) {
        return OverLimit(path.Of("attributes"), "attributes_max", limits.attributes_max, attributes,
                         "attributes");
      }
      return CheckAttribute(field.bytes, limits, path);
  }
}

}  // namespace

absl::Status CheckType(absl::string_view type, uint64_t type_bytes_max, absl::string_view field) {
  if (type.empty()) return InvalidField(field, "is required");
  if (type.size() > type_bytes_max) {
    return OverLimit(field, "type_bytes_max", type_bytes_max, type.size(), "bytes");
  }
  if (!base::IsPlainText(type) || type.find('*') != absl::string_view::npos) {
    return InvalidField(field, "is not valid UTF-8 without control characters and '*'");
  }
  return absl::OkStatus();
}

absl::Status CheckEvent(absl::string_view event, const EventLimits& limits, size_t index,
                        EventView& view, uint64_t data_bytes) {
  const Path path{index};
  view = {};
  const uint64_t bytes = event.size() + data_bytes;
  if (bytes > limits.event_bytes_max) {
    return OverLimit(absl::StrCat("events[", index, "]"), "event_bytes_max", limits.event_bytes_max,
                     bytes, "bytes");
  }
  WireReader reader(event);
  WireField field;
  size_t attributes = 0;
  while (reader.Next(field)) {
    absl::Status status = CheckField(field, limits, path, attributes, view);
    if (!status.ok()) [[unlikely]]
      return status;
  }
  if (!reader.ok()) {
    return InvalidField(absl::StrCat("events[", index, "]"), "is malformed", "MALFORMED");
  }
  const bool plain = !view.type.empty() && view.type.size() <= limits.type_bytes_max &&
                     view.type.find('*') == absl::string_view::npos;
  if (!plain) return CheckType(view.type, limits.type_bytes_max, path.Of("type"));
  return absl::OkStatus();
}

absl::Status ViewEvent(absl::string_view event, EventView& view) {
  view = {};
  WireReader reader(event);
  WireField field;
  while (reader.Next(field)) {
    if (field.number == kEventTypeField) view.type = field.bytes;
    if (field.number == kEventKeyField) view.key = field.bytes;
  }
  if (!reader.ok()) return absl::DataLossError("a stored event is malformed");
  return absl::OkStatus();
}

}  // namespace tidemark::log
