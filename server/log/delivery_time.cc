#include "server/log/delivery_time.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

constexpr uint32_t kMapKeyField = 1;
constexpr uint32_t kMapValueField = 2;

bool ParseTime(absl::string_view value, absl::Time& time) {
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, value, &time, &error)) return false;
  return time > absl::FromUnixSeconds(-62135596801) && time < absl::FromUnixSeconds(253402300800);
}

bool ParseDelay(absl::string_view value, absl::Duration& delay) {
  return absl::ParseDuration(value, &delay) && delay >= absl::ZeroDuration() && delay <= kDelayMax;
}

void Later(std::optional<absl::Time>& time, absl::Time other) {
  time = std::max(time.value_or(absl::InfinitePast()), other);
}

void ViewAttribute(absl::string_view entry, absl::Time append_time, WorkView& view) {
  absl::string_view name;
  absl::string_view value;
  WireReader reader(entry);
  WireField field;
  while (reader.Next(field)) {
    if (field.number == kMapKeyField) name = field.bytes;
    if (field.number == kMapValueField) value = field.bytes;
  }
  absl::Time time;
  absl::Duration delay;
  if (name == kDeliverAtAttribute && ParseTime(value, time)) Later(view.not_before, time);
  if (name == kDelayAttribute && ParseDelay(value, delay)) {
    Later(view.not_before, append_time + delay);
  }
}

}  // namespace

absl::Status CheckDeliveryAttribute(absl::string_view name, absl::string_view value,
                                    absl::string_view field) {
  absl::Time time;
  absl::Duration delay;
  if (name == kDeliverAtAttribute && !ParseTime(value, time)) {
    return InvalidField(field, absl::StrCat("\"", value,
                                            "\" is not a time of RFC 3339 between the "
                                            "years 1 and 9999, as 2026-11-26T06:30:00Z"));
  }
  if (name == kDelayAttribute && !ParseDelay(value, delay)) {
    return InvalidField(field,
                        absl::StrCat("\"", value, "\" is not a duration between 0 and ",
                                     absl::FormatDuration(kDelayMax), ", as 30s, 5m or 1h30m"));
  }
  return absl::OkStatus();
}

absl::Status ViewWork(absl::string_view event, absl::Time append_time, WorkView& view) {
  view.event = {};
  view.not_before.reset();
  WireReader reader(event);
  WireField field;
  while (reader.Next(field)) {
    if (field.number == kEventTypeField) view.event.type = field.bytes;
    if (field.number == kEventKeyField) view.event.key = field.bytes;
    if (field.number == kEventAttributesField) ViewAttribute(field.bytes, append_time, view);
  }
  if (!reader.ok()) return absl::DataLossError("a stored event is malformed");
  return absl::OkStatus();
}

}  // namespace tidemark::log
