#include "tidemark/event.h"

#include <tuple>

#include "client/cpp/src/event_codec.h"
#include "client/cpp/src/wire.h"

namespace tidemark {
namespace internal {
namespace {

enum Field : uint32_t {
  kId = 1,
  kType = 2,
  kSource = 3,
  kKey = 4,
  kTime = 5,
  kContentType = 6,
  kData = 7,
  kAttributes = 8,
};

constexpr uint32_t BytesTag(Field field) { return MakeTag(field, kLengthDelimited); }

// Seconds since 1970, rounded down, and the nanoseconds above them.
std::pair<int64_t, int64_t> SplitTime(absl::Time time) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  return {seconds, absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))};
}

size_t TimestampSize(absl::Time time) {
  const auto [seconds, nanos] = SplitTime(time);
  return (seconds != 0 ? 1 + VarintSize(static_cast<uint64_t>(seconds)) : 0) +
         (nanos != 0 ? 1 + VarintSize(static_cast<uint64_t>(nanos)) : 0);
}

size_t EntrySize(absl::string_view name, absl::string_view value) {
  return BytesFieldSize(name.size()) + BytesFieldSize(value.size());
}

char* PutOptional(char* out, Field field, absl::string_view bytes) {
  return bytes.empty() ? out : PutBytes(out, BytesTag(field), bytes);
}

char* PutTime(char* out, absl::Time time) {
  const auto [seconds, nanos] = SplitTime(time);
  *out++ = static_cast<char>(BytesTag(kTime));
  *out++ = static_cast<char>(TimestampSize(time));
  if (seconds != 0) {
    *out++ = MakeTag(1, kVarint);
    out = PutVarint(out, static_cast<uint64_t>(seconds));
  }
  if (nanos != 0) {
    *out++ = MakeTag(2, kVarint);
    out = PutVarint(out, static_cast<uint64_t>(nanos));
  }
  return out;
}

bool DecodeAttribute(absl::string_view entry, absl::string_view* name, absl::string_view* value) {
  WireReader reader(entry);
  *name = *value = absl::string_view();
  while (!reader.done()) {
    uint32_t tag;
    if (!reader.Tag(&tag)) return false;
    if (tag == MakeTag(1, kLengthDelimited)) {
      if (!reader.Bytes(name)) return false;
    } else if (tag == MakeTag(2, kLengthDelimited)) {
      if (!reader.Bytes(value)) return false;
    } else if (!reader.Skip(tag)) {
      return false;
    }
  }
  return true;
}

// The view that a string or bytes field is read into; null for every other field.
absl::string_view* TextField(EventView* event, uint32_t tag) {
  switch (tag) {
    case BytesTag(kId):
      return &event->id;
    case BytesTag(kType):
      return &event->type;
    case BytesTag(kSource):
      return &event->source;
    case BytesTag(kKey):
      return &event->key;
    case BytesTag(kContentType):
      return &event->content_type;
    case BytesTag(kData):
      return &event->data;
    default:
      return nullptr;
  }
}

}  // namespace

size_t EncodedSize(const Event& event) {
  size_t size = 0;
  for (const std::string* text :
       {&event.id, &event.type, &event.source, &event.key, &event.content_type, &event.data}) {
    if (!text->empty()) size += BytesFieldSize(text->size());
  }
  if (event.time) size += BytesFieldSize(TimestampSize(*event.time));
  for (const auto& [name, value] : event.attributes) size += BytesFieldSize(EntrySize(name, value));
  return size;
}

char* EncodeEvent(const Event& event, char* out) {
  out = PutOptional(out, kId, event.id);
  out = PutOptional(out, kType, event.type);
  out = PutOptional(out, kSource, event.source);
  out = PutOptional(out, kKey, event.key);
  if (event.time) out = PutTime(out, *event.time);
  out = PutOptional(out, kContentType, event.content_type);
  out = PutOptional(out, kData, event.data);
  for (const auto& [name, value] : event.attributes) {
    *out++ = static_cast<char>(BytesTag(kAttributes));
    out = PutVarint(out, EntrySize(name, value));
    out = PutBytes(out, MakeTag(1, kLengthDelimited), name);
    out = PutBytes(out, MakeTag(2, kLengthDelimited), value);
  }
  return out;
}

