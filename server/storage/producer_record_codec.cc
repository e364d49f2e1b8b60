// The bytes of a ProducerRecord (docs/format.md).
#include "absl/strings/str_cat.h"
#include "server/storage/coding.h"
#include "server/storage/record_codec.h"

namespace tidemark::storage {
namespace {

constexpr size_t kProducerFixedBytes = 8 + 4 + 8 + 8 + 4;
constexpr size_t kProducerRangeBytes = 4 + 8 + 4;
// Beside the durability: ranges name their topics, and revisions follow them.
constexpr uint32_t kProducerIsWide = 1 << 8;
constexpr size_t kProducerWideRangeBytes = kProducerRangeBytes + 8;
constexpr size_t kProducerRevisionBytes = 8 + 4 + 8 + 4;  // And the key.

bool IsWide(const ProducerRecord& record) {
  if (!record.revisions.empty()) return true;
  for (const ProducerRecord::Range& range : record.ranges) {
    if (range.topic != TopicId()) return true;
  }
  return false;
}

void AppendRange(std::string& out, const ProducerRecord::Range& range) {
  AppendLittle32(out, range.partition.value());
  AppendLittle64(out, range.first.value());
  AppendLittle32(out, range.count);
}

ProducerRecord::Range LoadRange(const char* p) {
  return {.partition = PartitionIndex(LoadLittle32(p)),
          .first = Offset(LoadLittle64(p + 4)),
          .count = LoadLittle32(p + 12)};
}

void AppendWide(std::string& out, const ProducerRecord& record) {
  AppendLittle32(out, static_cast<uint32_t>(record.ranges.size()));
  for (const ProducerRecord::Range& range : record.ranges) {
    AppendRange(out, range);
    AppendLittle64(out, range.topic.value());
  }
  AppendLittle32(out, static_cast<uint32_t>(record.revisions.size()));
  for (const KeyRevision& revision : record.revisions) {
    AppendLittle64(out, revision.topic.value());
    AppendLittle32(out, revision.revision.has_value() ? 1 : 0);
    AppendLittle64(out, revision.revision.value_or(0));
    AppendLittle32(out, static_cast<uint32_t>(revision.key.size()));
    out.append(revision.key);
  }
}

// False: `bytes` are not what AppendWide makes.
bool LoadWide(absl::string_view bytes, ProducerRecord& record) {
  const auto take_count = [&bytes](uint64_t entry_bytes, uint32_t& count) {
    if (bytes.size() < 4) return false;
    count = LoadLittle32(bytes.data());
    bytes.remove_prefix(4);
    return bytes.size() >= count * entry_bytes;
  };
  uint32_t count = 0;
  if (!take_count(kProducerWideRangeBytes, count)) return false;
  for (; count > 0; --count) {
    record.ranges.push_back(LoadRange(bytes.data()));
    record.ranges.back().topic = TopicId(LoadLittle64(bytes.data() + kProducerRangeBytes));
    bytes.remove_prefix(kProducerWideRangeBytes);
  }
  if (!take_count(kProducerRevisionBytes, count)) return false;
  for (; count > 0; --count) {
    if (bytes.size() < kProducerRevisionBytes) return false;
    KeyRevision& revision = record.revisions.emplace_back();
    revision.topic = TopicId(LoadLittle64(bytes.data()));
    const uint32_t has_revision = LoadLittle32(bytes.data() + 8);
    if (has_revision > 1) return false;
    if (has_revision == 1) revision.revision = LoadLittle64(bytes.data() + 12);
    const uint32_t key_bytes = LoadLittle32(bytes.data() + 20);
    bytes.remove_prefix(kProducerRevisionBytes);
    if (bytes.size() < key_bytes) return false;
    revision.key = std::string(bytes.substr(0, key_bytes));
    bytes.remove_prefix(key_bytes);
  }
  return bytes.empty();
}

absl::Status Damaged(absl::string_view why) {
  return absl::DataLossError(absl::StrCat("damaged producer record: ", why));
}

}  // namespace

std::string EncodeProducerRecord(const ProducerRecord& record) {
  const bool wide = IsWide(record);
  std::string out;
  out.reserve(kProducerFixedBytes + record.ranges.size() * kProducerRangeBytes);
  AppendLittle64(out, record.topic.value());
  AppendLittle32(out, record.fingerprint);
  AppendLittle64(out, record.append_time_us);
  AppendLittle64(out, record.position.value());
  AppendLittle32(out, static_cast<uint32_t>(record.durability) | (wide ? kProducerIsWide : 0));
  if (wide) {
    AppendWide(out, record);
    return out;
  }
  for (const ProducerRecord::Range& range : record.ranges) AppendRange(out, range);
  return out;
}

absl::StatusOr<ProducerRecord> DecodeProducerRecord(absl::string_view bytes) {
  if (bytes.size() < kProducerFixedBytes) return Damaged("wrong length");
  const char* p = bytes.data();
  ProducerRecord record;
  record.topic = TopicId(LoadLittle64(p));
  record.fingerprint = LoadLittle32(p + 8);
  record.append_time_us = LoadLittle64(p + 12);
  record.position = Position(LoadLittle64(p + 20));
  const uint32_t flags = LoadLittle32(p + 28);
  const uint32_t durability = flags & ~kProducerIsWide;
  if (durability > static_cast<uint32_t>(Durability::kMemory)) {
    return Damaged("unknown durability");
  }
  record.durability = static_cast<Durability>(durability);
  bytes.remove_prefix(kProducerFixedBytes);
  if ((flags & kProducerIsWide) != 0) {
    if (!LoadWide(bytes, record)) return Damaged("wrong length");
    return record;
  }
  if (bytes.size() % kProducerRangeBytes != 0) return Damaged("wrong length");
  for (; !bytes.empty(); bytes.remove_prefix(kProducerRangeBytes)) {
    record.ranges.push_back(LoadRange(bytes.data()));
  }
  return record;
}

}  // namespace tidemark::storage
