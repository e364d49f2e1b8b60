#include "server/storage/key_schema.h"

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/storage/coding.h"

namespace tidemark::storage {
namespace {

constexpr size_t kIndexRowBytes = 40;
constexpr size_t kIndexRowBytesOfFormat1 = 32;
constexpr size_t kTermKeyOverheadBytes = 14;  // Log, kind, 0x00, until.
constexpr size_t kGroupRowKeyBytes = 21;      // Prefix, group, log, number.
constexpr size_t kDeadLetterMarkKeyBytes = 13;

std::string WithPrefix(char prefix, absl::string_view rest) {
  std::string key(1, prefix);
  key.append(rest.data(), rest.size());
  return key;
}

}  // namespace

std::string TopicKey(absl::string_view name) { return WithPrefix(kTopicPrefix, name); }

std::string DeletedTopicKey(TopicId id) {
  std::string key(1, kDeletedTopicPrefix);
  AppendBig64(key, id.value());
  return key;
}

std::string LogStartKey(LogId log) {
  std::string key(1, kLogStartPrefix);
  AppendBig32(key, log.value());
  return key;
}

std::string ErasureKey(uint64_t id) {
  std::string key(1, kErasurePrefix);
  AppendBig64(key, id);
  return key;
}

std::string ErasedRangesPrefix(uint64_t id) {
  std::string key(1, kErasedRangesPrefix);
  AppendBig64(key, id);
  return key;
}

std::string ErasedRangesKey(uint64_t id, LogId log) {
  std::string key = ErasedRangesPrefix(id);
  AppendBig32(key, log.value());
  return key;
}

std::string SupersededKey(absl::string_view data_key) {
  return WithPrefix(kSupersededPrefix, data_key);
}

std::string CompactionKey(LogId log) {
  std::string key(1, kCompactionPrefix);
  AppendBig32(key, log.value());
  return key;
}

std::string DataKey(Epoch epoch, LogId log, Offset base_offset) {
  std::string key;
  key.reserve(kDataKeyBytes);
  AppendBig32(key, epoch.value());
  AppendBig32(key, log.value());
  AppendBig64(key, base_offset.value());
  return key;
}

std::string IndexKey(LogId log, Offset base_offset) {
  std::string key;
  key.reserve(kIndexKeyBytes);
  AppendBig32(key, log.value());
  AppendBig64(key, base_offset.value());
  return key;
}

std::string GroupKey(absl::string_view name) { return WithPrefix(kGroupPrefix, name); }

std::string OffsetsPrefix(GroupId group) {
  std::string key(1, kOffsetPrefix);
  AppendBig64(key, group.value());
  return key;
}

std::string OffsetKey(GroupId group, LogId log) {
  std::string key = OffsetsPrefix(group);
  AppendBig32(key, log.value());
  return key;
}

namespace {

std::string GroupRowPrefix(char prefix, GroupId group) {
  std::string key(1, prefix);
  AppendBig64(key, group.value());
  return key;
}

std::string GroupRowPrefix(char prefix, GroupId group, LogId log) {
  std::string key = GroupRowPrefix(prefix, group);
  AppendBig32(key, log.value());
  return key;
}

}  // namespace

std::string DeadLettersPrefix(GroupId group) { return GroupRowPrefix(kDeadLetterPrefix, group); }

std::string DeadLettersPrefix(GroupId group, LogId log) {
  return GroupRowPrefix(kDeadLetterPrefix, group, log);
}

std::string DeadLetterKey(GroupId group, LogId log, Offset offset) {
  std::string key = DeadLettersPrefix(group, log);
  AppendBig64(key, offset.value());
  return key;
}

std::string WorkBlocksPrefix(GroupId group) { return GroupRowPrefix(kWorkBlockPrefix, group); }

std::string WorkBlocksPrefix(GroupId group, LogId log) {
  return GroupRowPrefix(kWorkBlockPrefix, group, log);
}

std::string WorkBlockKey(GroupId group, LogId log, uint64_t block) {
  std::string key = WorkBlocksPrefix(group, log);
  AppendBig64(key, block);
  return key;
}

std::string DeadLetterMarksPrefix(LogId log) {
  std::string key(1, kDeadLetterMarkPrefix);
  AppendBig32(key, log.value());
  return key;
}

std::string DeadLetterMarkKey(LogId log, GroupId group) {
  std::string key = DeadLetterMarksPrefix(log);
  AppendBig64(key, group.value());
  return key;
}

bool ParseGroupRowKey(absl::string_view key, GroupRowKeyParts& parts) {
  if (key.size() != kGroupRowKeyBytes) return false;
  parts.log = LogId(LoadBig32(key.data() + 9));
  parts.number = LoadBig64(key.data() + 13);
  return true;
}

bool ParseDeadLetterMarkKey(absl::string_view key, GroupId& group) {
  if (key.size() != kDeadLetterMarkKeyBytes) return false;
  group = GroupId(LoadBig64(key.data() + 5));
  return true;
}

std::string ProducerKey(absl::string_view id, uint64_t sequence) {
  std::string key(id);
  key.push_back('\0');
  AppendBig64(key, sequence);
  return key;
}

std::string TermsPrefix(LogId log) {
  std::string key;
  AppendBig32(key, log.value());
  return key;
}

std::string TermPrefix(LogId log, TermKind kind, absl::string_view term) {
  std::string key;
  key.reserve(kTermKeyOverheadBytes + term.size());
  AppendBig32(key, log.value());
  key.push_back(static_cast<char>(kind));
  key.append(term.data(), term.size());
  key.push_back('\0');
  return key;
}

std::string TermKey(LogId log, TermKind kind, absl::string_view term, Offset until) {
  std::string key = TermPrefix(log, kind, term);
  AppendBig64(key, until.value());
  return key;
}

std::string KeyTotalKey(LogId log, absl::string_view key) {
  std::string row = TermsPrefix(log);
  row.push_back(kKeyTotalMark);
  row.append(key.data(), key.size());
  row.push_back('\0');
  return row;
}

std::string ErasedTotalKey(LogId log, absl::string_view digest) {
  std::string row = TermsPrefix(log);
  row.push_back(kErasedTotalMark);
  row.append(digest.data(), digest.size());
  return row;
}

std::string SealedKey(LogId log) {
  std::string key = TermsPrefix(log);
  key.push_back(kSealedMark);
  return key;
}

bool ParseTermKey(absl::string_view key, LogId log, TermKind kind, TermKeyParts& parts) {
  if (key.size() < kTermKeyOverheadBytes || LoadBig32(key.data()) != log.value() ||
      key[4] != static_cast<char>(kind) || key[key.size() - 9] != '\0') {
    return false;
  }
  parts.term = key.substr(5, key.size() - kTermKeyOverheadBytes);
  parts.until = Offset(LoadBig64(key.data() + key.size() - 8));
  return true;
}

std::string PrefixEnd(absl::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xff) end.pop_back();
  TM_CHECK(!end.empty());
  end.back() = static_cast<char>(static_cast<uint8_t>(end.back()) + 1);
  return end;
}