bool DecodeTimestamp(absl::string_view encoded, absl::Time* time) {
  WireReader reader(encoded);
  uint64_t seconds = 0;
  uint64_t nanos = 0;
  while (!reader.done()) {
    uint32_t tag;
    if (!reader.Tag(&tag)) return false;
    if (tag == MakeTag(1, kVarint)) {
      if (!reader.Varint(&seconds)) return false;
    } else if (tag == MakeTag(2, kVarint)) {
      if (!reader.Varint(&nanos)) return false;
    } else if (!reader.Skip(tag)) {
      return false;
    }
  }
  *time = absl::FromUnixSeconds(static_cast<int64_t>(seconds)) +
          absl::Nanoseconds(static_cast<int64_t>(nanos));
  return true;
}

bool DecodeEvent(absl::string_view encoded, EventView* event) {
  *event = EventView();
  event->encoded = encoded;
  WireReader reader(encoded);
  while (!reader.done()) {
    uint32_t tag;
    if (!reader.Tag(&tag)) return false;
    if (absl::string_view* text = TextField(event, tag)) {
      if (!reader.Bytes(text)) return false;
    } else if (tag == BytesTag(kTime)) {
      absl::string_view bytes;
      if (!reader.Bytes(&bytes) || !DecodeTimestamp(bytes, &event->time.emplace())) return false;
    } else if (!reader.Skip(tag)) {
      return false;
    }
  }
  return true;
}

bool IsWellFormedEvent(absl::string_view encoded) {
  WireReader reader(encoded);
  while (!reader.done()) {
    uint32_t tag;
    absl::string_view bytes, name, value;
    absl::Time time;
    if (!reader.Tag(&tag)) return false;
    if ((tag & 7) != kLengthDelimited) {
      if (!reader.Skip(tag)) return false;
      continue;
    }
    if (!reader.Bytes(&bytes)) return false;
    if (tag == BytesTag(kTime) && !DecodeTimestamp(bytes, &time)) return false;
    if (tag == BytesTag(kAttributes) && !DecodeAttribute(bytes, &name, &value)) return false;
  }
  return true;
}

}  // namespace internal

bool operator==(const Event& a, const Event& b) {
  return std::tie(a.id, a.type, a.source, a.key, a.time, a.content_type, a.data, a.attributes) ==
         std::tie(b.id, b.type, b.source, b.key, b.time, b.content_type, b.data, b.attributes);
}

std::vector<std::pair<absl::string_view, absl::string_view>> EventView::Attributes() const {
  std::vector<std::pair<absl::string_view, absl::string_view>> attributes;
  internal::WireReader reader(encoded);
  uint32_t tag;
  while (!reader.done() && reader.Tag(&tag)) {
    absl::string_view entry, name, value;
    if (tag != internal::BytesTag(internal::kAttributes)) {
      if (!reader.Skip(tag)) break;
    } else if (!reader.Bytes(&entry) || !internal::DecodeAttribute(entry, &name, &value)) {
      break;
    } else {
      attributes.emplace_back(name, value);
    }
  }
  return attributes;
}

std::optional<absl::string_view> EventView::Attribute(absl::string_view name) const {
  std::optional<absl::string_view> found;
  for (const auto& [key, value] : Attributes()) {
    if (key == name) found = value;
  }
  return found;
}

Event EventView::ToEvent() const {
  Event event;
  event.id = std::string(id);
  event.type = std::string(type);
  event.source = std::string(source);
  event.key = std::string(key);
  event.time = time;
  event.content_type = std::string(content_type);
  event.data = std::string(data);
  for (const auto& [name, value] : Attributes())
    event.attributes[std::string(name)] = std::string(value);
  return event;
}

}  // namespace tidemark
