#include "tests/support/events.h"

#include <ostream>

#include "absl/strings/str_cat.h"

namespace tidemark::testing {
namespace {

// Takes fields off a message one by one.
class Parser {
 public:
  explicit Parser(absl::string_view message) : rest_(message) {}

  struct Field {
    uint64_t number = 0;
    uint64_t value = 0;
    absl::string_view bytes;
  };
  // False at the end and where the message is malformed; then ok() tells which.
  bool Next(Field& field) {
    if (rest_.empty() || !ok_) return false;
    const uint64_t tag = TakeVarint();
    field = {.number = tag >> 3};
    switch (tag & 7) {
      case 0:
        field.value = TakeVarint();
        break;
      case 2: {
        const uint64_t size = TakeVarint();
        ok_ = ok_ && size <= rest_.size();
        if (!ok_) return false;
        field.bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        break;
      }
      default:
        ok_ = false;
    }
    return ok_;
  }
  bool ok() const { return ok_; }

 private:
  uint64_t TakeVarint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }

  absl::string_view rest_;
  bool ok_ = true;
};

bool DecodeTime(absl::string_view bytes, TestEvent& event) {
  event.time.emplace(0, 0);
  Parser parser(bytes);
  Parser::Field field;
  while (parser.Next(field)) {
    if (field.number == 1) event.time->first = static_cast<int64_t>(field.value);
    if (field.number == 2) event.time->second = static_cast<int32_t>(field.value);
  }
  return parser.ok();
}

bool DecodeAttribute(absl::string_view bytes, TestEvent& event) {
  auto& [name, value] = event.attributes.emplace_back();
  Parser parser(bytes);
  Parser::Field field;
  while (parser.Next(field)) {
    (field.number == 1 ? name : value) = std::string(field.bytes);
  }
  return parser.ok();
}

bool DecodeEvent(absl::string_view bytes, TestEvent& event) {
  event.type.clear();
  Parser parser(bytes);
  Parser::Field field;
  std::string* const texts[] = {nullptr,    &event.id, &event.type,         &event.source,
                                &event.key, nullptr,   &event.content_type, &event.data};
  while (parser.Next(field)) {
    if (field.number < 8 && texts[field.number] != nullptr) {
      *texts[field.number] = std::string(field.bytes);
    } else if (field.number == 5 ? !DecodeTime(field.bytes, event)
                                 : field.number != 8 || !DecodeAttribute(field.bytes, event)) {
      return false;
    }
  }
  return parser.ok();
}

}  // namespace

std::string Varint(uint64_t value) {
  std::string out;
  do {
    const auto low = static_cast<uint8_t>(value & 0x7f);
    value >>= 7;
    out.push_back(static_cast<char>(value != 0 ? low | 0x80 : low));
  } while (value != 0);
  return out;
}

std::string VarintField(uint32_t number, uint64_t value) {
  return absl::StrCat(Varint(uint64_t{number} << 3), Varint(value));
}

std::string BytesField(uint32_t number, absl::string_view content) {
  return absl::StrCat(Varint(uint64_t{number} << 3 | 2), Varint(content.size()), content);
}

std::string Encode(const TestEvent& event) {
  std::string out;
  const auto put = [&out](uint32_t number, absl::string_view text) {
    if (!text.empty()) out += BytesField(number, text);
  };
  put(1, event.id);
  put(2, event.type);
  put(3, event.source);
  put(4, event.key);
  if (event.time.has_value()) {
    std::string time;
    if (event.time->first != 0) {
      time += VarintField(1, static_cast<uint64_t>(event.time->first));
    }
    if (event.time->second != 0) {
      time += VarintField(2, static_cast<uint64_t>(int64_t{event.time->second}));
    }
    out += BytesField(5, time);
  }
  put(6, event.content_type);
  put(7, event.data);
  for (const auto& [name, value] : event.attributes) {
    out += BytesField(8, BytesField(1, name) + BytesField(2, value));
  }
  return out;
}

std::string EncodeEntry(const TestEvent& event) { return BytesField(2, Encode(event)); }

std::string EncodeEvents(const std::vector<TestEvent>& events) {
  std::string out;
  for (const TestEvent& event : events) out += EncodeEntry(event);
  return out;
}

// What stands for an event that was compacted (docs/format.md).
constexpr absl::string_view kCompacted("\x78\x01", 2);

std::optional<std::vector<TestEvent>> DecodeEvents(absl::string_view events) {
  std::vector<TestEvent> decoded;
  Parser parser(events);
  Parser::Field field;
  while (parser.Next(field)) {
    if (field.number != 2) return std::nullopt;
    TestEvent& event = decoded.emplace_back();
    if (field.bytes == kCompacted) {
      event.type.clear();
      continue;
    }
    if (!DecodeEvent(field.bytes, event)) return std::nullopt;
  }
  if (!parser.ok()) return std::nullopt;
  return decoded;
}

void PrintTo(const TestEvent& event, std::ostream* out) {
  *out << event.type << "/" << event.key << "/" << event.id << " (" << event.data.size()
       << " bytes)";
}

}  // namespace tidemark::testing