DataKeyParts ParseDataKey(absl::string_view key) {
  TM_CHECK_EQ(key.size(), kDataKeyBytes);
  return {.epoch = Epoch(LoadBig32(key.data())),
          .log = LogId(LoadBig32(key.data() + 4)),
          .base_offset = Offset(LoadBig64(key.data() + 8))};
}

std::string EncodeIndexRow(const IndexRow& row) {
  std::string value;
  value.reserve(kIndexRowBytes);
  AppendLittle32(value, row.epoch.value());
  AppendLittle32(value, row.count);
  AppendLittle64(value, row.append_time_us);
  AppendLittle64(value, row.position.value());
  AppendLittle32(value, row.events_bytes);
  AppendLittle32(value, row.events_crc32c);
  AppendLittle64(value, row.log_bytes);
  if (row.compression != Compression::kNone) value.push_back(static_cast<char>(row.compression));
  return value;
}

bool DecodeIndexRow(absl::string_view value, IndexRow& row) {
  row.compression = Compression::kNone;
  if (value.size() % 2 == 1) {
    const auto number = static_cast<uint8_t>(value.back());
    if (number == 0 || number >= kCompressions) return false;
    row.compression = static_cast<Compression>(number);
    value.remove_suffix(1);
  }
  if (value.size() != kIndexRowBytes && value.size() != kIndexRowBytesOfFormat1) return false;
  const char* p = value.data();
  row.epoch = Epoch(LoadLittle32(p));
  row.count = LoadLittle32(p + 4);
  row.append_time_us = LoadLittle64(p + 8);
  row.position = Position(LoadLittle64(p + 16));
  row.events_bytes = LoadLittle32(p + 24);
  row.events_crc32c = LoadLittle32(p + 28);
  row.log_bytes = value.size() == kIndexRowBytes ? LoadLittle64(p + 32) : 0;
  return true;
}

}  // namespace tidemark::storage
