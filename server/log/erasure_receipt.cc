#include "server/log/erasure_receipt.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

constexpr uint64_t kMicrosPerSecond = 1'000'000;
constexpr uint64_t kNanosPerMicro = 1'000;

void AppendText(std::string& out, uint32_t field, absl::string_view text) {
  AppendBytesHeader(out, field, text.size());
  out.append(text.data(), text.size());
}

void AppendNumber(std::string& out, uint32_t field, uint64_t value) {
  AppendVarint(out, static_cast<uint64_t>(field) << 3);
  AppendVarint(out, value);
}

// google.protobuf.Timestamp.
std::string EncodeTime(uint64_t time_us) {
  std::string time;
  AppendNumber(time, 1, time_us / kMicrosPerSecond);
  AppendNumber(time, 2, time_us % kMicrosPerSecond * kNanosPerMicro);
  return time;
}

}  // namespace

AppendRequest MakeReceipt(TopicPtr topic, absl::string_view type,
                          const storage::ErasureRecord& record, uint64_t time_us) {
  std::string event;
  AppendText(event, kEventIdField, absl::StrCat(type, "/", record.id));
  AppendText(event, kEventTypeField, type);
  AppendText(event, kEventSourceField, "tidemark");
  AppendText(event, kEventKeyField, record.topic_name);
  AppendText(event, kEventTimeField, EncodeTime(time_us));
  AppendText(event, kEventContentTypeField, "application/json");
  AppendText(event, kEventDataField, storage::EncodeErasureRecord(record));
  auto entry = std::make_shared<std::string>();
  AppendText(*entry, kEventsField, event);

  AppendRequest request{.topic = std::move(topic)};
  PartitionEvents& events = request.parts.emplace_back();
  events.count = 1;
  events.bytes = entry->size();
  events.runs.push_back(*entry);
  request.bytes = entry->size();
  request.owner = std::move(entry);
  return request;
}

}  // namespace tidemark::log
